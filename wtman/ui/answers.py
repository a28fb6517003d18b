"""What a planner, a scout, a judge or a repairer answered, as lines: a program prints it as JSON,
which is for wtman and not for people. Pure."""

import json
from collections.abc import Iterator
from typing import Any

from wtman.text.terminal import clean

# Each answer has one of these keys; other JSON is shown as it is.
_KEYS = frozenset("tasks decision best changes adds summary outline source".split())
_LINE = 400


def answer_lines(printed: bytes) -> list[str] | None:
    """The lines of an answer that was printed on one line; None: it is none."""
    if not printed.lstrip().startswith(b"{"):
        return None
    try:
        answer = json.loads(printed)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict) or not _KEYS & answer.keys():
        return None
    return [clean(text, _LINE) for text in _told(answer)]


def _told(answer: dict[str, Any]) -> Iterator[str]:
    for key, value in answer.items():
        if value in ("", None) or value == [] or value == {}:
            continue
        if isinstance(value, list) and any(isinstance(item, dict) for item in value):
            yield from (f"{key.removesuffix('s')}: {_item(item)}" for item in value)
        elif key == "source":
            yield from (f"{key}:", *(f"  {line}" for line in str(value).splitlines()))
        else:
            words = str(value).replace("_", " ") if key == "decision" else _item(value)
            yield f"{key}: {words}"


def _item(value: object) -> str:
    """A task, a place or a list in a line: what has words first, lists in brackets."""
    if isinstance(value, dict):
        said = [_item(it) for it in value.values() if not isinstance(it, list) and it]
        lists = [f"{key} {_item(it)}" for key, it in value.items() if isinstance(it, list) and it]
        return ", ".join(filter(None, (": ".join(said), *lists)))
    if isinstance(value, list):
        return f"[{', '.join(map(_item, value))}]"
    return " ".join(str(value).split())
