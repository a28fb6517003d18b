"""What may be asked of the planner."""

from dataclasses import dataclass

from wtman.model.actions import ActionKind, RunAction, TaskAction
from wtman.model.ids import Sha, TaskId
from wtman.model.session import Cap


@dataclass(frozen=True, slots=True)
class MakePlan(RunAction):
    """Have a planner cut the request into tasks."""

    kind = ActionKind.PLAN
    attempt: int
    agent: str
    base: Sha
    cap: Cap = Cap()  # of all its sessions


@dataclass(frozen=True, slots=True)
class PlanTeam(TaskAction):
    """Have the planner of a lead cut it into parts, on what it needs put together."""

    kind = ActionKind.PLAN
    attempt: int
    fingerprint: str
    agent: str
    needs: tuple[tuple[TaskId, Sha], ...]
    cap: Cap = Cap()  # of all its sessions
