"""What may be asked of checks."""

from dataclasses import dataclass

from wtman.model.ids import Sha, TaskId


@dataclass(frozen=True, slots=True)
class CheckBase:
    """Run every check of the plan on the base, before any session."""

    commit: Sha

    @property
    def key(self) -> str:
        return "base"


@dataclass(frozen=True, slots=True)
class CheckTask:
    """Judge the task's tip against its start."""

    task: TaskId
    start: Sha
    head: Sha

    @property
    def key(self) -> str:
        return f"check/{self.task}"
