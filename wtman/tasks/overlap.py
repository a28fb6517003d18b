"""Which tasks are about to collide: who is looked at, which pairs, and what was seen.

Pure. The watch takes trees of live worktrees and merges them on trial; here is what
that is worth doing for, and what its results mean. Tasks of which one needs the
other are never a pair: the later one starts from the earlier one's work.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

from wtman.journal.events import Overlap, Overlapped
from wtman.journal.state import State, TaskView
from wtman.model.graph import dependents, leaves
from wtman.model.ids import Pair, TaskId
from wtman.model.memory import last_answer
from wtman.model.plan import Task
from wtman.model.states import Standing, TaskState

# Looks in a row after which a collision is no passing state of two unfinished edits.
PERSISTENT = 3


# What one event holds at most; a thousand tasks in one file are told by the first of them.
_MOST_PAIRS, _MOST_PATHS = 200, 10


_BOUND_TO_LAND = frozenset(
    {
        TaskState.RUNNING,
        TaskState.FIXING,
        TaskState.CHECKING,
        TaskState.REVIEWING,
        TaskState.VERIFIED,
        TaskState.UNCHECKED,
        TaskState.PAUSED,
    }
)


def live(state: State) -> tuple[TaskId, ...]:
    """The tasks with an attempt under way, in plan order."""
    return tuple(task for task, view in state.tasks.items() if view.in_flight is not None)


def subjects(state: State, known: Mapping[TaskId, Standing]) -> tuple[TaskId, ...]:
    """Live tasks, and those with work that may still land."""
    return tuple(
        task
        for task, view in state.tasks.items()
        if view.in_flight is not None or (view.has_work and _may_land(view, known[task]))
    )


def _may_land(view: TaskView, item: Standing) -> bool:
    return item.state in _BOUND_TO_LAND and not view.external


def worth_watching(
    state: State, known: Mapping[TaskId, Standing], active: Collection[TaskId]
) -> bool:
    """Whether one of the `active` tasks could collide with anything."""
    if not active:
        return False
    bonds = _bonds(tuple(view.task for view in state.tasks.values()))

    def meets(found: set[TaskId]) -> bool:
        return any(found - bonds.of(task) - {task} for task in active)

    # Mostly two of those at work are enough to know.
    return meets(set(active)) or meets(set(subjects(state, known)))


class Dependencies:
    """Answers who needs whom, directly or not; it remembers what it has worked out."""

    def __init__(self, planned: tuple[Task, ...]) -> None:
        tasks = leaves(planned)
        self._needs = {task.id: task.needs for task in tasks}
        self._users = dependents(tasks)
        self._known: dict[TaskId, frozenset[TaskId]] = {}

    def of(self, task: TaskId) -> frozenset[TaskId]:
        """All that `task` needs and all that need it."""
        if task not in self._known:
            self._known[task] = self.needed(task) | _reached(self._users, task)
        return self._known[task]

    def needed(self, task: TaskId) -> frozenset[TaskId]:
        """All that `task` needs."""
        return _reached(self._needs, task)

    def add(self, task: TaskId, need: TaskId) -> None:
        """Let `task` need one more from now on."""
        self._needs[task] = (*self._needs[task], need)
        self._users[need] = (*self._users[need], task)
        self._known.clear()


def bonds_of(state: State) -> Dependencies:
    """Who needs whom in the plan as it stands; made anew, as some are added to."""
    return Dependencies(tuple(view.task for view in state.tasks.values()))


_bonds = last_answer(Dependencies)


def _reached(edges: Mapping[TaskId, tuple[TaskId, ...]], task: TaskId) -> frozenset[TaskId]:
    found: set[TaskId] = set()
    stack = list(edges.get(task, ()))
    while stack:
        name = stack.pop()
        if name not in found:
            found.add(name)
            stack.extend(edges.get(name, ()))
    return frozenset(found)


def candidates(
    state: State, changed: Mapping[TaskId, frozenset[str]], busy: Collection[TaskId]
) -> tuple[Pair, ...]:
    """Pairs that touch a path in common, or a file where the other has a folder.

    `changed` are the paths that each task changed since its start. At least one of a
    pair is `busy`: what does not move any more was judged before.
    """
    bonds = bonds_of(state)
    place = {task: number for number, task in enumerate(state.tasks)}
    found: set[Pair] = set()
    for group in _meeting(changed):
        for task in group.intersection(busy):
            for other in group - bonds.of(task) - {task}:
                first, second = sorted((task, other), key=place.__getitem__)
                found.add((first, second))
    return tuple(sorted(found, key=lambda pair: (place[pair[0]], place[pair[1]])))


def _meeting(changed: Mapping[TaskId, frozenset[str]]) -> Iterator[frozenset[TaskId]]:
    """The distinct sets of tasks that meet at some path."""
    from wtman.model.changes import above  # a table of a run needs no more than `coming`

    at: dict[str, set[TaskId]] = {}
    for task, paths in changed.items():
        for path in paths:
            at.setdefault(path, set()).add(task)
    groups = {frozenset(tasks) for tasks in at.values() if len(tasks) > 1}
    if len(changed) > 1:
        for path, tasks in at.items():
            for folder in above(path):
                if folder in at and at[folder] | tasks != tasks:
                    groups.add(frozenset(at[folder] | tasks))
    yield from groups


def common_paths(
    conflicts: Iterable[str], one: frozenset[str], two: frozenset[str], same_start: bool
) -> tuple[str, ...]:
    """The conflicts that are between these two.

    Tasks with different starts are merged on the run's base, where one may also
    conflict with what the other only started from.
    """
    if same_start:
        return tuple(conflicts)
    return tuple(path for path in conflicts if path in one and path in two)


def overlapped(
    state: State, found: Mapping[Pair, tuple[str, ...]], before: Mapping[Pair, int]
) -> Overlapped | None:
    """What a look has found, as an event; None where it says nothing new.

    `before` counts the looks in a row that had seen a pair, this one not included.
    """
    pairs: list[Overlap] = []
    for (task, other), paths in found.items():
        first, second = state.tasks.get(task), state.tasks.get(other)
        if first is None or second is None or len(pairs) >= _MOST_PAIRS:
            continue
        met = state.collided.get((task, other), (first.last, second.last))
        again = met != (first.last, second.last)
        looks = before.get((task, other), 0) + 1
        pairs.append(Overlap(task, other, tuple(paths[:_MOST_PATHS]), looks, again))
    if [_said(item) for item in pairs] == [_said(item) for item in state.overlaps]:
        return None
    return Overlapped(tuple(pairs))


def _said(item: Overlap) -> tuple[object, ...]:
    return (item.task, item.other, item.paths, lasting(item))


def lasting(item: Overlap) -> bool:
    """Whether the two keep colliding."""
    return item.again or item.looks >= PERSISTENT


def coming(state: State, task: TaskId) -> tuple[tuple[TaskId, tuple[str, ...]], ...]:
    """The conflicts that `task` runs into, as last seen: with whom, and in which paths."""
    found = []
    for item in state.overlaps:
        if task not in (item.task, item.other):
            continue
        other = item.other if item.task == task else item.task
        views = [view for name in (task, other) if (view := state.tasks.get(name)) is not None]
        if len(views) < 2 or any(view.merged or view.excluded for view in views):
            continue
        # Chained by now: the one starts from the other's work.
        if not {task, other} & {need for view in views for need in view.task.needs}:
            found.append((other, item.paths))
    return tuple(found)
