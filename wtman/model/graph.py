"""The questions that tasks and their needs, as a graph, are asked.

Every answer keeps the order of the plan where the needs leave a choice, so that
two runs of one plan do the same. Needs that name no task of the list are
ignored here; `plan/rules.py` refuses them. Nothing recurses: a chain of a
thousand tasks is an ordinary plan.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from heapq import heapify, heappop, heappush

from wtman.model.ids import TaskId
from wtman.model.plan import Task


def dependents(tasks: Sequence[Task]) -> dict[TaskId, tuple[TaskId, ...]]:
    """For each task those that need it directly, in plan order."""
    found: dict[TaskId, list[TaskId]] = {task.id: [] for task in tasks}
    for task in tasks:
        for need in dict.fromkeys(task.needs):
            if need in found:
                found[need].append(task.id)
    return {task: tuple(users) for task, users in found.items()}


def order(tasks: Sequence[Task]) -> tuple[TaskId, ...]:
    """Every task behind what it needs, else in plan order; tasks in a cycle are left out."""
    place = {task.id: number for number, task in enumerate(tasks)}
    users = dependents(tasks)
    missing = {task.id: len({need for need in task.needs if need in place}) for task in tasks}
    ready = [place[task] for task, count in missing.items() if not count]
    heapify(ready)
    ordered = []
    while ready:
        task = tasks[heappop(ready)].id
        ordered.append(task)
        for user in users[task]:
            missing[user] -= 1
            if not missing[user]:
                heappush(ready, place[user])
    return tuple(ordered)


def leaves(tasks: Sequence[Task]) -> tuple[Task, ...]:
    """The tasks that have work of their own: all but leads, whose work is that of their parts.

    Who needs a lead needs all its leaves, and a part needs what its lead needs. A lead that has
    no parts yet is among them.
    """
    known = {task.id: task for task in tasks}
    inside: dict[TaskId, list[TaskId]] = {}
    above: dict[TaskId, list[Task]] = {}
    for task in tasks:
        above[task.id] = [task]
        while (up := known.get(above[task.id][-1].part_of)) and up not in above[task.id]:
            above[task.id].append(up)
    parents = {task.part_of for task in tasks}
    found = [task for task in tasks if task.id not in parents]
    for task in found:
        for one in above[task.id]:
            inside.setdefault(one.id, []).append(task.id)
    out = []
    for task in found:
        wanted = dict.fromkeys(need for one in above[task.id] for need in one.needs)
        needs = (leaf for need in wanted for leaf in inside.get(need, [need]))
        own = dict.fromkeys(need for need in needs if need != task.id)
        out.append(task if tuple(own) == task.needs else replace(task, needs=tuple(own)))
    return tuple(out)


def cycle(tasks: Sequence[Task]) -> tuple[TaskId, ...]:
    """One cycle as a path a, b, a in which each needs the next; empty if there is none."""
    done = set(order(tasks))
    stuck = {task.id: task for task in tasks if task.id not in done}
    if not stuck:
        return ()
    # Whatever is stuck needs something stuck, so walking along the needs must come round.
    walk = [next(iter(stuck))]
    place = {walk[0]: 0}
    while True:
        following = next(need for need in stuck[walk[-1]].needs if need in stuck)
        if following in place:
            return _from_first(walk[place[following] :], tasks)
        place[following] = len(walk)
        walk.append(following)


def closure(tasks: Sequence[Task], wanted: Iterable[TaskId]) -> tuple[TaskId, ...]:
    """The wanted tasks and all that they need, directly or not, in plan order."""
    needs = {task.id: task.needs for task in tasks}
    found: set[TaskId] = set()
    stack = [task for task in wanted if task in needs]
    while stack:
        task = stack.pop()
        if task not in found:
            found.add(task)
            stack.extend(need for need in needs[task] if need in needs)
    return tuple(task.id for task in tasks if task.id in found)


def critical(tasks: Sequence[Task]) -> dict[TaskId, int]:
    """For each task the length of the longest chain that waits for it, itself included."""
    users = dependents(tasks)
    rank = {task.id: 1 for task in tasks}
    for task in reversed(order(tasks)):
        rank[task] = 1 + max((rank[user] for user in users[task]), default=0)
    return rank


def critical_path(tasks: Sequence[Task]) -> tuple[TaskId, ...]:
    """One longest chain of tasks, each of which waits for the one before it."""
    rank = critical(tasks)
    users = dependents(tasks)
    path: list[TaskId] = []
    choices: tuple[TaskId, ...] = tuple(rank)
    while choices:
        path.append(max(choices, key=lambda task: rank[task]))  # the first of equals
        choices = users[path[-1]]
    return tuple(path)


def unordered(tasks: Sequence[Task]) -> Iterable[tuple[Task, Task]]:
    """Each pair of tasks of which neither needs the other, even indirectly; no cycles allowed."""
    by_id = {task.id: number for number, task in enumerate(tasks)}
    above = [0] * len(tasks)  # bit n: task n is needed, directly or not
    for number in (by_id[task] for task in order(tasks)):
        for need in tasks[number].needs:
            if need in by_id:
                above[number] |= above[by_id[need]] | 1 << by_id[need]
    for number, task in enumerate(tasks):
        for later in range(number + 1, len(tasks)):
            if not (above[number] >> later & 1 or above[later] >> number & 1):
                yield task, tasks[later]


def _from_first(ring: list[TaskId], tasks: Sequence[Task]) -> tuple[TaskId, ...]:
    """The ring as a closed path that starts with its first task in plan order."""
    first = next(task.id for task in tasks if task.id in ring)
    at = ring.index(first)
    return (*ring[at:], *ring[:at], first)
