"""Units: tasks that land together or not at all, in the order in which they land.

Those are the parts of a lead, and the works in a train that the script of a flow returned.
"""

from collections.abc import Iterable

from wtman.journal.replay_flow import works_of
from wtman.journal.state import State
from wtman.model.graph import leaves, order
from wtman.model.ids import TaskId


def units(state: State) -> dict[TaskId, tuple[TaskId, ...]]:
    """The leaf parts of each unit, in landing order, by the id of its lead or train.

    Parts of parts are the outermost lead's, and what two trains share makes one unit of both, by
    the id of the first. A lead that was not cut yet is none.
    """
    flow = state.flow
    wanted = state.tasks.keys() if flow is None or flow.ended is None else flow.wanted.keys()
    found: dict[TaskId, set[TaskId]] = {}
    tasks = tuple(view.task for view in state.tasks.values())
    for unit, parts in (*_trains(state), *_leads(state)):
        mine = {part for part in parts if part in wanted}
        shared = [other for other, inside in found.items() if inside & mine]
        for other in shared:
            mine |= found.pop(other)
        if mine:
            found[shared[0] if shared else unit] = mine
    line = order(leaves(tasks)) if found else ()
    return {unit: tuple(task for task in line if task in inside) for unit, inside in found.items()}


def _trains(state: State) -> Iterable[tuple[TaskId, Iterable[TaskId]]]:
    flow = state.flow
    if flow is not None and flow.ended is not None and not flow.ended.error:
        for train, commit in works_of(flow.ended.value):
            if commit in flow.trains:
                yield train, flow.trains[commit]


def _leads(state: State) -> Iterable[tuple[TaskId, Iterable[TaskId]]]:
    parts: dict[TaskId, list[TaskId]] = {}
    parents = {view.planned.part_of for view in state.tasks.values()}
    for task in state.tasks:
        top = task
        while top in state.tasks and (up := state.tasks[top].planned.part_of):
            top = up
        if top != task and task not in parents:
            parts.setdefault(top, []).append(task)
    return parts.items()
