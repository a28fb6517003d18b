"""Tasks that keep colliding are put one behind the other.

Pure. A chain is one more need, journalled, for the one of the two that has its next
attempt before it: finished work is never begun again for it, and no circle can
come of it. Until that attempt has started it is only waited for (`TaskView.loose`):
where nothing comes of the other, the chain goes and the task is as it was.
"""

from collections.abc import Mapping

from wtman.journal.state import State
from wtman.model.actions import ActionKey, busy
from wtman.model.ids import TaskId
from wtman.model.session import Ended
from wtman.model.states import DEAD, Standing, TaskState
from wtman.tasks.actions import Chain, Unchain
from wtman.tasks.lifecycle import last_counted
from wtman.tasks.overlap import bonds_of, lasting


def unchained(state: State, known: Mapping[TaskId, Standing]) -> list[Unchain]:
    """The chains to tasks of which nothing will come."""
    return [
        Unchain(task, need, f"{need} did not succeed")
        for task, view in state.tasks.items()
        for need in view.loose
        if need in known and known[need].state in DEAD
    ]


def chained(
    state: State, running: frozenset[ActionKey], known: Mapping[TaskId, Standing]
) -> list[Chain]:
    """The chains to make now."""
    pairs = [item for item in state.overlaps if lasting(item)]
    if not pairs:
        return []
    bonds, at_work = bonds_of(state), busy(running)
    out: list[Chain] = []
    for item in pairs:
        if item.task not in known or item.other not in known:
            continue
        # Where both have an attempt before them, the one later in the plan yields.
        for task, need in ((item.other, item.task), (item.task, item.other)):
            if (
                task not in at_work
                and _between_attempts(state, known, task)
                and _may_be_needed(state, known, need)
                and need not in state.tasks[task].unchained
                and need not in bonds.of(task)
            ):
                out.append(Chain(task, need, item.paths))
                bonds.add(task, need)
                break
    return out


def _between_attempts(state: State, known: Mapping[TaskId, Standing], task: TaskId) -> bool:
    """Whether its next session starts anew or mends: finished work is left alone."""
    view = state.tasks[task]
    last = last_counted(view)
    finished = (
        last is not None and last.ended is Ended.OK and not last.red and not view.request.restart
    )
    if known[task].repair:
        return False
    if finished or view.in_flight is not None or view.external or view.merged:
        return False
    return known[task].state in (TaskState.PENDING, TaskState.FIXING)


def _may_be_needed(state: State, known: Mapping[TaskId, Standing], task: TaskId) -> bool:
    return known[task].state not in DEAD and not state.tasks[task].external
