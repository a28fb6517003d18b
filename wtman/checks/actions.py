"""What may be asked of checks."""

from wtman.model.actions import ActionKind, RunAction, TaskAction
from wtman.model.ids import Sha
from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class CheckBase(RunAction):
    """Run every check of the plan on the base, before any session."""

    kind = ActionKind.BASE
    commit: Sha


@dataclass(frozen=True, slots=True)
class CheckTask(TaskAction):
    """Judge the task's tip against its start."""

    kind = ActionKind.CHECK
    start: Sha
    head: Sha
