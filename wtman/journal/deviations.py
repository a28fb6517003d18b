"""Who is told where a task does something else than what was agreed.

Pure. Whoever needs the task, meets it in a file or shares a lead with it is told, and where a
note is about the contract of the run, everybody. A session that runs is not interrupted, and a
task that is done is not done again: reviewers of the whole are told who could not know.
"""

import json
import re
from collections.abc import Iterator

from wtman.journal.state import State, TaskView
from wtman.model.graph import closure
from wtman.model.ids import TaskId
from wtman.model.memory import last_answer
from wtman.model.places import place
from wtman.model.session import Deviation

_MOST = 30  # notes in one prompt
_WORD = re.compile(r"[^\W\d]\w{2,}")

Noted = tuple[TaskId, tuple[Deviation, ...]]  # a task with notes of its sessions


@last_answer
def noted(state: State) -> tuple[Noted, ...]:
    """All tasks that say where they deviate."""
    found = ((task, view.deviations) for task, view in state.tasks.items() if view.attempts)
    return tuple((task, notes) for task, notes in found if notes)


def told_to(state: State, task: TaskId) -> tuple[Noted, ...]:
    """What the next session of a task has to know of the others."""
    others = [item for item in noted(state) if item[0] != task]
    if not others or task not in state.tasks:
        return ()
    near = _near(state, task)
    found = (
        (other, notes if other in near else tuple(it for it in notes if _is_agreed(state, it)))
        for other, notes in others
    )
    return tuple((other, notes) for other, notes in found if notes)


def unaware(state: State, noter: TaskId) -> tuple[TaskId, ...]:
    """Tasks that the notes of `noter` concern, and whose work was begun before it had them."""
    attempt = state.tasks[noter].deviating
    if attempt is None:
        return ()
    return tuple(
        task
        for task, view in state.tasks.items()
        if task != noter
        and view.current
        and view.current[-1].started < attempt.finished
        and any(other == noter for other, _ in told_to(state, task))
    )


def has_contract(state: State, task: TaskId) -> bool:
    """Whether the task has to keep to what others rely on, in writing."""
    return bool(state.context.strip()) or any(
        _of_lead(state, lead) for lead in state.leads_of(task)
    )


def dependents_of(state: State, task: TaskId) -> tuple[TaskId, ...]:
    """Tasks that need this one."""
    return tuple(other for other, view in state.tasks.items() if task in view.task.needs)


def listed(found: tuple[Noted, ...]) -> str:
    """The notes as lines of data, a JSON object each."""
    lines = [json.dumps(as_data(task, item)) for task, notes in found for item in notes]
    more = [f"and {len(lines) - _MOST} more"] if len(lines) > _MOST else []
    return "\n".join(f"  {line}" for line in (*lines[:_MOST], *more))


def as_data(task: TaskId, item: Deviation) -> dict[str, str]:
    """A note with the task that it is of."""
    told = {"agreed": item.agreed, "instead": item.instead, "why": item.why}
    return {"task": task, "name": item.name, **told}


def _near(state: State, task: TaskId) -> set[TaskId]:
    """The tasks that a task needs or meets."""
    view = state.tasks[task]
    leads = state.leads_of(task)
    needed = closure(tuple(it.task for it in state.tasks.values()), (task, *leads))
    found = {name for need in needed for name in (need, *state.team_of(need))}
    now = ((item.task, item.other) for item in state.overlaps)
    found.update(other for pair in now if task in pair for other in pair)
    found.update(other for pair in state.collided if task in pair for other in pair)
    if paths := _files(view):
        found.update(name for name, other in state.tasks.items() if paths & _files(other))
    return found - {task}


def _files(view: TaskView) -> frozenset[str]:
    """The files that it is said to touch."""
    return frozenset(_paths(view))


def _paths(view: TaskView) -> Iterator[str]:
    for text in view.planned.touches:
        try:
            yield place(text).path
        except ValueError:
            continue


def _is_agreed(state: State, item: Deviation) -> bool:
    """Whether a note is about something that the contract of the run names."""
    words = set(_WORD.findall(state.context))
    return any(name in words for name in _WORD.findall(item.name))


def _of_lead(state: State, lead: TaskId) -> str:
    planned = state.tasks[lead].team.planned
    return planned.context.strip() if planned is not None else ""
