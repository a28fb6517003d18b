"""Whether a JSON value fits a JSON schema, in the small part of the language that we use.

Understood: `type` (one or several), `enum`, `const`, `properties`, `required`,
`additionalProperties` (false or a schema), `items`, `minItems`, `maxItems`, `minLength`,
`maxLength`, `minimum`, `maximum`, `pattern`. A schema is ours, never a model's: one with
any other keyword is refused by ValueError, so that nothing is asked for and not looked at.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_SILENT = frozenset({"$schema", "title", "description", "default", "examples"})
_UNDERSTOOD = frozenset(
    "type enum const properties required additionalProperties items minItems maxItems "
    "minLength maxLength minimum maximum pattern".split()
)
_KINDS: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
}
_MOST = 20  # problems told: a repair prompt with more of them helps nobody


def problems(schema: Mapping[str, Any], value: Any) -> tuple[str, ...]:
    """What is wrong with the value, one line each with its place (`tasks[0].id: ...`).

    Empty where it fits; the first twenty where more is wrong.
    """
    found = []
    for problem in _problems(schema, value, ""):
        found.append(problem)
        if len(found) == _MOST:
            break
    return tuple(found)


def _problems(schema: Mapping[str, Any], value: Any, place: str) -> Iterator[str]:
    if unknown := schema.keys() - _UNDERSTOOD - _SILENT:
        raise ValueError(f"a schema with {', '.join(sorted(unknown))} is not understood")
    here = place or "the answer"
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, kind) for kind in kinds):
        yield f"{here}: is {_kind(value)}, not {' or '.join(kinds)}"
        return
    if "enum" in schema and not any(_same(value, one) for one in schema["enum"]):
        yield f"{here}: is none of {', '.join(map(str, schema['enum']))}"
    if "const" in schema and not _same(value, schema["const"]):
        yield f"{here}: is not {schema['const']}"
    match value:
        case dict():
            yield from _object(schema, value, place)
        case list():
            yield from _array(schema, value, place)
        case str():
            yield from _bounded(schema, len(value), here, "Length", "characters")
            if "pattern" in schema and not re.search(schema["pattern"], value):
                yield f"{here}: does not match {schema['pattern']}"
        case bool() | None:
            return
        case int() | float():
            if value < schema.get("minimum", value):
                yield f"{here}: is below {schema['minimum']}"
            if value > schema.get("maximum", value):
                yield f"{here}: is above {schema['maximum']}"


def _object(schema: Mapping[str, Any], value: dict[str, Any], place: str) -> Iterator[str]:
    here = place or "the answer"
    known = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{here}: has no {name}"
    others = schema.get("additionalProperties", True)
    for name, inner in value.items():
        below = f"{place}.{name}" if place else name
        if name in known:
            yield from _problems(known[name], inner, below)
        elif others is False:
            yield f"{here}: has {name[:80]!r}, which is not asked for"
        elif isinstance(others, dict):
            yield from _problems(others, inner, below)


def _array(schema: Mapping[str, Any], value: list[Any], place: str) -> Iterator[str]:
    yield from _bounded(schema, len(value), place or "the answer", "Items", "items")
    if "items" in schema:
        for n, inner in enumerate(value):
            yield from _problems(schema["items"], inner, f"{place}[{n}]")


def _bounded(
    schema: Mapping[str, Any], size: int, here: str, keyword: str, what: str
) -> Iterator[str]:
    if size < schema.get(f"min{keyword}", 0):
        yield f"{here}: has {size} {what}, at least {schema[f'min{keyword}']} are needed"
    if size > schema.get(f"max{keyword}", size):
        yield f"{here}: has {size} {what}, {schema[f'max{keyword}']} at most"


def _is(value: Any, kind: str) -> bool:
    if kind == "integer":  # JSON knows one kind of number: 2.0 is whole
        return _is(value, "number") and (isinstance(value, int) or value.is_integer())
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind not in _KINDS:
        raise ValueError(f"a schema with the type {kind} is not understood")
    return isinstance(value, _KINDS[kind])


def _same(value: Any, other: Any) -> bool:
    """Equal, and a truth value is no number."""
    return bool(value == other) and isinstance(value, bool) == isinstance(other, bool)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return next((name for name, kind in _KINDS.items() if isinstance(value, kind)), "unknown")
