"""The states of runs and tasks, and which of them are an end."""

from enum import StrEnum

from wtman.model.ids import TaskId
from wtman.model.values import dataclass


class RunKind(StrEnum):
    """What a run was made for. A split alone is what a command means that names no run."""

    SPLIT = "split"
    PLAN = "plan"  # nothing but its plan is wanted; a split as soon as it is approved
    MERGE = "merge"  # of branches that wtman did not make
    REVIEW = "review"  # of such branches
    BASE_CHECK = "base check"
    FLOW = "flow"  # a plan in code: its script asks for its tasks

    @property
    def external(self) -> bool:
        """Whether its tasks are branches that wtman did not make."""
        return self in (RunKind.MERGE, RunKind.REVIEW)


class RunState(StrEnum):
    PLANNING = "planning"
    PLANNED = "planned"
    RUNNING = "running"
    REVIEWING = "reviewing"
    WAITING = "waiting"  # for the answer to a question
    READY = "ready"
    MERGING = "merging"
    MERGED = "merged"
    PAUSED = "paused"
    STOPPED = "stopped"
    FAILED = "failed"


class TaskState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    CHECKING = "checking"
    REVIEWING = "reviewing"
    FIXING = "fixing"
    VERIFIED = "verified"
    UNCHECKED = "unchecked"
    REJECTED = "rejected"
    FAILED = "failed"
    PAUSED = "paused"
    MERGED = "merged"
    EXCLUDED = "excluded"


@dataclass(frozen=True, slots=True)
class Standing:
    """A task's state, why, and whom it waits for."""

    state: TaskState
    reason: str = ""
    waiting_for: tuple[TaskId, ...] = ()
    repair: bool = False  # it fell short, and what becomes of it is being decided


# What a dependent may start from.
DONE = frozenset({TaskState.VERIFIED, TaskState.UNCHECKED, TaskState.MERGED})
# What nothing comes of, unless somebody asks.
DEAD = frozenset({TaskState.FAILED, TaskState.REJECTED, TaskState.EXCLUDED})
# What no action of this run will change any more, unless somebody asks.
SETTLED = DONE | DEAD

SCHEMA = 1
