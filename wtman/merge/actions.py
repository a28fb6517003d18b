"""What may be asked of a merge."""

from dataclasses import dataclass, field

from wtman.journal.events import Excluded
from wtman.model.actions import ActionKey, ActionKind, RunAction
from wtman.model.ids import Sha, TaskId


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
