"""Events of tasks that meet."""

from wtman.journal.events.event import Event
from wtman.model.ids import TaskId
from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two tasks whose work, as it is now, does not merge; `task` is first in the plan."""

    task: TaskId
    other: TaskId
    paths: tuple[str, ...]
    looks: int = 1  # how many looks in a row have seen it
    again: bool = False  # seen in an earlier attempt of one of them too


@dataclass(frozen=True, slots=True)
class Overlapped(Event):
    """All conflicts that are coming, as last seen: these pairs and no others."""

    pairs: tuple[Overlap, ...]


@dataclass(frozen=True, slots=True)
class Chained(Event):
    """Two tasks keep colliding: `task` needs `need` from its next attempt on."""

    task: TaskId
    need: TaskId
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unchained(Event):
    """Nothing can come of waiting for `need` any more; the two are never chained again."""

    task: TaskId
    need: TaskId
    reason: str = ""
