"""What may be asked of sessions."""

from dataclasses import dataclass

from wtman.model.ids import Sha, TaskId


@dataclass(frozen=True, slots=True)
class RunSession:
    """Run attempt `attempt`; the worktree is brought to `at` first."""

    task: TaskId
    attempt: int
    lineage: str
    content: str
    start: Sha
    head: Sha  # the branch's recorded tip, for the compare-and-swap
    at: Sha
    agent: str
    prompt: str
    resume: str = ""
    max_usd: float = 0.0  # its own limits; 0 is none
    max_tokens: int = 0
    kept: Sha = Sha("")  # unfinished work of the resumed session, laid over `at` uncommitted
    attach: bool = False  # the user plays it, at a terminal of another process
    role: str = ""  # who plays it, where that is not the task's own role

    @property
    def key(self) -> str:
        return f"session/{self.task}"


@dataclass(frozen=True, slots=True)
class Collect:
    """Settle an attempt that a dead coordinator left: adopt it if it was finished."""

    task: TaskId
    attempt: int
    start: Sha
    head: Sha
    at: Sha
    agent: str

    @property
    def key(self) -> str:
        return f"session/{self.task}"
