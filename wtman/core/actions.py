"""What `decide` asks for: each action is performed by one stage and has a key.

Two actions with the same key never run at once. Actions carry immutable names
(shas, attempt numbers), never positions.
"""

from dataclasses import dataclass, field

from wtman.core.events import Excluded
from wtman.core.model import Sha, TaskId


@dataclass(frozen=True, slots=True)
class CheckBase:
    """Run every check of the plan on the base, before any session."""

    commit: Sha

    @property
    def key(self) -> str:
        return "base"


@dataclass(frozen=True, slots=True)
class MakeWorktree:
    """Make the task's worktree at the base, or at the joined tips of what it needs."""

    task: TaskId
    needs: tuple[tuple[TaskId, Sha], ...]

    @property
    def key(self) -> str:
        return f"worktree/{self.task}"


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


@dataclass(frozen=True, slots=True)
class CheckTask:
    """Judge the task's tip against its start."""

    task: TaskId
    start: Sha
    head: Sha

    @property
    def key(self) -> str:
        return f"check/{self.task}"


@dataclass(frozen=True, slots=True)
class Follow:
    """Merge the new tips of what the task needs into the task."""

    task: TaskId
    start: Sha
    head: Sha
    needs: tuple[tuple[TaskId, Sha], ...]

    @property
    def key(self) -> str:
        return f"worktree/{self.task}"


@dataclass(frozen=True, slots=True)
class Adopt:
    """Bring branch and worktree back to finished work of the same content."""

    task: TaskId
    head: Sha  # the branch's recorded tip
    start: Sha
    to: Sha

    @property
    def key(self) -> str:
        return f"worktree/{self.task}"


@dataclass(frozen=True, slots=True)
class ProbeTrain:
    """Assemble these branches in order on `on` and check the tree."""

    on: Sha
    members: tuple[TaskId, ...]

    @property
    def key(self) -> str:
        return "probe/" + ",".join(self.members)


@dataclass(frozen=True, slots=True)
class LandTrain:
    """Move the target to the commit of a probe that passed; write the patches.

    Empty `members`: nothing lands, only the outcome is told. `needs` names, for a branch
    that is red alone and green in company, the branches that carry what it lacks.
    """

    on: Sha
    members: tuple[TaskId, ...]
    excluded: tuple[Excluded, ...] = ()
    flaky: tuple[str, ...] = ()
    needs: dict[str, tuple[TaskId, ...]] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return "land"


@dataclass(frozen=True, slots=True)
class Watch:
    """Look once, after a while, which live worktrees will not merge. Leaves no effect behind."""

    @property
    def key(self) -> str:
        return "watch"


@dataclass(frozen=True, slots=True)
class Chain:
    """Journal that `task` needs `need` from its next attempt on; nothing is performed."""

    task: TaskId
    need: TaskId
    paths: tuple[str, ...]

    @property
    def key(self) -> str:
        return f"chain/{self.task}"


@dataclass(frozen=True, slots=True)
class Unchain:
    """Journal that `task` no longer waits for `need`; nothing is performed."""

    task: TaskId
    need: TaskId
    reason: str

    @property
    def key(self) -> str:
        return f"chain/{self.task}"


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop the running action of this key politely."""

    target: str

    @property
    def key(self) -> str:
        return f"cancel/{self.target}"


@dataclass(frozen=True, slots=True)
class Park:
    """Journal that the run is parked; nothing is performed."""

    reason: str
    hint: str = ""

    @property
    def key(self) -> str:
        return "park"


Action = (
    CheckBase
    | MakeWorktree
    | RunSession
    | Collect
    | CheckTask
    | Follow
    | Adopt
    | ProbeTrain
    | LandTrain
    | Watch
    | Chain
    | Unchain
    | Cancel
    | Park
)
