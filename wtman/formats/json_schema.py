"""A JSON value held against a JSON Schema: the part of it that answers of agents are given by.

Types, properties, required and additional ones, items, enums, constants, bounds, `anyOf`,
`oneOf`, `allOf` and references to `$defs`. What is not known here holds nothing back.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_DEPTH = 60
_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}


def misfits(schema: Any, value: Any) -> tuple[str, ...]:
    """What is wrong with a value, each with its place; empty where it fits."""
    return tuple(_misfits(schema, value, "", schema, 0))


def _misfits(schema: Any, value: Any, place: str, root: Any, depth: int) -> Iterator[str]:
    if not isinstance(schema, dict) or depth > _DEPTH:
        if schema is False:
            yield f"{place or 'the answer'}: nothing is allowed here"
        return
    if isinstance(reference := schema.get("$ref"), str):
        yield from _misfits(_resolved(root, reference), value, place, root, depth + 1)
    named = schema.get("type")
    kinds = named if isinstance(named, list) else [named] if named else []
    if kinds and not any(_TYPES.get(str(kind), lambda value: True)(value) for kind in kinds):
        yield f"{place or 'the answer'}: expected {' or '.join(map(str, kinds))}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place or 'the answer'}: expected one of {', '.join(map(str, schema['enum']))}"
    if "const" in schema and value != schema["const"]:
        yield f"{place or 'the answer'}: expected {schema['const']}"
    yield from _combined(schema, value, place, root, depth)
    if isinstance(value, dict):
        yield from _object(schema, value, place, root, depth)
    elif isinstance(value, list):
        yield from _sized(schema, len(value), place, "Items", "items")
        for number, item in enumerate(value):
            yield from _misfits(schema.get("items"), item, f"{place}[{number}]", root, depth + 1)
    elif isinstance(value, str):
        yield from _sized(schema, len(value), place, "Length", "characters")
        yield from _patterned(schema, value, place)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _bounded(schema, value, place)


def _object(
    schema: Mapping[str, Any], value: Mapping[str, Any], place: str, root: Any, depth: int
) -> Iterator[str]:
    properties = schema.get("properties")
    known = properties if isinstance(properties, dict) else {}
    for name in schema.get("required") or ():
        if name not in value:
            yield f"{place}.{name}: missing".lstrip(".")
    more = schema.get("additionalProperties")
    for name, item in value.items():
        where = f"{place}.{name}".lstrip(".")
        if name in known:
            yield from _misfits(known[name], item, where, root, depth + 1)
        elif more is False:
            yield f"{where}: not expected"
        elif more is not None:
            yield from _misfits(more, item, where, root, depth + 1)


def _combined(
    schema: Mapping[str, Any], value: Any, place: str, root: Any, depth: int
) -> Iterator[str]:
    for part in schema.get("allOf") or ():
        yield from _misfits(part, value, place, root, depth + 1)
    for name in ("anyOf", "oneOf"):
        parts = schema.get(name)
        if not isinstance(parts, list) or not parts:
            continue
        found = [tuple(_misfits(part, value, place, root, depth + 1)) for part in parts]
        if all(found):
            yield from min(found, key=len)


def _sized(schema: Mapping[str, Any], size: int, place: str, name: str, what: str) -> Iterator[str]:
    least, most = schema.get(f"min{name}"), schema.get(f"max{name}")
    if isinstance(least, int) and size < least:
        yield f"{place or 'the answer'}: expected {least} {what} or more"
    if isinstance(most, int) and size > most:
        yield f"{place or 'the answer'}: expected {most} {what} or fewer"


def _patterned(schema: Mapping[str, Any], value: str, place: str) -> Iterator[str]:
    pattern = schema.get("pattern")
    if not isinstance(pattern, str):
        return
    try:
        fits = re.search(pattern, value[:10_000]) is not None
    except re.error:
        return
    if not fits:
        yield f"{place or 'the answer'}: expected a text like {pattern}"


def _bounded(schema: Mapping[str, Any], value: float, place: str) -> Iterator[str]:
    where = place or "the answer"
    bounds: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
        ("minimum", lambda limit: value < limit, "or more"),
        ("maximum", lambda limit: value > limit, "or less"),
        ("exclusiveMinimum", lambda limit: value <= limit, "and more"),
        ("exclusiveMaximum", lambda limit: value >= limit, "and less"),
    )
    for name, wrong, words in bounds:
        limit = schema.get(name)
        if isinstance(limit, int | float) and not isinstance(limit, bool) and wrong(limit):
            yield f"{where}: expected {limit} {words}"


def _resolved(root: Any, reference: str) -> Any:
    at = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        at = at.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(at, dict) else None
    return at
