"""Events of worktrees and sessions."""

from dataclasses import field

from wtman.journal.events.event import Event
from wtman.model.ids import Branch, Sha, TaskId
from wtman.model.session import Deviation, Ended, Usage
from wtman.model.values import dataclass
from wtman.text.words import listed


@dataclass(frozen=True, slots=True)
class WorktreeMade(Event):
    """`start` is the base, or the joined tips of what the task needs (`needs`).

    `lacks`: a sentence on each file that was meant to be there and that no session can read.
    `over` is the task whose worktree it was before, `setup` how it came by what setup makes.
    """

    task: TaskId
    path: str
    branch: Branch
    start: Sha
    needs: dict[TaskId, Sha]
    lacks: tuple[str, ...] = ()
    over: TaskId = TaskId("")
    setup: str = ""


@dataclass(frozen=True, slots=True)
class WorktreeBack(Event):
    """A task whose worktree was taken over has one again, or has kept its own after all."""

    task: TaskId
    path: str
    lacks: tuple[str, ...] = ()
    over: TaskId = TaskId("")
    setup: str = ""


SETUP_FAILED = "setup failed"  # how the reason of a start begins that setup made fail


@dataclass(frozen=True, slots=True)
class StartFailed(Event):
    """The task has no place to work in: what it needs cannot be joined, or its setup failed.

    `branch` stands at `start`, where these were made before it failed.
    """

    task: TaskId
    needs: dict[TaskId, Sha]
    reason: str
    branch: Branch = Branch("")
    start: Sha = Sha("")


@dataclass(frozen=True, slots=True)
class AttemptStart:
    """What an attempt at a task begins with. `fingerprint` is of the task, as it is worded."""

    number: int
    fingerprint: str
    cache_key: str  # of what decides the session's result
    start: Sha  # the task's start, which its work is compared with
    at: Sha  # the commit that the worktree stands at when the session starts
    agent: str
    attach: bool = False  # the user works on it, at a terminal


@dataclass(frozen=True, slots=True)
class SessionFinished(Event):
    """An attempt is over and its work, if any, is committed: `head` is the branch's tip.

    `saved` is what the worktree held when the attempt did not count (ref below
    refs/wtman/attempts/). Figures compare `head` with the task's start.
    """

    task: TaskId
    attempt: int
    ended: Ended
    head: Sha
    reason: str = ""
    detail: str = ""
    saved: Sha = Sha("")
    commits: int = 0
    files: int = 0
    insertions: int = 0
    deletions: int = 0
    usage: Usage = Usage()
    session: str = ""
    seconds: float = 0.0
    fatal: str = ""
    notes: tuple[str, ...] = ()
    hint: str = ""  # the way on after `fatal`
    limited: bool = False  # its provider turned it away: tried again later
    ignored: tuple[str, ...] = ()  # what it wrote where git ignores it, and no commit has
    lost: bool = False  # its keeper died without a record of its end
    unchanged: bool = False  # nothing came of it, so that the attempt before says more
    goes_on: bool = False  # the next attempt finds what `saved` holds in the folder, uncommitted
    deviated: bool = False  # it wrote notes: `deviations` takes the place of those of before
    deviations: tuple[Deviation, ...] = ()
    unread: str = ""  # what of its notes could not be used
    quarantine: str = ""  # what changed in the repository while it ran: it does not begin again

    @property
    def outside_git(self) -> str:
        """That accepted work has files beside it which no commit has; empty where it has none."""
        if self.ended is not Ended.OK or not self.ignored:
            return ""
        return f"wrote files that git ignores, not in its branch: {listed(self.ignored)}"


@dataclass(frozen=True, slots=True)
class Followed(Event):
    """What the task needs has moved, and the task with it. `conflicts` set: it could not,
    and starts again from `start` (its work so far stays in refs/wtman/attempts/)."""

    task: TaskId
    start: Sha
    head: Sha
    needs: dict[TaskId, Sha]
    conflicts: tuple[str, ...] = ()
    onto: Sha = Sha("")  # the target that `start` was brought to, if not the base


@dataclass(frozen=True, slots=True)
class RetryReverted(Event):
    """A retry of good work did no better: branch and worktree are as they were before it."""

    task: TaskId
    start: Sha
    head: Sha
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Adopted(Event):
    """The task is worded again as it once was: the work of that time is its tip again."""

    task: TaskId
    start: Sha
    head: Sha


@dataclass(frozen=True, slots=True)
class Cleaned(Event):
    """A task's worktree and branch went to the trash, from which `restore` brings them back.

    `refs` are those that were removed, `folder` is where the worktree is now ("": it had none),
    `files` and `size` (bytes on the disk) what is kept of it there, `ignored` how many of its
    paths git ignores. `freed` are the bytes of what is not kept: git has it, or setup and
    tools made it.
    """

    task: TaskId
    head: Sha
    refs: dict[str, Sha] = field(default_factory=dict)
    folder: str = ""
    files: int = 0
    size: int = 0
    ignored: int = 0
    freed: int = 0


@dataclass(frozen=True, slots=True)
class Restored(Event):
    """What was cleaned last is back: its refs, and the worktree where there was one."""

    task: TaskId
    head: Sha
    worktree: str = ""
