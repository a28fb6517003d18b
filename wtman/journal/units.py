"""Units: tasks that land together or not at all, in the order in which they land.

Those are the parts of a lead, and the works in a train that the script of a flow returned.
"""

from collections.abc import Collection, Container, Iterable
from dataclasses import replace

from wtman.journal.events import MergeAsked
from wtman.journal.replay_flow import works_of
from wtman.journal.state import State
from wtman.model.graph import closure, leaves, order
from wtman.model.ids import TaskId
from wtman.model.plan import Task


def units(state: State) -> dict[TaskId, tuple[TaskId, ...]]:
    """The leaf parts of each unit, in landing order, by the id of its lead or train.

    Parts of parts are the outermost lead's, and what two trains share makes one unit of both, by
    the id of the first. A lead that was not cut yet is none.
    """
    flow = state.flow
    wanted = state.tasks.keys() if flow is None or flow.ended is None else flow.wanted.keys()
    tops = [item for item in leads(state).items() if not state.leads_of(item[0])]
    found = joined((*_trains(state), *tops), wanted)
    line = order(landing_tasks(state)) if found else ()
    return {unit: tuple(task for task in line if task in inside) for unit, inside in found.items()}


def joined(
    groups: Iterable[tuple[TaskId, Iterable[TaskId]]], wanted: Container[TaskId]
) -> dict[TaskId, set[TaskId]]:
    """The wanted tasks of each group; groups that share a task are one, by the id of the first."""
    found: dict[TaskId, set[TaskId]] = {}
    for name, tasks in groups:
        mine = {task for task in tasks if task in wanted}
        shared = [other for other, inside in found.items() if inside & mine]
        first = shared[0] if shared else name
        for other in shared:
            mine |= found[other]
        found = {other: inside for other, inside in found.items() if other not in shared[1:]}
        if mine:
            found[first] = mine
    return found


def landed_units(state: State, landed: Container[TaskId]) -> dict[str, tuple[TaskId, ...]]:
    """The units that these tasks are."""
    known = units(state)
    return {unit: parts for unit, parts in known.items() if any(name in landed for name in parts)}


def leads(state: State) -> dict[TaskId, tuple[TaskId, ...]]:
    """The leaf parts of every lead, however deep."""
    found: dict[TaskId, list[TaskId]] = {}
    parents = {view.planned.part_of for view in state.tasks.values()}
    for task in state.tasks:
        for lead in state.leads_of(task) if task not in parents else ():
            found.setdefault(lead, []).append(task)
    return {lead: tuple(parts) for lead, parts in found.items()}


def leads_of_all(state: State, tasks: Collection[TaskId]) -> tuple[TaskId, ...]:
    """The leads all of whose parts are among these tasks."""
    return tuple(lead for lead, parts in leads(state).items() if {*parts} <= {*tasks})


def works_in(state: State, tasks: Collection[TaskId]) -> tuple[TaskId, ...]:
    """These tasks, and the leads whose work is whole with them: all else of it has landed."""
    known = leads(state)
    there = {part for task in tasks for part in known.get(task, (task,))}
    landed = {task for task, view in state.tasks.items() if view.merged}
    whole = (lead for lead, parts in known.items() if there & {*parts} >= {*parts} - landed)
    return tuple(dict.fromkeys((*tasks, *(lead for lead in whole if there & {*known[lead]}))))


def followers(state: State, task: TaskId) -> tuple[TaskId, ...]:
    """The tasks that a merge excluded only because of this one."""
    found: dict[TaskId, None] = {}
    fresh = {task}
    while fresh:
        known = fresh.union(*(state.leads_of(name) for name in fresh))
        fresh = set()
        for name, view in state.tasks.items():
            left = view.excluded
            if left is not None and left.follows and known & {*left.others} and name not in found:
                found[name] = None
                fresh.add(name)
    return tuple(found)


def landing_tasks(state: State, *, depended: bool = False) -> tuple[Task, ...]:
    """The tasks that have commits of their own, each needing such; a lead's are its parts.

    `depended`: without what they only wait for, because they collided.
    """
    views = state.tasks.values()
    return leaves(
        tuple(
            replace(view.task, needs=view.needed) if depended and view.chained else view.task
            for view in views
        )
    )


def landing_needs(
    state: State, members: Iterable[TaskId], *, depended: bool = False
) -> dict[TaskId, tuple[TaskId, ...]]:
    """What these need of each other, in a train in which a lead is its parts, or one of them."""
    leaf = {task.id: task.needs for task in landing_tasks(state, depended=depended)}
    found = {}
    for name in members:
        view = state.tasks[name]
        own = view.needed if depended else view.task.needs
        found[name] = tuple(dict.fromkeys((*own, *leaf.get(name, ()))))
    return found


def whole(state: State, names: Iterable[TaskId]) -> dict[TaskId, TaskId]:
    """The tasks that land, or do not, with these: of a part or a lead all that is its unit's.

    The unit of each, itself where it stands alone.
    """
    known = units(state)
    unit = {part: name for name, parts in known.items() for part in parts}
    inner = {above: name for name, top in unit.items() for above in state.leads_of(name)}
    found: dict[TaskId, TaskId] = {}
    for name in names:
        top = name if name in known else unit.get(inner.get(name, name), name)
        found |= dict.fromkeys(known.get(top, (name,)), top)
    return found


def asked_for(state: State, names: Iterable[TaskId]) -> frozenset[TaskId]:
    """The tasks that a merge of these takes: with all that they need, and whole units."""
    tasks = landing_tasks(state)
    found = frozenset(whole(state, names))
    while True:
        more = frozenset(whole(state, closure(tasks, found)))
        if more == found:
            return found
        found = more


def wanted_of(state: State, asked: MergeAsked) -> frozenset[TaskId]:
    """The tasks that a merge may take: what it names or all, and nothing that it excludes."""
    everyone = state.flow.wanted if state.flow is not None else state.tasks
    wanted = asked_for(state, asked.members) if asked.members else frozenset(everyone)
    wanted -= whole(state, asked.exclude).keys()
    return frozenset(wanted & everyone.keys() - leads(state).keys())


def _trains(state: State) -> Iterable[tuple[TaskId, Iterable[TaskId]]]:
    flow = state.flow
    if flow is not None and flow.ended is not None and not flow.ended.error:
        for train, commit in works_of(flow.ended.value):
            if commit in flow.trains:
                yield train, flow.trains[commit]
