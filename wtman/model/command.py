"""A command as a value, and how it ended."""

from dataclasses import dataclass, field
from enum import StrEnum

from wtman.model.ids import FAR_FUTURE


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run: plain data, so that any executor can take it.

    `env` is the whole environment, nothing is inherited. `stdin` is fed and
    closed; empty means /dev/null.
    """

    argv: tuple[str, ...]
    cwd: str
    env: dict[str, str] = field(default_factory=dict)
    stdin: bytes = b""


@dataclass(frozen=True, slots=True)
class Work:
    """A command with the name it is known by and the limits it runs under.

    `id` also goes into the environment as WTMAN_SESSION, so that a sweep finds
    what outlived its keeper. `folder` receives `stdout`, `stderr`, `spec.json`
    and, written last and durably, `exit.json`: its presence means *completed*.
    """

    id: str
    command: Command
    folder: str
    timeout: float = FAR_FUTURE  # wall seconds
    grace: float = 10.0  # seconds between INT, TERM and KILL
    output_cap: int = 256 * 1024 * 1024  # bytes of stdout and stderr together


class ExitReason(StrEnum):
    EXITED = "exited"  # the program ended by itself, with `code` or `signal`
    TIMEOUT = "timeout"
    STOPPED = "stopped"  # asked for through cancel
    OUTPUT = "output"  # more output than `output_cap`
    UNSTARTED = "unstarted"  # the program could not be executed; `detail` says why
    LOST = "lost"  # the keeper died without a marker


@dataclass(frozen=True, slots=True)
class Exit:
    """How a Work ended. Times are wall-clock seconds since the epoch."""

    reason: ExitReason
    code: int | None = None
    signal: int | None = None
    detail: str = ""
    started: float = 0.0
    ended: float = 0.0
    cpu: float = 0.0  # user and system seconds of the whole tree
    max_rss: int = 0  # bytes, largest single process
