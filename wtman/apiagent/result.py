"""How a session ends, as the result event says it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ending:
    """`subtype` and `terminal` are Claude Code's words where it has one.

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
