"""What may be asked about tasks that meet."""

from collections.abc import Mapping
from dataclasses import dataclass

from wtman.journal.events import Event
from wtman.model.actions import ActionKind, RunAction
from wtman.model.ids import Sha, TaskId


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
    """Journal what a request for more tasks comes to; nothing is performed."""

    outcomes: tuple[Event, ...]
