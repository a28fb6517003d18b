"""What each tool answers with, as JSON schemas: those of the commands, as objects.

An answer has the keys of its command, or an `error`; clients take no schema whose root is a
choice, so both are in one object. More keys may come.
"""

import json
import os
from functools import lru_cache
from typing import Any

_PAGES = os.path.join(os.path.dirname(os.path.dirname(__file__)), "manual")
_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_OBJECT = {"type": "object"}
_OBJECTS = {"type": "array", "items": _OBJECT}
_COUNT = {"type": "integer", "minimum": 0}
_ERROR = {
    "type": "object",
    "description": "In place of an answer, where the tool failed.",
    "properties": {
        "code": {"type": "string", "description": "A stable word."},
        "message": {"type": "string", "description": "What failed, on what."},
        "hint": {
            "type": "string",
            "description": "What to call next, or what your user has to type; may be empty.",
        },
    },
    "required": ["code", "message", "hint"],
}
_RUN_OR_NONE = {"type": ["string", "null"], "description": "The run, if there is one."}
_TYPED_BY_USER = "What your user types in a terminal, in the folder of the repository."
_OWN: dict[str, dict[str, Any]] = {
    "plan": {
        "run": {"type": ["string", "null"], "description": "The run that keeps it, for `split`."},
        "plan": {"type": "object", "properties": {"tasks": _OBJECTS}, "required": ["tasks"]},
        "forecast": _OBJECT,
        "warnings": _TEXTS,
    },
    "stop": {"run": _TEXT, "live": {"type": "boolean"}},
    "logs": {
        "task": _TEXT,
        "lines": {"type": "string", "description": "The last lines, with a newline between."},
        "left_out": {**_COUNT, "description": "Lines before them."},
    },
    "report": {"report": _TEXT},
    "answer": {
        "run": _TEXT,
        "question": {
            "type": "object",
            "properties": {"id": _TEXT, "text": _TEXT, "options": _TEXTS},
            "required": ["id", "text", "options"],
        },
        "your_user_types": {**_TEXTS, "description": f"{_TYPED_BY_USER} One for each choice."},
    },
    "review": {
        "run": _RUN_OR_NONE,
        "base": _TEXT,
        "branches": _TEXTS,
        "findings": _OBJECTS,
        "reviews": _OBJECT,
        "notes": _TEXTS,
        "exit": _COUNT,
    },
}


@lru_cache(maxsize=1)
def answer_schemas() -> dict[str, dict[str, Any]]:
    """By the name of the tool. Reads what the manual has of `status` and `merge`."""
    status, merge = _of_manual("status"), _of_manual("merge")
    merge["properties"]["your_user_types"] = {"type": "string", "description": _TYPED_BY_USER}
    own = {name: _answer(properties) for name, properties in _OWN.items()}
    return {**own, "split": status, "status": status, "merge": merge}


def _of_manual(name: str) -> dict[str, Any]:
    with open(os.path.join(_PAGES, f"{name}.schema.json"), encoding="utf-8") as file:
        known = json.load(file)["$defs"]
    made = _answer(known.pop(name)["properties"])
    return {**made, "$defs": known}


def _answer(properties: dict[str, Any]) -> dict[str, Any]:
    held = {"schema": {"const": 1}, **properties, "error": _ERROR}
    return {"type": "object", "properties": held, "required": ["schema"]}
