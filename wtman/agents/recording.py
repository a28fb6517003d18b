"""A finished session as a recording that `replay:` plays: its words, its edits, its end.

The player (`wtman/agents/player.py`) documents the format. When each line came is not known
of a session that is over: a recording says all, makes all edits, and ends.
"""

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Any

from wtman.model.changes import Edit


def recording(
    task: str, agent: str, out: bytes, err: bytes, edits: Iterable[Edit], exit: int
) -> Iterator[str]:
    """The lines of a recording. Bytes that are no UTF-8 travel as lone surrogates."""
    yield _line({"wtman_recording": 1, "task": task, "agent": agent})
    for name, stream in (("out", out), ("err", err)):
        lines = stream.split(b"\n")
        for line in lines if lines[-1] else lines[:-1]:
            yield _line({name: line.decode("utf-8", "surrogateescape")})
    # What goes makes room first: a folder may be where a file was.
    for edit in sorted(edits, key=lambda item: (item.mode != "", item.path)):
        yield _line(_step(edit))
    yield _line({"exit": min(max(exit, 0), 255)})


def _step(edit: Edit) -> dict[str, Any]:
    if not edit.mode:
        return {"delete": edit.path}
    told: dict[str, Any] = {"path": edit.path, "mode": edit.mode}
    try:
        return {"edit": told | {"content": edit.content.decode("utf-8")}}
    except UnicodeDecodeError:
        return {"edit": told | {"base64": base64.b64encode(edit.content).decode("ascii")}}


def _line(step: dict[str, Any]) -> str:
    return json.dumps(step, ensure_ascii=True) + "\n"
