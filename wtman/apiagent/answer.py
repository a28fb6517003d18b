"""An answer that has to fit a JSON schema.

The server is asked to hold the model to it (`output_config.format`), which compatible
servers may ignore and which knows fewer constraints than a schema; so it is judged here,
against the schema as it was given.
"""

import json
import re
from typing import Any

from wtman.formats.json_schema import problems

REPAIRS = 1  # rounds in which the model may mend its answer


def wire_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema as the server takes it: what it does not know goes into descriptions."""
    from anthropic import transform_schema

    try:
        return transform_schema(schema)
    except (ValueError, TypeError, KeyError):
        return schema


def check(schema: dict[str, Any]) -> None:
    """ValueError where a part of the schema is not understood, so not looked at either."""
    problems(schema, None)
    inner = [*schema.get("properties", {}).values(), schema.get("items")]
    for part in (*inner, schema.get("additionalProperties")):
        if isinstance(part, dict):
            check(part)


def read(text: str, schema: dict[str, Any]) -> tuple[Any, str]:
    """The value in an answer and why it does not fit; an empty reason when it does."""
    value, problem = _value(text)
    if problem:
        return None, problem
    found = problems(schema, value)
    return (None, "; ".join(found)) if found else (value, "")


def _value(text: str) -> tuple[Any, str]:
    fenced = re.findall(r"```(?:json)?\s*\n(.*?)```", text, re.S)
    inner = re.search(r"[{\[].*[}\]]", text, re.S)
    first = ""
    for piece in (text, *fenced[-1:], *([inner[0]] if inner else [])):
        try:
            return json.loads(piece), ""
        except (ValueError, RecursionError) as error:
            first = first or str(error)
    return None, f"no JSON: {first}"


def again(problem: str) -> str:
    return (
        f"Your answer does not fit the schema that was asked for: {problem}. "
        "Answer again, with nothing but the whole corrected JSON."
    )


def asked(schema: dict[str, Any]) -> str:
    """For servers that may not know `output_config.format`."""
    return (
        f"Your last message must be nothing but JSON that fits this schema:\n{json.dumps(schema)}"
    )
