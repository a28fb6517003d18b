"""What every action has, and the actions that no domain owns.

An action is a value that `decide` asks for. One that is performed has a key, and two of one
key never run at once; the key is what is journalled of it before.
"""

from collections.abc import Collection
from enum import StrEnum
from typing import ClassVar

from wtman.model.ids import TaskId
from wtman.model.values import dataclass


class ActionKind(StrEnum):
    """What an action is about, apart from its subject."""

    PLAN = "plan"
    MAP = "map"
    SCOUT = "scout"
    JUDGE = "judge"
    REPAIR = "repair"
    OBSERVE = "observe"
    BASE = "base"
    WORKTREE = "worktree"
    SESSION = "session"
    CHECK = "check"
    WATCH = "watch"
    COUPLE = "couple"
    REVIEW = "review"
    REPRODUCE = "reproduce"
    REFUTE = "refute"
    CANDIDATE = "candidate"
    LAND = "land"
    BACKOFF = "backoff"
    SCRIPT = "script"
    ASK = "ask"
    COMMAND = "command"


@dataclass(frozen=True, slots=True, order=True)
class ActionKey:
    """What an action is known by; without a subject there is one at a time in a run."""

    kind: ActionKind
    subject: str = ""


# What works on the branch or the worktree of a task.
ON_TASK = (ActionKind.SESSION, ActionKind.WORKTREE, ActionKind.CHECK)


def busy(running: Collection[ActionKey], *kinds: ActionKind) -> frozenset[TaskId]:
    """The tasks that something running works on, of these kinds or of any."""
    wanted = kinds or ON_TASK
    return frozenset(TaskId(key.subject) for key in running if key.kind in wanted)


@dataclass(frozen=True, slots=True)
class RunAction:
    """An action of the whole run."""

    kind: ClassVar[ActionKind]

    @property
    def key(self) -> ActionKey:
        return ActionKey(self.kind)


@dataclass(frozen=True, slots=True)
class TaskAction:
    """An action on one task."""

    kind: ClassVar[ActionKind]
    task: TaskId

    @property
    def key(self) -> ActionKey:
        return ActionKey(self.kind, self.task)


@dataclass(frozen=True, slots=True)
class Backoff(RunAction):
    """Wait before a provider that turned sessions away is asked again."""

    kind = ActionKind.BACKOFF
    seconds: float


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop the running action of this key politely. One that is stopping already goes on so."""

    key: ActionKey


@dataclass(frozen=True, slots=True)
class Pause:
    """Journal that the run is paused; nothing is performed."""

    reason: str
    hint: str = ""
