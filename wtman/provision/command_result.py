"""One run of a command on one tree, before anybody judges it.

The result of a check follows from tree, command, environment and setup alone, so it can be
kept and believed again; what it is worth depends on the tree that it is
compared with, see checks/verdict.
"""

from wtman.formats.junit import TestRun
from wtman.model.command import Exit, ExitReason
from wtman.model.values import dataclass
from wtman.text.terminal import clean

_EXCERPT = 3 * 1024


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended. `tests` is None where it has no test-level results.

    `unfit` says why the tree could not even be checked: its setup failed, or it lacks the
    folder (`no_folder`).
    """

    exit: Exit
    tests: TestRun | None = None
    unfit: str = ""
    no_folder: bool = False  # the tree has not the folder that it runs in
    output: str = ""  # the last of what it said, fit for a terminal and a prompt
    log: str = ""
    limit: float = 0.0  # seconds it was given
    cached: bool = False
    silent: bool = False  # it passed, and wrote nothing of the results that wtman asked it for
    absent: tuple[str, ...] = ()  # what it names in its checkout and did not find there

    @property
    def seconds(self) -> float:
        return max(0.0, self.exit.ended - self.exit.started)

    @property
    def passed(self) -> bool:
        """Ended by itself with exit status 0."""
        return not self.unfit and self.exit.reason is ExitReason.EXITED and self.exit.code == 0

    @property
    def problem(self) -> str:
        """Why it did not pass, in words."""
        return self.unfit or self.exit.problem(self.limit)


def keepable(ran: CommandResult) -> bool:
    """Whether the run says something of the tree rather than of the machine on that day."""
    match ran.exit.reason:
        case _ if ran.unfit:
            return False
        case ExitReason.EXITED:
            return ran.exit.signal != 9  # what ran out of memory may fit the next time
        case ExitReason.TIMEOUT | ExitReason.OUTPUT:
            return True
        case _:
            return False


def believable(ran: CommandResult, limit: float, mine: bool) -> bool:
    """Whether a kept run still counts. `mine`: this coordinator itself made it.

    A timeout says nothing to a longer limit. A failure that another coordinator
    saw may have been mended since, outside the repository.
    """
    if ran.exit.reason is ExitReason.TIMEOUT and ran.limit < limit:
        return False
    return ran.passed or mine


def excerpt(out: bytes, err: bytes, limit: int = _EXCERPT) -> str:
    """The last of both streams in at most `limit` characters, without terminal escapes."""
    printed, errors = _clean(out), _clean(err)
    if not printed or not errors:
        return _tail(printed or errors, limit)
    errors = _tail(errors, max(limit - len(printed), limit // 2))
    return f"{_tail(printed, limit - len(errors) - 1)}\n{errors}"


def _clean(raw: bytes) -> str:
    lines = raw.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    return "\n".join("\t".join(map(clean, line.split("\t"))) for line in lines).strip()


def _tail(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    cut = text[-limit:]
    line = cut.find("\n")
    # A first line that begins in its middle misleads, but one huge line is all there is.
    return "..." + (cut[line:] if 0 <= line < limit // 2 else cut)
