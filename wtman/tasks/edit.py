"""What an edited plan changes in a run, and what that costs."""

from wtman.journal.events import ContextChanged, Event, TaskAdded, TaskChanged, TaskDropped
from wtman.journal.record import Recorded
from wtman.journal.replay import replay
from wtman.journal.state import State
from wtman.model.ids import TaskId
from wtman.model.plan import Plan
from wtman.model.states import DEAD, SETTLED, TaskState
from wtman.model.values import dataclass
from wtman.tasks.lifecycle import last_counted, standings


@dataclass(frozen=True, slots=True)
class Impact:
    """What a resume reuses and what it does again, by task."""

    reused: tuple[TaskId, ...]  # finished work that stays as it is
    rechecked: tuple[TaskId, ...]  # finished work that is only judged, or followed, again
    rerun: tuple[TaskId, ...]  # at least one session more
    added: tuple[TaskId, ...] = ()
    dropped: tuple[TaskId, ...] = ()
    short: tuple[TaskId, ...] = ()  # what fell short and stays so: nobody asked for a retry


def changes(state: State, plan: Plan) -> tuple[Event, ...]:
    """The events that turn the run's plan into `plan`; none where they are equal."""
    out: list[Event] = []
    check = plan.check or state.settings.check
    if (plan.request, plan.context, check) != (
        state.request,
        state.context,
        state.settings.check,
    ):
        out.append(ContextChanged(plan.request, plan.context, check))
    for task in plan.tasks:
        view = state.tasks.get(task.id)
        if view is None:
            out.append(TaskAdded(task))
        elif view.planned != task:
            out.append(TaskChanged(task))
    wanted = {task.id for task in plan.tasks}
    # The parts of a lead are no tasks of a plan file: they go and stay with their lead.
    out += [
        TaskDropped(task, "not in the edited plan")
        for task, view in state.tasks.items()
        if task not in wanted and not view.planned.part_of
    ]
    return tuple(out)


def impact(state: State, events: tuple[Event, ...] = ()) -> Impact:
    """What `resume` will reuse and do again once `events` are journalled."""
    after = replay([Recorded(state.seq, state.updated, event) for event in events], state)
    reused: list[TaskId] = []
    rechecked: list[TaskId] = []
    rerun: list[TaskId] = []
    short: list[TaskId] = []
    for task, item in standings(after).items():
        view = after.tasks[task]
        last = last_counted(view)
        if item.state in SETTLED:
            (short if item.state in DEAD else reused).append(task)
        elif last is not None and item.state is TaskState.CHECKING:
            rechecked.append(task)
        else:
            rerun.append(task)
    return Impact(
        reused=tuple(reused),
        rechecked=tuple(rechecked),
        rerun=tuple(rerun),
        added=tuple(item.task.id for item in events if isinstance(item, TaskAdded)),
        dropped=tuple(item.task for item in events if isinstance(item, TaskDropped)),
        short=tuple(short),
    )
