"""The one JSON form of a value, and the name of an item: what keys and scopes are made of."""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

NAME_MOST = 160  # characters of an item's name that are kept as they are
DEEPEST = 50


class NoJson(ValueError):
    """A value has no JSON form; `where` is its place, such as `prompt` or `owns[2]`."""

    def __init__(self, where: str, value: object) -> None:
        super().__init__(f"{where or 'the value'} is {_kind(value)}, which has no JSON form")
        self.where = where


def _kind(value: object) -> str:
    if isinstance(value, float):
        return f"the number {value}"
    if isinstance(value, str):
        return "text with a half surrogate pair"
    return f"of type {type(value).__name__}"


def canonical(value: object) -> str:
    """JSON with sorted keys and no spaces: equal values have equal texts. Raises NoJson."""
    checked(value)
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def checked(value: object, where: str = "", depth: int = 0) -> None:
    """Raise NoJson where the value holds more than JSON can say."""
    if depth > DEEPEST:
        raise NoJson(where, value)
    if value is None or isinstance(value, bool | int):
        return
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise NoJson(where, value) from None
    elif isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise NoJson(where, value)
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            checked(item, f"{where}[{number}]", depth + 1)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            if not isinstance(name, str):
                raise NoJson(where, name)
            checked(item, f"{where}.{name}" if where else name, depth + 1)
    else:
        raise NoJson(where, value)


def digest(*values: object) -> str:
    """sha256 of their canonical JSON, as 64 hex digits."""
    return sha256(canonical(list(values)).encode()).hexdigest()


def name_of(plain: Any) -> str:
    """The name of an item in a scope: a text is itself, anything else its canonical JSON.

    A long one is cut and ends with its hash, so that it stays the item's own.
    """
    text = plain if isinstance(plain, str) and plain else canonical(plain)
    if len(text) <= NAME_MOST:
        checked(text)
        return text
    return f"{text[:NAME_MOST]}…{digest(text)[:12]}"


def twice(names: Iterable[str]) -> str | None:
    """The first name that is there a second time, None where all differ."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
