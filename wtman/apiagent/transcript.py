"""The conversation on disk: appended and durable after every turn, never edited.

One JSON object a line in `~/.wtman-api/SESSION.jsonl`, mode 0600:

    {"type": "start", "session", "model", "cwd", "system"}       first
    {"type": "message", "message": {"role", "content"}}          each turn
    {"type": "end", "subtype", "usage"}                          each session

Thinking belongs to its model and its conversation, so a conversation goes on with the
model that it began with. Where a kill has torn the last line off, or has come between
a call of a tool and its result, the next session mends that by appending.
"""

import fcntl
import json
import os
import re
from pathlib import Path
from typing import Any, Self

from wtman.errors import MissingError

FOLDER = ".wtman-api"


class Transcript:
    """An open conversation. `messages` is all of it, in the API's terms."""

    def __init__(self, path: Path, start: dict[str, Any], messages: list[dict[str, Any]]) -> None:
        self.path = path
        self.session, self.model, self.system = (
            str(start[key]) for key in ("session", "model", "system")
        )
        self.messages = messages
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise MissingError(
                f"conversation {self.session} is in use", hint="wait for its session to end"
            ) from error

    @classmethod
    def create(cls, home: Path, session: str, model: str, cwd: str, system: str) -> Self:
        folder = home / FOLDER
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{session}.jsonl"
        path.touch(mode=0o600, exist_ok=False)
        start = {"session": session, "model": model, "cwd": cwd, "system": system}
        made = cls(path, start, [])
        made._append({"type": "start", **start})
        return made

    @classmethod
    def resume(cls, home: Path, which: str) -> Self:
        """The conversation of that session id, or in that file."""
        path = Path(which)
        if re.fullmatch(r"[0-9A-Za-z-]{8,64}", which):
            path = home / FOLDER / f"{which}.jsonl"
        try:
            data = path.read_bytes()
        except OSError as error:
            raise _missing(which) from error
        lines = [line for line in map(_object, data.splitlines()) if line is not None]
        if not lines or not {"session", "model", "system"} <= lines[0].keys():
            raise _missing(which)
        found = cls(path, lines[0], [x["message"] for x in lines if x.get("type") == "message"])
        if not data.endswith(b"\n"):
            os.write(found._file, b"\n")
        return found

    def add(self, message: dict[str, Any]) -> None:
        self.messages.append(message)
        self._append({"type": "message", "message": message})

    def end(self, subtype: str, usage: dict[str, int]) -> None:
        self._append({"type": "end", "subtype": subtype, "usage": usage})

    def unanswered(self) -> list[dict[str, Any]]:
        """Results for the calls of tools that a kill has left without one."""
        last = self.messages[-1] if self.messages else {}
        if last.get("role") != "assistant":
            return []
        why = "interrupted: the session was stopped before this call had ended"
        return [
            tool_result(block, why) for block in last["content"] if block.get("type") == "tool_use"
        ]

    def close(self) -> None:
        os.close(self._file)

    def _append(self, line: dict[str, Any]) -> None:
        data = json.dumps(line).encode() + b"\n"
        while data:
            data = data[os.write(self._file, data) :]
        os.fsync(self._file)


def tool_result(call: dict[str, Any], content: Any, failed: bool = True) -> dict[str, Any]:
    """What is answered to a `tool_use`."""
    found = {"type": "tool_result", "tool_use_id": call["id"], "content": content}
    return {**found, "is_error": failed}


def _missing(which: str) -> MissingError:
    return MissingError(
        f"no conversation {which}", hint="start without --resume, or name the file of one"
    )


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
