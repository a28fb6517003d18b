"""What may be asked of scouts and planners."""

from wtman.journal.events import DraftFailed, ScoutFailed
from wtman.model.actions import ActionKey, ActionKind, RunAction, TaskAction
from wtman.model.ids import Sha, TaskId
from wtman.model.session import Cap
from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class MakePlan(RunAction):
    """Have a planner cut the request into tasks."""

    kind = ActionKind.PLAN
    attempt: int
    agent: str
    base: Sha
    cap: Cap = Cap()  # of all its sessions


@dataclass(frozen=True, slots=True)
class MakeMap(RunAction):
    """Map the repository, and name at most so many parts of it that scouts look at.

    `one`: where it is not cut, one scout looks at all that the request is about.
    """

    kind = ActionKind.MAP
    most: int
    agent: str  # of the scouts
    one: bool = False


@dataclass(frozen=True, slots=True)
class Scout(RunAction):
    """Have a scout look at one part of the repository."""

    kind = ActionKind.SCOUT
    part: str
    attempt: int
    agent: str
    cap: Cap = Cap()  # of all its sessions

    @property
    def key(self) -> ActionKey:
        return ActionKey(self.kind, self.part)


@dataclass(frozen=True, slots=True)
class DraftPlan(RunAction):
    """Have a planner make one of several plans, which are compared."""

    kind = ActionKind.PLAN
    number: int
    attempt: int
    agent: str
    base: Sha
    cap: Cap = Cap()  # of all its sessions

    @property
    def key(self) -> ActionKey:
        return ActionKey(self.kind, str(self.number))


@dataclass(frozen=True, slots=True)
class ChoosePlan(RunAction):
    """Choose one of the plans that were made: by a judge, without `agent` by their forecasts."""

    kind = ActionKind.JUDGE
    attempt: int
    agent: str
    base: Sha
    cap: Cap = Cap()  # of all its sessions


@dataclass(frozen=True, slots=True)
class PassOver:
    """Journal that a part is not looked at, or a plan not made; nothing is performed."""

    outcome: ScoutFailed | DraftFailed


@dataclass(frozen=True, slots=True)
class PlanTeam(TaskAction):
    """Have the planner of a lead cut it into parts, on what it needs put together."""

    kind = ActionKind.PLAN
    attempt: int
    fingerprint: str
    agent: str
    needs: tuple[tuple[TaskId, Sha], ...]
    cap: Cap = Cap()  # of all its sessions
