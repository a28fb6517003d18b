"""What may be asked of a merge."""

from dataclasses import field

from wtman.journal.events import Excluded, TeamTorn
from wtman.journal.replay_team import team_key
from wtman.model.actions import ActionKey, ActionKind, RunAction
from wtman.model.ids import Sha, TaskId
from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class JudgeCandidate:
    """Assemble these branches in order on `on` and check the tree."""

    on: Sha
    members: tuple[TaskId, ...]

    @property
    def key(self) -> ActionKey:
        return ActionKey(ActionKind.CANDIDATE, ",".join(self.members))


@dataclass(frozen=True, slots=True)
class LandTrain(RunAction):
    """Move the target to the commit of a candidate that passed; write the patches.

    Empty `members`: nothing lands, only the outcome is told. `needs` names, for a branch
    that fails alone and passes with others, the branches that carry what it lacks.
    """

    kind = ActionKind.LAND
    on: Sha
    members: tuple[TaskId, ...]
    excluded: tuple[Excluded, ...] = ()
    needs: dict[str, tuple[TaskId, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JudgeTeam:
    """Judge a candidate of the train of a lead, of parts at these heads."""

    task: TaskId
    wanted: JudgeCandidate
    heads: tuple[tuple[TaskId, Sha], ...]

    @property
    def key(self) -> ActionKey:
        return team_key(self.task, self.wanted.members)


@dataclass(frozen=True, slots=True)
class TellTorn:
    """Journal that the parts of a lead do not fit; nothing is performed."""

    task: TaskId
    outcome: TeamTorn
