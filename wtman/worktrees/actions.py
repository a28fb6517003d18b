"""What may be asked of worktrees."""

from wtman.model.actions import ActionKind, TaskAction
from wtman.model.check import Verdict
from wtman.model.ids import Sha, TaskId
from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class MakeWorktree(TaskAction):
    """Make the task's worktree at the base, or at the joined tips of what it needs.

    `over` is the task whose worktree it takes over; "": a new one is made.
    """

    kind = ActionKind.WORKTREE
    needs: tuple[tuple[TaskId, Sha], ...]
    over: TaskId = TaskId("")


@dataclass(frozen=True, slots=True)
class BringBack(TaskAction):
    """Give a task whose worktree was taken over one again, at its branch's recorded tip."""

    kind = ActionKind.WORKTREE
    start: Sha
    head: Sha
    over: TaskId = TaskId("")


@dataclass(frozen=True, slots=True)
class Rewind(TaskAction):
    """Bring a task back to an earlier work of its own, which is what its flow returned."""

    kind = ActionKind.WORKTREE
    head: Sha
    to: Sha


@dataclass(frozen=True, slots=True)
class Follow(TaskAction):
    """Merge the new tips of what the task needs into the task."""

    kind = ActionKind.WORKTREE
    start: Sha
    head: Sha
    needs: tuple[tuple[TaskId, Sha], ...]


@dataclass(frozen=True, slots=True)
class Adopt(TaskAction):
    """Bring branch and worktree back to finished work of the same fingerprint."""

    kind = ActionKind.WORKTREE
    head: Sha  # the branch's recorded tip
    start: Sha
    to: Sha


@dataclass(frozen=True, slots=True)
class Restore(TaskAction):
    """Bring a task back to its work from before a resolver, or a retry, that did no better."""

    kind = ActionKind.WORKTREE
    head: Sha  # the branch's recorded tip
    start: Sha
    to: Sha
    reason: str


@dataclass(frozen=True, slots=True)
class MakeTeam(TaskAction):
    """Move the branch of a lead to the train of its parts, which passed."""

    kind = ActionKind.WORKTREE
    start: Sha
    heads: tuple[tuple[TaskId, Sha], ...]
    head: Sha  # the branch's recorded tip
    to: Sha
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class MoveTeam(TaskAction):
    """Let the parts of a lead start from what it needs as that is now."""

    kind = ActionKind.WORKTREE
    needs: tuple[tuple[TaskId, Sha], ...]
