"""Which tasks wait for nothing but a free session, and in which order they get one.

Pure. What waits for other tasks is not in the queue yet: its standing says for which.
"""

from collections.abc import Mapping

from wtman.journal.state import State
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.graph import critical
from wtman.model.ids import TaskId
from wtman.model.states import Standing, TaskState


def queue(state: State, known: Mapping[TaskId, Standing]) -> tuple[TaskId, ...]:
    """The tasks whose next session waits: who mends first, then the longest chains. Those that
    there is a slot for start just now, and are not in it."""
    waiting = [
        task
        for task, item in known.items()
        if item.state in (TaskState.PENDING, TaskState.FIXING)
        and not (item.waiting_for or item.repair)
        and state.tasks[task].in_flight is None
        and ActionKey(ActionKind.WORKTREE, task) not in state.intents
        and ActionKey(ActionKind.PLAN, task) not in state.intents
    ]
    if not waiting or not state.approved:
        return ()
    rank = critical([view.task for view in state.tasks.values()])
    waiting.sort(key=lambda it: (known[it].state != TaskState.FIXING, -rank.get(it, 0)))
    if state.backoff or ActionKey(ActionKind.BASE) in state.intents:
        return tuple(waiting)
    kinds = (ActionKind.WORKTREE, ActionKind.SESSION, ActionKind.REVIEW, ActionKind.REFUTE)
    busy = sum(key.kind in kinds for key in state.intents)
    return tuple(waiting[max((state.rate_limit or state.settings.jobs) - busy, 0) :])
