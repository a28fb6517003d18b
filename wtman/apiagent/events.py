"""Events on stdout, one JSON object a line, in the shapes of Claude Code's stream-json.

So whoever reads one of the two reads both. A line is written whole and at once.
"""

import json
import time
import uuid
from typing import Any, BinaryIO


class EventWriter:
    """Writes events of one session to `out`."""

    def __init__(self, out: BinaryIO, session: str) -> None:
        self._out = out
        self.session = session
        self._begin = time.monotonic()

    def event(self, kind: str, **fields: Any) -> None:
        line = {"type": kind, **fields, "session_id": self.session, "uuid": str(uuid.uuid4())}
        self._out.write(json.dumps(line).encode() + b"\n")
        self._out.flush()

    def init(self, *, cwd: str, model: str, tools: list[str], key_source: str) -> None:
        self.event(
            "system",
            subtype="init",
            cwd=cwd,
            tools=tools,
            mcp_servers=[],
            model=model,
            permissionMode="bypassPermissions",
            apiKeySource=key_source,
        )

    def assistant(self, message: dict[str, Any]) -> None:
        self.event("assistant", message=message, parent_tool_use_id=None)

    def user(self, content: list[dict[str, Any]]) -> None:
        message = {"role": "user", "content": content}
        self.event("user", message=message, parent_tool_use_id=None)

    def retry(
        self,
        *,
        attempt: int,
        most: int,
        wait: float,
        status: int | None,
        error: str,
        usage: dict[str, int] | None,
    ) -> None:
        """Says that a response is asked for again, and what the failed one has cost."""
        self.event(
            "system",
            subtype="api_retry",
            attempt=attempt,
            max_retries=most,
            retry_delay_ms=round(wait * 1000),
            error_status=status,
            error=error,
            usage=usage,
        )

    def result(self, **fields: Any) -> None:
        milliseconds = round((time.monotonic() - self._begin) * 1000)
        self.event("result", **fields, duration_ms=milliseconds, permission_denials=[])
