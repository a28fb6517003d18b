"""What may be asked of sessions."""

from wtman.journal.events import AttemptStart
from wtman.model.actions import ActionKind, TaskAction
from wtman.model.ids import Sha
from wtman.model.session import Cap
from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class RunSession(TaskAction):
    """Run attempt `attempt`; the worktree is brought to `at` first."""

    kind = ActionKind.SESSION
    attempt: int
    fingerprint: str
    cache_key: str
    start: Sha
    head: Sha  # the branch's recorded tip, for the compare-and-swap
    at: Sha
    agent: str
    prompt: str
    resume: str = ""
    cap: Cap = Cap()  # its own
    kept: Sha = Sha("")  # unfinished work of the resumed session, laid over `at` uncommitted
    attach: bool = False  # the user works on it, at a terminal of another process
    role: str = ""  # its role, where that is not the task's own role

    @property
    def begins(self) -> AttemptStart:
        """What is journalled of it before it runs."""
        return AttemptStart(
            self.attempt,
            self.fingerprint,
            self.cache_key,
            self.start,
            self.at,
            self.agent,
            self.attach,
        )


@dataclass(frozen=True, slots=True)
class Collect(TaskAction):
    """Settle an attempt that a dead coordinator left: adopt it if it was finished."""

    kind = ActionKind.SESSION
    attempt: int
    start: Sha
    head: Sha
    at: Sha
    agent: str
