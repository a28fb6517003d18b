"""Frozen dataclasses that cost little to define.

`dataclasses.dataclass` writes six methods of each class as text and compiles them whenever the
program starts: with hundreds of classes that is half of the time of a short command. Here what is
the same for every class is written once, and `__init__` is made when a class is first called.
Promises to behave like the original, to which it leaves whatever is not frozen, or more than
frozen with slots, or heir of another. Who reads types sees the original.
"""

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(cls=None, /, **options):
        """As `dataclasses.dataclass`."""
        plain = options.get("frozen") and options.keys() <= {"frozen", "slots"}
        make = _frozen if plain else dataclasses.dataclass
        return make(cls, **options) if cls else lambda given: make(given, **options)


def _frozen(cls: type, **options: bool) -> Any:
    # Where there is none, dataclasses makes one of the signature, which takes a tokenizer.
    cls.__doc__ = cls.__doc__ or cls.__name__
    if any(dataclasses.is_dataclass(one) for one in cls.__bases__):
        return dataclasses.dataclass(**options)(cls)
    slots = options.get("slots", False)
    plain: Any = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots)(cls)
    plain.__dataclass_params__.frozen = True  # its heirs look there
    compared = [item.name for item in dataclasses.fields(plain) if item.compare]
    values = attrgetter(*compared) if compared else lambda it: ()
    methods = {"__init__": _Init(plain), **_comparison(values), **_SHARED}
    for name, method in methods.items():
        if cls.__dict__.get(name) is None:  # what it defines itself stays
            setattr(plain, name, method)
    return plain


class _Init:
    """Stands for the `__init__` of a class until that is asked for."""

    def __init__(self, owner: type) -> None:
        self.owner = owner

    def __get__(self, it: object, cls: type) -> Any:
        made = _init(self.owner)
        type.__setattr__(self.owner, "__init__", made)
        return made.__get__(it, cls)


_NOT_GIVEN = object()


def _init(owner: Any) -> Any:
    """The `__init__` of a class, compiled from names of its fields."""
    known: dict[str, Any] = {"_set": object.__setattr__, "_not_given": _NOT_GIVEN}
    given, lines = ["self"], ["pass"]
    for item in dataclasses.fields(owner):
        name, default, value = item.name, "", item.name
        if item.default is not dataclasses.MISSING:
            known[f"_default_{name}"] = item.default
            default = f"=_default_{name}"
        elif item.default_factory is not dataclasses.MISSING:
            known[f"_make_{name}"] = item.default_factory
            default, value = "=_not_given", f"_make_{name}() if {name} is _not_given else {name}"
        given.append(f"{name}{default}")
        lines.append(f"_set(self, {name!r}, {value})")
    if hasattr(owner, "__post_init__"):
        lines.append("self.__post_init__()")
    body = "\n ".join(lines)
    exec(f"def __init__({', '.join(given)}):\n {body}", known)
    made = known["__init__"]
    made.__qualname__ = f"{owner.__qualname__}.__init__"
    return made


def _comparison(values: Callable[[Any], Any]) -> dict[str, Any]:
    def __eq__(self: Any, other: Any) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return self is other or values(self) == values(other)

    def __hash__(self: Any) -> int:
        return hash(values(self))

    return {"__eq__": __eq__, "__hash__": __hash__}


def _repr(self: Any) -> str:
    shown = (f for f in dataclasses.fields(self) if f.repr)
    told = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in shown)
    return f"{self.__class__.__qualname__}({told})"


def _set(self: object, name: str, value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _delete(self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, f.name) for f in dataclasses.fields(self)]


def _restore(self: Any, state: list[Any]) -> None:
    for item, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, item.name, value)


_SHARED = {
    "__repr__": _repr,
    "__setattr__": _set,
    "__delattr__": _delete,
    "__getstate__": _state,
    "__setstate__": _restore,
}
