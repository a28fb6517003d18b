"""The answer that a script wants of a question, as what `sessions.ask` asks with.

The script gives a JSON Schema, not a class; without one it wants words, which are one text field.
"""

from typing import TYPE_CHECKING, Any

from wtman.formats.json_schema import misfits

if TYPE_CHECKING:
    from pydantic import BaseModel

WORDS = "answer"  # the field of an answer that is no object
_TEXT: dict[str, Any] = {
    "type": "object",
    "properties": {WORDS: {"type": "string"}},
    "required": [WORDS],
    "additionalProperties": False,
}


def answer_type(schema: Any) -> "type[BaseModel]":
    """A model of which the schema is this one, and which takes what fits it."""
    from pydantic import RootModel, model_validator
    from pydantic_core import PydanticCustomError

    wanted = _object(schema)

    class FlowAnswer(RootModel[Any]):
        @model_validator(mode="after")
        def _fits(self) -> "FlowAnswer":
            if found := misfits(wanted, self.root):
                raise PydanticCustomError("schema", "{said}", {"said": "; ".join(found[:10])})
            return self

        @classmethod
        def model_json_schema(cls, *args: Any, **more: Any) -> dict[str, Any]:
            return wanted

    return FlowAnswer


def unwrapped(schema: Any, value: Any) -> Any:
    """The answer as the script sees it."""
    said = getattr(value, "root", value)
    return said if _is_object(schema) else said[WORDS]


def _object(schema: Any) -> dict[str, Any]:
    """The schema, of an object: agents answer with nothing else."""
    if schema is None:
        return _TEXT
    if _is_object(schema):
        return dict(schema)
    inner = dict(schema) if isinstance(schema, dict) else {}
    shared = {"$defs": inner.pop("$defs")} if "$defs" in inner else {}
    return {**_TEXT, "properties": {WORDS: inner}, **shared}


def _is_object(schema: Any) -> bool:
    if not isinstance(schema, dict):
        return False
    return schema.get("type") == "object" or "properties" in schema or "$ref" in schema
