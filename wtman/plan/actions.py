"""What may be asked of the planner."""

from dataclasses import dataclass

from wtman.model.actions import ActionKind, RunAction
from wtman.model.ids import Sha
from wtman.model.session import Cap


@dataclass(frozen=True, slots=True)
class MakePlan(RunAction):
    """Have a planner cut the request into tasks."""

    kind = ActionKind.PLAN
    attempt: int
    agent: str
    base: Sha
    cap: Cap = Cap()  # of all its sessions
