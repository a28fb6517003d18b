"""What may be asked of worktrees."""

from dataclasses import dataclass

from wtman.model.ids import Sha, TaskId


@dataclass(frozen=True, slots=True)
class MakeWorktree:
    """Make the task's worktree at the base, or at the joined tips of what it needs."""

    task: TaskId
    needs: tuple[tuple[TaskId, Sha], ...]

    @property
    def key(self) -> str:
        return f"worktree/{self.task}"


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
