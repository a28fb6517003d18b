"""Events on stdout, one JSON object a line, in the shapes of Claude Code's stream-json.

So whoever reads one of the two reads both. A line is written whole and at once.
"""

import json
import time
import uuid
from dataclasses import dataclass
from typing import Any, BinaryIO


@dataclass(frozen=True)
class Ending:
    """How a session ends. `subtype` and `terminal` are Claude Code's words where it has one.

    As there, trouble with the server is subtype `success` with `error` set and a status.
    """

    subtype: str = "success"
    text: str = ""
    error: str = ""  # one line; empty: all is well
    terminal: str = "completed"
    stop: str | None = None
    status: int | None = None
    kind: str = ""  # a stable word for `status`

    def fields(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "subtype": self.subtype,
            "is_error": bool(self.error),
            "terminal_reason": self.terminal,
            "stop_reason": self.stop,
            "api_error_status": self.status,
        }
        if self.kind:
            found["api_error_type"] = self.kind
        if self.error:
            found["errors"] = [self.error]
        if self.subtype == "success":
            found["result"] = self.error or self.text
        return found


def failed(reason: str, *, terminal: str = "failed", stop: str | None = None) -> Ending:
    return Ending("error_during_execution", error=reason, terminal=terminal, stop=stop)


class EventWriter:
    """Writes events of one session to `out`."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self.session = str(uuid.uuid4())
        self._begin = time.monotonic()

    def event(self, kind: str, **fields: Any) -> None:
        line = {"type": kind, **fields, "session_id": self.session, "uuid": str(uuid.uuid4())}
        self._out.write(json.dumps(line).encode() + b"\n")
        self._out.flush()

    def message(self, role: str, **fields: Any) -> None:
        self.event(role, message={"role": role, **fields}, parent_tool_use_id=None)

    def result(self, ending: Ending, **used: Any) -> None:
        milliseconds = round((time.monotonic() - self._begin) * 1000)
        fields = {**ending.fields(), **used, "permission_denials": []}
        self.event("result", **fields, duration_ms=milliseconds)
