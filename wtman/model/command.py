"""A command as a value, and how it ended."""

from dataclasses import field
from enum import StrEnum

from wtman.model.ids import FAR_FUTURE
from wtman.model.values import dataclass


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

    def problem(self, limit: float = 0.0) -> str:
        """What went wrong, in words; empty where it ended by itself with status 0.

        `limit` is the seconds it was given, where that says more than how long it took.
        """
        match self.reason:
            case ExitReason.EXITED if self.signal:
                return f"killed by {signal_name(self.signal)}"
            case ExitReason.EXITED:
                meaning = _MEANINGS.get(self.code or 0, "")
                return f"exit status {self.code}{meaning}" if self.code else ""
            case ExitReason.TIMEOUT:
                return f"timed out after {limit or round(self.ended - self.started):g} s"
            case ExitReason.STOPPED:
                return "stopped"
            case ExitReason.OUTPUT:
                return "stopped: it wrote more output than wtman keeps"
            case ExitReason.UNSTARTED:
                return f"could not be started: {self.detail or 'no such program'}"
            case ExitReason.LOST:
                return f"lost: {self.detail or 'its keeper died'}"


_MEANINGS = {126: " (not executable)", 127: " (command not found)"}


def signal_name(number: int) -> str:
    """`SIGKILL` for 9; a number that this system does not know stays one."""
    from signal import Signals

    try:
        return Signals(number).name
    except ValueError:
        return f"signal {number}"
