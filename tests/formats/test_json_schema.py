"""Values held against JSON Schemas, as answers of agents are."""

from typing import Any

import pytest
from pydantic import BaseModel, Field, ValidationError

from wtman.flow.answer_schema import answer_type, unwrapped
from wtman.formats.json_schema import misfits


class Inner(BaseModel):
    path: str
    line: int | None = None


class Outer(BaseModel):
    points: int = Field(ge=0, le=10)
    inner: list[Inner]
    kind: str = "x"


GOOD: dict[str, Any] = {"points": 3, "inner": [{"path": "a", "line": None}, {"path": "b"}]}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (GOOD, ()),
        ({**GOOD, "points": 11}, ("points: expected 10 or less",)),
        ({**GOOD, "points": True}, ("points: expected integer",)),
        ({"points": 3}, ("inner: missing",)),
        ({**GOOD, "inner": [{}]}, ("inner[0].path: missing",)),
        ({**GOOD, "inner": [{"path": "a", "line": "4"}]}, ("inner[0].line: expected integer",)),
        ([], ("the answer: expected object",)),
    ],
)
def test_a_value_fits_the_schema_of_its_model_or_says_where_not(
    value: Any, told: tuple[str, ...]
) -> None:
    assert misfits(Outer.model_json_schema(), value) == told


def test_enums_constants_patterns_and_sizes() -> None:
    schema = {"type": "object", "properties": {"a": {"enum": ["x", "y"]}}}
    assert misfits(schema, {"a": "z"}) == ("a: expected one of x, y",)
    assert misfits({"const": 4}, 5) == ("the answer: expected 4",)
    assert misfits({"type": "string", "pattern": "^a"}, "b") == (
        "the answer: expected a text like ^a",
    )
    assert misfits({"type": "array", "minItems": 1}, []) == (
        "the answer: expected 1 items or more",
    )
    closed = {"type": "object", "properties": {}, "additionalProperties": False}
    assert misfits(closed, {"b": 1}) == ("b: not expected",)


def test_a_schema_that_holds_itself_ends() -> None:
    schema: dict[str, Any] = {"$ref": "#/$defs/loop", "$defs": {"loop": {"$ref": "#/$defs/loop"}}}
    assert misfits(schema, 1) == ()


@pytest.mark.parametrize(
    ("schema", "said", "seen"),
    [
        (None, {"answer": "words"}, "words"),
        ({"type": "array", "items": {"type": "integer"}}, {"answer": [1, 2]}, [1, 2]),
        ({"type": "object", "properties": {"a": {}}}, {"a": 1}, {"a": 1}),
    ],
)
def test_agents_answer_with_objects_and_scripts_get_what_they_asked_for(
    schema: Any, said: Any, seen: Any
) -> None:
    wanted = answer_type(schema)
    assert wanted.model_json_schema()["type"] == "object"
    assert unwrapped(schema, wanted.model_validate(said)) == seen
    with pytest.raises(ValidationError):
        wanted.model_validate("nothing of this kind")
