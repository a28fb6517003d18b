"""What `wtman.model.values` makes behaves as what `dataclasses` makes."""

import copy
import dataclasses
import inspect
import pickle
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, field, fields, replace
from typing import Any, ClassVar

import pytest

from wtman.model import values

DECORATORS = {"original": dataclasses.dataclass, "own": values.dataclass}


def made(dataclass: Callable[..., Any], slots: bool = True) -> Any:
    @dataclass(frozen=True, slots=slots)
    class Value:
        kind: ClassVar[str] = "of the class"
        name: str
        size: int = 7
        parts: list[str] = field(default_factory=list)
        aside: str = field(default="", compare=False, repr=False)

        def double(self) -> int:
            return self.size * 2

    return Value


@pytest.fixture(params=DECORATORS)
def dataclass(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """The one and the other: what is tested of ours is true of the original."""
    return DECORATORS[request.param]


@pytest.fixture(params=[True, False], ids=["slots", "no slots"])
def value(request: pytest.FixtureRequest, dataclass: Callable[..., Any]) -> Any:
    return made(dataclass, request.param)


def test_it_is_called_with_what_its_fields_say(value):
    one = value("a", parts=["x"])
    assert (one.name, one.size, one.parts, one.kind) == ("a", 7, ["x"], "of the class")
    assert value("a").parts is not value("a").parts
    assert one.double() == 14
    assert value.__match_args__ == ("name", "size", "parts", "aside")
    assert [item.name for item in fields(value)] == ["name", "size", "parts", "aside"]
    for wrong in ((), ("a", 1, [], "", "too many")):
        with pytest.raises(TypeError, match=r"Value\.__init__\(\)"):
            value(*wrong)
    with pytest.raises(TypeError, match="unexpected keyword argument 'nam'"):
        value(nam="a")


def test_its_signature_is_known_before_it_is_called(value):
    assert list(inspect.signature(value).parameters) == ["name", "size", "parts", "aside"]


def test_it_is_compared_by_its_fields(value):
    assert value("a") == value("a", aside="other") != value("b")
    assert value("a") != ("a", 7, [])
    assert value("a") != made(dataclasses.dataclass)("a")


def test_it_is_hashed_by_its_fields(dataclass):
    @dataclass(frozen=True, slots=True)
    class Pair:
        one: str
        other: int

    @dataclass(frozen=True, slots=True)
    class Nothing:
        pass

    assert len({Pair("a", 1), Pair("a", 1), Pair("b", 1)}) == 2
    assert {Nothing(), Nothing()} == {Nothing()}
    with pytest.raises(TypeError, match="unhashable"):
        hash(made(dataclass)("a"))


def test_it_is_shown_by_its_fields(value):
    assert repr(value("a")).endswith("Value(name='a', size=7, parts=[])")


def test_it_cannot_be_changed(value):
    one = value("a")
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'name'"):
        one.name = "b"
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'name'"):
        del one.name
    with pytest.raises((FrozenInstanceError, TypeError)):
        one.new = "b"
    assert replace(one, name="b") == value("b")
    assert hasattr(one, "__dict__") is not hasattr(value, "__slots__")


def test_it_is_copied_whole(value, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "Value", value, raising=False)
    value.__qualname__ = "Value"
    one = value("a", parts=["x"], aside="y")
    for other in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert other == one
        assert other.aside == "y"
    assert asdict(one) == {"name": "a", "size": 7, "parts": ["x"], "aside": "y"}


def test_what_a_class_says_itself_stays(dataclass):
    @dataclass(frozen=True, slots=True)
    class Odd:  # noqa: PLW1641 -- the decorator makes it
        name: str

        def __eq__(self, other: object) -> bool:
            return True

        def __repr__(self) -> str:
            return "odd"

    assert Odd("a") == 1
    assert repr(Odd("a")) == "odd"
    assert hash(Odd("a")) == hash(Odd("a"))


def test_a_class_can_inherit_and_see_to_its_values(dataclass):
    @dataclass(frozen=True, slots=True)
    class Above:
        name: str

        def __post_init__(self) -> None:
            if not self.name:
                raise ValueError("no name")

    @dataclass(frozen=True)
    class Below(Above):
        more: int = 0

    @dataclasses.dataclass(frozen=True, slots=True)
    class Elsewhere(Above):
        more: int = 0

    class Plain(Below):
        def __init__(self) -> None:
            super().__init__("plain", 3)

    assert (Below("a", 1).name, Below("a", 1).more) == ("a", 1)
    assert (Plain().name, Plain().more) == ("plain", 3)
    assert Above("a") != Below("a")
    for one in (Above, Below, Elsewhere):
        with pytest.raises(ValueError, match="no name"):
            one("")
    with pytest.raises(TypeError, match="cannot inherit non-frozen"):
        dataclasses.dataclass(type("Loose", (Above,), {}))


def test_what_is_asked_for_beyond_is_made_by_the_original(dataclass):
    @dataclass(frozen=True, order=True)
    class Ordered:
        size: int

    @dataclass(frozen=True, eq=False)
    class Itself:
        size: int

    @dataclass
    class Open:
        size: int

    @dataclass(slots=True)
    class Slots:
        size: int

    assert Ordered(1) < Ordered(2)
    assert Itself(1) != Itself(1)
    for one in (Open(1), Slots(1)):
        one.size = 2
        assert one.size == 2
