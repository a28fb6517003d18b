"""What may be asked of reviews."""

from wtman.journal.state import Unit
from wtman.model.actions import ActionKey, ActionKind, RunAction
from wtman.model.ids import Sha, TaskId
from wtman.model.session import Cap
from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class Couple(RunAction):
    """Find out which of these tips meet, in paths, hunks or imports."""

    kind = ActionKind.COUPLE
    tips: tuple[tuple[TaskId, Sha], ...]


@dataclass(frozen=True, slots=True)
class Review:
    """One review session: `unit` says who looks at what, with which lens."""

    unit: Unit
    number: int
    cap: Cap = Cap()

    @property
    def key(self) -> ActionKey:
        return ActionKey(ActionKind.REVIEW, self.unit.key)


@dataclass(frozen=True, slots=True)
class Reproduce:
    """Run the finding's reproducer on base, each branch and all of them together."""

    finding: str
    tips: dict[TaskId, Sha]

    @property
    def key(self) -> ActionKey:
        return ActionKey(ActionKind.REPRODUCE, self.finding)


@dataclass(frozen=True, slots=True)
class Refute:
    """One session of a refuter on a claim that nothing has proven."""

    finding: str
    lens: str
    agent: str
    number: int
    tips: dict[TaskId, Sha]
    cap: Cap = Cap()

    @property
    def key(self) -> ActionKey:
        return ActionKey(ActionKind.REFUTE, f"{self.finding}/{self.lens}")
