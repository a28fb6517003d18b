"""What `decide` asks for: each action is performed by one stage and has a key.

Two actions with the same key never run at once. Actions carry immutable names
(shas, attempt numbers), never positions.
"""

from dataclasses import dataclass, field

from wtman.core.events import Excluded
from wtman.core.model import Sha, TaskId
from wtman.core.review_state import Unit


@dataclass(frozen=True, slots=True)
class MakePlan:
    """Have a planner cut the request into tasks."""

    attempt: int
    agent: str
    base: Sha
    max_usd: float = 0.0  # of all its sessions; 0 is none
    max_tokens: int = 0

    @property
    def key(self) -> str:
        return "plan"


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
    max_usd: float = 0.0  # its own ceilings; 0 is none
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
class Restore:
    """Bring a task that a resolver gave up back to where it was before."""

    task: TaskId
    head: Sha  # the branch's recorded tip
    start: Sha
    to: Sha
    reason: str

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
class Couple:
    """Find out which of these tips meet, in paths, hunks or imports."""

    tips: tuple[tuple[TaskId, Sha], ...]

    @property
    def key(self) -> str:
        return "couple"


@dataclass(frozen=True, slots=True)
class Review:
    """One review session: `unit` says who looks at what, with which lens."""

    unit: Unit
    number: int
    max_usd: float = 0.0
    max_tokens: int = 0

    @property
    def key(self) -> str:
        return f"review/{self.unit.key}"


@dataclass(frozen=True, slots=True)
class Reproduce:
    """Run the finding's reproducer on base, each branch and all of them together."""

    finding: str
    members: tuple[TaskId, ...]
    tips: dict[TaskId, Sha]

    @property
    def key(self) -> str:
        return f"reproduce/{self.finding}"


@dataclass(frozen=True, slots=True)
class Refute:
    """One session of a refuter on a claim that nothing has proven."""

    finding: str
    lens: str
    agent: str
    number: int
    tips: dict[TaskId, Sha]
    max_usd: float = 0.0
    max_tokens: int = 0

    @property
    def key(self) -> str:
        return f"refute/{self.finding}/{self.lens}"


@dataclass(frozen=True, slots=True)
class Cool:
    """Wait before a provider that turned sessions away is asked again."""

    seconds: float

    @property
    def key(self) -> str:
        return "cool"


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
    MakePlan
    | CheckBase
    | MakeWorktree
    | RunSession
    | Collect
    | CheckTask
    | Follow
    | Adopt
    | Restore
    | ProbeTrain
    | LandTrain
    | Watch
    | Couple
    | Review
    | Reproduce
    | Refute
    | Chain
    | Unchain
    | Cool
    | Cancel
    | Park
)
