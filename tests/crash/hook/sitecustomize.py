"""Kills a wtman coordinator at its n-th effect on the world outside.

Put on PYTHONPATH by the crash tests. Effects are seen through audit events, so the
product needs no hook of its own: processes started, files renamed, folders made,
files removed, and each durable commit of the journal (before and after).
"""

import os
import signal
import sqlite3
import sys

_EFFECTS = {"subprocess.Popen", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.truncate"}
_at = int(os.environ.get("WTMAN_KILL_AT", "0"))
_tally = os.environ.get("WTMAN_KILL_TALLY", "")
_seen = 0


def _effect(event: str, args: object) -> None:
    global _seen  # noqa: PLW0603 -- an audit hook has no other memory
    if event in _EFFECTS:
        _seen += 1
        if _seen == _at:
            os.kill(os.getpid(), signal.SIGKILL)


class _Connection(sqlite3.Connection):
    """Counts each COMMIT twice: just before it and just after."""

    def execute(self, sql: str, *rest: object) -> sqlite3.Cursor:  # type: ignore[override]
        if sql != "COMMIT":
            return super().execute(sql, *rest)  # type: ignore[arg-type]
        _effect("os.rename", ())
        answer = super().execute(sql)
        _effect("os.rename", ())
        return answer


def _at_exit() -> None:
    if _tally:
        with open(_tally, "w") as file:
            file.write(str(_seen))


if _at or _tally:
    import atexit

    _connect = sqlite3.connect

    def connect(path: str, **options: object) -> sqlite3.Connection:
        return _connect(path, factory=_Connection, **options)  # type: ignore[call-overload,no-any-return]

    sqlite3.connect = connect  # type: ignore[assignment]
    sys.addaudithook(_effect)
    atexit.register(_at_exit)
