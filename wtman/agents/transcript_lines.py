"""The parts of a readable stream that all agents' have: a tool, its answer, an error."""

import json
from collections.abc import Iterator
from typing import Any

from wtman.agents.stream import text

_ANSWER = 10  # lines of what a tool answered
_GIVEN = 400  # columns of what a tool was given, where nothing of it says what it is for
_TARGETS = "file_path filePath notebook_path path command pattern url query description".split()


def target_of(given: Any) -> str:
    found = next((found for name in _TARGETS if (found := text(given, name))), "")
    return found or (json.dumps(given)[:_GIVEN] if given else "")


def error_lines(said: str) -> Iterator[str]:
    try:  # some providers put their JSON into it
        inner = json.loads(said)
    except (ValueError, RecursionError):
        inner = None
    said = text(inner, "error", "message") or text(inner, "message") or said
    yield from (f"! {line}" for line in said.splitlines())


def answer_lines(said: str) -> Iterator[str]:
    lines = said.rstrip().splitlines()
    yield from (f"    {line}" for line in lines[:_ANSWER])
    if len(lines) > _ANSWER:
        yield f"    … and {len(lines) - _ANSWER} more lines (--raw)"


def first_line(said: str) -> str:
    first, *more = said.strip().splitlines() or [""]
    return f"{first} …" if more else first
