"""Events on stdout, one JSON object a line, in the shapes of Claude Code's stream-json.

So whoever reads one of the two reads both. A line is written whole and at once.
"""

import json
import time
import uuid
from typing import Any, BinaryIO


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

    def result(self, **fields: Any) -> None:
        milliseconds = round((time.monotonic() - self._begin) * 1000)
        self.event("result", **fields, duration_ms=milliseconds, permission_denials=[])
