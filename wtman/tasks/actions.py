"""What may be asked about tasks that meet."""

from dataclasses import dataclass

from wtman.model.ids import TaskId


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
