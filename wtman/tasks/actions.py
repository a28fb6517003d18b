"""What may be asked about tasks that meet, or fell short."""

from collections.abc import Mapping

from wtman.journal.events import Event
from wtman.model.actions import ActionKind, RunAction, TaskAction
from wtman.model.ids import Sha, TaskId
from wtman.model.session import Cap
from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class Watch(RunAction):
    """Look once, after a while, which live worktrees will not merge. Leaves no effect behind."""

    kind = ActionKind.WATCH


@dataclass(frozen=True, slots=True)
class Observe(RunAction):
    """See what of the forecast came true: which of these tips conflict, and what it all took."""

    kind = ActionKind.OBSERVE
    tips: Mapping[TaskId, Sha]


@dataclass(frozen=True, slots=True)
class Chain:
    """Journal that `task` needs `need` from its next attempt on; nothing is performed."""

    task: TaskId
    need: TaskId
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unchain:
    """Journal that `task` no longer waits for `need`; nothing is performed."""

    task: TaskId
    need: TaskId
    reason: str


@dataclass(frozen=True, slots=True)
class AnswerWanted:
    """Journal what a request, a decision or an answer comes to; nothing is performed."""

    outcomes: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class DecideRepair(TaskAction):
    """Ask the repairer what becomes of a task that fell short; `number` counts its repairs."""

    kind = ActionKind.REPAIR
    number: int
    agent: str
    cap: Cap = Cap()  # of all its sessions
