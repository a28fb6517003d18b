"""Validation of answers against our schemas."""

from typing import Any

import pytest

from wtman.formats.json_schema import problems

TASK: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "minLength": 1, "maxLength": 4, "pattern": "^[a-z]+$"},
        "owns": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2},
        "size": {"enum": ["small", "large"]},
        "cost": {"type": ["number", "null"], "minimum": 0, "maximum": 9},
        "n": {"type": "integer"},
    },
    "required": ["id"],
    "additionalProperties": False,
}
PLAN = {"type": "object", "properties": {"tasks": {"type": "array", "items": TASK}}}


@pytest.mark.parametrize("value", [
    {"id": "a"},
    {"id": "ab", "owns": ["x"], "size": "small", "cost": 1.5, "n": 2},
    {"id": "ab", "cost": None, "n": 2.0},
])  # fmt: skip
def test_fits(value: Any) -> None:
    assert problems(TASK, value) == ()
    assert problems(PLAN, {"tasks": [value], "more": 1}) == ()


@pytest.mark.parametrize("value, wrong", [
    ([], "the answer: is array, not object"),
    (None, "the answer: is null, not object"),
    ({}, "the answer: has no id"),
    ({"id": 3}, "id: is number, not string"),
    ({"id": ""}, "id: has 0 characters, at least 1 are needed"),
    ({"id": "abcde"}, "id: has 5 characters, 4 at most"),
    ({"id": "A"}, "id: does not match ^[a-z]+$"),
    ({"id": "a", "owns": []}, "owns: has 0 items, at least 1 are needed"),
    ({"id": "a", "owns": ["x", 1]}, "owns[1]: is number, not string"),
    ({"id": "a", "owns": ["x"] * 3}, "owns: has 3 items, 2 at most"),
    ({"id": "a", "size": "huge"}, "size: is none of small, large"),
    ({"id": "a", "cost": True}, "cost: is boolean, not number or null"),
    ({"id": "a", "cost": -1}, "cost: is below 0"),
    ({"id": "a", "cost": 10}, "cost: is above 9"),
    ({"id": "a", "n": 1.5}, "n: is number, not integer"),
    ({"id": "a", "x": 1}, "the answer: has 'x', which is not asked for"),
])  # fmt: skip
def test_does_not_fit(value: Any, wrong: str) -> None:
    assert wrong in problems(TASK, value)
    inner = [line for line in problems(PLAN, {"tasks": [value]}) if line.startswith("tasks[0]")]
    assert inner


def test_a_truth_value_is_no_number() -> None:
    assert problems({"enum": [1]}, True)
    assert problems({"const": 1}, True)
    assert not problems({"const": 1}, 1)


def test_most_of_many_problems_are_left_out() -> None:
    assert len(problems({"type": "array", "items": {"type": "string"}}, [1] * 99)) == 20


@pytest.mark.parametrize(
    "schema", [{"oneOf": []}, {"type": "text"}, {"properties": {"a": {"$ref": ""}}}]
)
def test_what_is_not_understood_is_never_passed_over(schema: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is not understood"):
        problems(schema, {"a": 1})
