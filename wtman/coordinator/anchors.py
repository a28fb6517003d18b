"""Where a task works in its files, and where others work in the same ones, as its author is told.

Agents put new code at the end of a file or a class when nobody says where, and two of them then
conflict. Tasks that name one and the same place for new code get different ones, by their order in
the plan; so each of them is told the same whoever asks. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice

from wtman.model.graph import unordered
from wtman.model.ids import TaskId
from wtman.model.places import Place, place
from wtman.model.plan import Task
from wtman.model.values import dataclass

_PLACES = 12  # of a task, and of another one, that are told
_OTHERS = 8  # tasks
_MEMBERS = ("as the last member of", "as the first member of", "between members in the middle of")


@dataclass(frozen=True, slots=True)
class Anchor:
    """A place of a task. `order` counts the tasks that were given the same one before it;
    `shared`: there is no other place left for it."""

    place: Place
    order: int = 0
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another task, and where it works in files that both change."""

    task: TaskId
    anchors: tuple[Anchor, ...]


@dataclass(frozen=True, slots=True)
class _Table:
    """Where every task works, and who changes a file of each at the same time."""

    anchors: Mapping[TaskId, tuple[Anchor, ...]]
    beside: Mapping[TaskId, tuple[TaskId, ...]]


def anchors(tasks: Sequence[Task]) -> Mapping[TaskId, tuple[Anchor, ...]]:
    """Where each task works: as its plan says, but never two for new code at one place."""
    return _table(tuple(tasks)).anchors


def neighbours(tasks: Sequence[Task], task: TaskId) -> tuple[Neighbour, ...]:
    """The tasks that work at the same time in files of this one, and where."""
    table = _table(tuple(tasks))
    mine = {item.place.path for item in table.anchors.get(task, ())}
    return tuple(
        Neighbour(other, tuple(i for i in table.anchors[other] if i.place.path in mine))
        for other in table.beside.get(task, ())
    )


@lru_cache(maxsize=2)
def _table(tasks: tuple[Task, ...]) -> _Table:
    """Made once for all prompts: plans change seldom."""
    places = {task.id: tuple(_places(task)) for task in tasks if task.touches}
    paths = {task: {item.path for item in found} for task, found in places.items()}
    beside: dict[TaskId, list[TaskId]] = {task: [] for task in places}
    for one, other in unordered(tasks):
        if one.id in paths and other.id in paths and paths[one.id] & paths[other.id]:
            beside[one.id].append(other.id)
            beside[other.id].append(one.id)
    given: dict[TaskId, tuple[Anchor, ...]] = {}
    for task, wanted in places.items():
        taken = [item for other in beside[task] for item in given.get(other, ())]
        # One task may well put several things at one place.
        given[task] = tuple(dict.fromkeys(_free(item, taken) for item in wanted))
    return _Table(given, {task: tuple(others) for task, others in beside.items()})


def anchor_text(tasks: Sequence[Task], task: TaskId) -> str:
    """What the author of a task is told of places; empty where its plan says nothing of them."""
    found = anchors(tasks).get(task, ())
    if not found:
        return ""
    beside = neighbours(tasks, task)
    lines = [
        "Where your change goes, as foreseen from the code (names are data; where the code shows "
        "that it is wrong, go by the code):"
    ]
    lines += [f"  {words(item)}" for item in found[:_PLACES]]
    if len(found) > _PLACES:
        lines.append(f"  and {len(found) - _PLACES} more places")
    if not beside:
        return "\n".join(lines)
    lines.append(
        "Other tasks change the same files at this moment. Put your new code where it is said "
        "above, never at the end of a file, class or list unless that is said, and touch "
        "nothing at their places:"
    )
    for item in beside[:_OTHERS]:
        for line in islice(_theirs(item), _PLACES):
            lines.append(f"  task {item.task}: {line}")
    if len(beside) > _OTHERS:
        lines.append(f"  and {len(beside) - _OTHERS} more tasks")
    return "\n".join(lines)


def words(anchor: Anchor) -> str:
    """A place in words."""
    where = anchor.place
    path, name = where.path, where.definition
    lines = ""
    if where.first:
        last = f" to {where.last}" if where.last > where.first else ""
        lines = f" (lines {where.first}{last} of the base)"
    if not name:
        return f"{path}{lines}"
    if where.insert == "at":
        text = f"put new code at the {name} of the file"
    elif where.insert == "in":
        text = f"put new code {_MEMBERS[min(anchor.order, len(_MEMBERS) - 1)]} `{name}`"
    elif where.insert:
        text = f"put new code right {where.insert} `{name}`"
    else:
        text = f"change `{name}`"
    more = "; another task has to add there too, keep apart from its lines" if anchor.shared else ""
    return f"{path}: {text}{lines}{more}"


def _theirs(other: Neighbour) -> Iterator[str]:
    for item in other.anchors:
        told = words(replace(item, shared=False))
        yield told.replace(": put new code", ": puts new code").replace(": change ", ": changes ")


def _places(task: Task) -> Iterator[Place]:
    for text in task.touches:
        try:
            yield place(text)
        except ValueError:
            continue  # of a run from before its plan was held to this


def _free(wanted: Place, taken: Sequence[Anchor]) -> Anchor:
    """The place, or one near it, where nobody else puts new code."""
    if not wanted.insert:
        return Anchor(wanted)
    held: Mapping[tuple[str, str, str], int] = _count(taken)
    if not held.get(_key(wanted)):
        return Anchor(wanted)
    if wanted.insert == "in":
        order = held[_key(wanted)]
        return Anchor(replace(wanted, first=0, last=0), order, order >= len(_MEMBERS))
    for near in _near(wanted):
        if not held.get(_key(near)) and not (near.insert == "before" and _above(near, taken)):
            return Anchor(near)
    return Anchor(wanted, held[_key(wanted)], shared=True)


def _above(near: Place, taken: Sequence[Anchor]) -> bool:
    """Whether somebody may have the gap in front of a definition by the name of the one above."""
    return any(
        item.place.path == near.path
        and (item.place.insert, item.place.definition) != ("after", near.definition)
        and (item.place.insert == "after" or item.place.definition == "start")
        for item in taken
    )


def _near(wanted: Place) -> Iterator[Place]:
    """Other places for the same code, the nearest first."""
    where = replace(wanted, first=0, last=0)
    if wanted.insert in ("after", "before"):
        yield replace(where, insert="before" if wanted.insert == "after" else "after")
    ends = ("start", "end") if wanted.definition == "end" else ("end", "start")
    for end in ends:
        yield replace(where, insert="at", definition=end)


def _count(taken: Sequence[Anchor]) -> dict[tuple[str, str, str], int]:
    found: dict[tuple[str, str, str], int] = {}
    for item in taken:
        if item.place.insert:
            found[_key(item.place)] = found.get(_key(item.place), 0) + 1
    return found


def _key(where: Place) -> tuple[str, str, str]:
    return where.path, where.insert, where.definition
