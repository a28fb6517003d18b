"""What a session wrote of where it deviates from what was agreed: one JSON document, or JSON lines.

Anybody's text: bounded, cleaned, and whatever has another shape is dropped and told. Pure.
"""

import json
from typing import Any

from wtman.model.session import Deviation
from wtman.text.terminal import clean

MOST = 20  # notes of one session
MOST_BYTES = 64 << 10
_NAME, _TEXT = 120, 500  # columns of a name, and of what is said of it
_KEYS = ("notes", "deviations")  # under which a document may have the list
_SHAPE = '{"name", "agreed", "instead", "why"}, each a text, with a `name` and what is `instead`'


def deviations(text: str) -> tuple[tuple[Deviation, ...], str]:
    """The notes in a text, and what could not be used of it, in one line; empty: nothing."""
    found: list[Deviation] = []
    dropped = 0
    for item in _items(text.removeprefix("\ufeff")):
        note = _note(item)
        if note is None:
            dropped += 1
        elif note not in found:
            found.append(note)
    problems = [f"{dropped} of its notes did not have the shape {_SHAPE}"] if dropped else []
    if len(found) > MOST:
        problems.append(f"only the first {MOST} of its {len(found)} notes count")
    return tuple(found[:MOST]), "; ".join(problems)


def _items(text: str) -> list[Any]:
    """The values that stand for one note each; one of an unknown shape for what cannot be read."""
    if not text.strip():
        return []
    whole = _value(text)
    if whole is None:
        return [_value(line) for line in text.splitlines() if line.strip()]
    if isinstance(whole, dict):
        inner = next((whole[key] for key in _KEYS if isinstance(whole.get(key), list)), None)
        return [whole] if inner is None else inner
    return whole if isinstance(whole, list) else [whole]


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _note(item: Any) -> Deviation | None:
    if not isinstance(item, dict):
        return None
    texts = {key: item.get(key, "") for key in ("name", "agreed", "instead", "why")}
    if not all(isinstance(text, str) for text in texts.values()):
        return None
    made = Deviation(
        **{
            key: clean(" ".join(t.split()), _NAME if key == "name" else _TEXT).strip()
            for key, t in texts.items()
        }
    )
    return made if made.name and made.instead else None
