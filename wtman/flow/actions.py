"""What may be asked of a flow."""

from wtman.journal.events import StepAnswered, StepFailed
from wtman.journal.replay_flow import train_key
from wtman.merge.actions import JudgeCandidate
from wtman.model.actions import ActionKey, ActionKind, RunAction
from wtman.model.session import Cap
from wtman.model.values import dataclass
from wtman.plan.actions import MakePlan
from wtman.review.actions import Refute, Reproduce, Review


@dataclass(frozen=True, slots=True)
class PlayScript(RunAction):
    """Play the script against the journal: what it asks becomes events, answers go back to it."""

    kind = ActionKind.SCRIPT


@dataclass(frozen=True, slots=True)
class WriteFlow(MakePlan):
    """Have a planner write the request down as a flow."""


@dataclass(frozen=True, slots=True)
class AskStep:
    """Ask an agent the question of a step, in a read-only session."""

    step: str
    cap: Cap = Cap()

    @property
    def key(self) -> ActionKey:
        return ActionKey(ActionKind.ASK, self.step)


@dataclass(frozen=True, slots=True)
class CommandStep:
    """Run the command of a step where checks run."""

    step: str

    @property
    def key(self) -> ActionKey:
        return ActionKey(ActionKind.COMMAND, self.step)


@dataclass(frozen=True, slots=True)
class ReviewStep:
    """Do one thing of a review that the script asked for, on the works that it is about."""

    step: str
    wanted: Review | Reproduce | Refute
    cap: Cap = Cap()

    @property
    def key(self) -> ActionKey:
        return self.wanted.key


@dataclass(frozen=True, slots=True)
class TrainStep:
    """Judge a candidate of a train that the script asked for."""

    step: str
    wanted: JudgeCandidate

    @property
    def key(self) -> ActionKey:
        return train_key(self.step, self.wanted.members)


@dataclass(frozen=True, slots=True)
class SettleStep:
    """Journal what has become of the task of a step; nothing is performed."""

    outcome: StepAnswered | StepFailed
