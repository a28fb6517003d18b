"""The folds of a lead: cut into parts, and what these came to. Part of `replay`."""

from collections.abc import Callable, Mapping
from typing import Any

from wtman.journal import events as e
from wtman.journal import replay_limits as limits
from wtman.journal.copies import replace
from wtman.journal.replay_plan import view_of
from wtman.journal.state import Request, State, TaskView, Team
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.ids import Sha, TaskId


def team_key(lead: TaskId, members: tuple[TaskId, ...]) -> ActionKey:
    """What judging a candidate of the train of a lead is known by."""
    return ActionKey(ActionKind.CANDIDATE, f"{lead}:{','.join(members)}")


def planned_anew(state: State, lead: TaskId) -> State:
    """The lead is cut again: what it was cut into leaves the plan."""
    state = without_parts(state, lead)
    view = state.tasks[lead]
    state.tasks[lead] = replace(view, team=Team(view.team.attempt + 1, usage=view.team.usage))
    return state


def without_parts(state: State, lead: TaskId) -> State:
    """The state where the parts of a lead, and theirs, are no tasks of the run any more."""
    view = state.tasks.get(lead) or state.dropped.get(lead)
    for part in view.team.parts if view is not None else ():
        state = without_parts(state, part)
        gone = state.tasks.pop(part, None)
        if gone is not None:
            state.dropped[part] = replace(gone, chained=())
    return state


def with_parts(state: State, lead: TaskId) -> State:
    """The state where the parts of a lead that is a task again are so too."""
    for part in state.tasks[lead].team.parts:
        if part in state.dropped:
            state.tasks[part] = state.dropped.pop(part)
            state = with_parts(state, part)
    return state


def as_worded(state: State, lead: TaskId, before: TaskView | None) -> State:
    """A task that was or is a lead, as it is worded now: cut again if that is another wording."""
    view = state.tasks[lead]
    if before is not None and before.fingerprint != view.fingerprint and before.team.planned:
        return planned_anew(state, lead)
    return with_parts(state, lead) if view.team.parts else state


def _planned(state: State, event: e.TeamPlanned, at: float) -> State:
    state = _charged(state, event)
    view = state.tasks.get(event.lead)
    asked = (event.fingerprint, event.attempt)
    if view is None or (view.fingerprint, view.team.attempt) != asked:
        return state  # it was dropped or worded anew while its planner was asked
    state.tasks[event.lead] = replace(
        view,
        start=event.start,
        head=view.head or event.start,
        needs=event.needs,
        based=view.onto,
        request=Request(),
        team=Team(event.attempt, planned=event, since=at, usage=view.team.usage + event.usage),
    )
    views = {task.id: _part(state, view_of(state, task)) for task in event.parts}
    for task in views:
        state.dropped.pop(task, None)
    tasks: dict[TaskId, TaskView] = {}
    for task, known in state.tasks.items():
        tasks[task] = known
        if task == event.lead:
            tasks |= views
    return replace(state, tasks=tasks)


def _part(state: State, view: TaskView) -> TaskView:
    """A part as its lead is cut now. One of before with the same words keeps its work, and has
    all its attempts again."""
    team = (
        view.team
        if view.team.planned is None
        else Team(view.team.attempt + 1, usage=view.team.usage)
    )
    return replace(view, granted=view.failures, stuck="", request=Request(), team=team)


def _plan_failed(state: State, event: e.TeamPlanFailed, at: float) -> State:
    key = ActionKey(ActionKind.PLAN, event.lead)
    state = limits.session_over(state, key, event, answered=False)
    state = replace(state, sessions=state.sessions + event.sessions - 1)
    view = state.tasks.get(event.lead)
    if view is None or view.team.attempt != event.attempt:
        return state
    used = view.team.usage + event.usage
    team = replace(view.team, attempt=event.attempt + 1, usage=used)
    if not (event.fatal or event.limited):
        team = replace(team, failures=team.failures + 1, failed=event)
    state.tasks[event.lead] = replace(view, team=team)
    return state


def _charged(state: State, event: e.TeamPlanned) -> State:
    """Charge what it used. The session that was intended is counted, a repair is one more."""
    key = ActionKey(ActionKind.PLAN, event.lead)
    state = limits.settle(state, key, event.usage, event.seconds > 0)
    return replace(state, sessions=state.sessions + event.sessions - 1, turned_away=0)


def _moved(state: State, event: e.TeamMoved, at: float) -> State:
    state = limits.done(state, ActionKey(ActionKind.WORKTREE, event.lead))
    view = state.tasks.get(event.lead)
    based = view.onto if view is not None else Sha("")
    return _with(state, event.lead, start=event.start, needs=event.needs, based=based)


def _judged(state: State, event: e.TeamJudged, at: float) -> State:
    state = limits.done(state, team_key(event.lead, event.candidate.members))
    view = state.tasks.get(event.lead)
    if view is None:
        return state
    return _with(state, event.lead, team=replace(view.team, judged=(*view.team.judged, event)))


def _torn(state: State, event: e.TeamTorn, at: float) -> State:
    view = state.tasks.get(event.lead)
    if view is None:
        return state
    returned = view.team.returned
    for item in event.excluded if event.again else ():
        part = state.tasks.get(item.task)
        if part is None:
            continue
        returned = (*returned, item.task)
        state.tasks[item.task] = _returned(state, part, item)
    state.tasks[event.lead] = replace(view, team=replace(view.team, torn=event, returned=returned))
    return state


def _returned(state: State, part: TaskView, item: e.Excluded) -> TaskView:
    """The part with one more attempt, that stands on the work which it does not fit with."""
    others = [name for name in item.others if name in state.tasks and name not in part.task.needs]
    names = ", ".join(item.others)
    why = f"It passed alone, but not together with the other parts of its team: {item.reason}"
    why += f" with {names}" if names else ""
    why += f", in {', '.join(item.paths)}" if item.paths else ""
    why += f". The folder has the work of {', '.join(others)} in it now." if others else "."
    more = part.failures - (state.settings.attempts + part.granted) + 1
    return replace(
        part,
        granted=part.granted + max(more, 0),
        chained=(*part.chained, *others),
        request=replace(part.request, again=True, excluded=f"{why}\n{item.why()}".rstrip()),
    )


def _made(state: State, event: e.TeamMade, at: float) -> State:
    state = limits.done(state, ActionKey(ActionKind.WORKTREE, event.lead))
    view = state.tasks.get(event.lead)
    if view is None:
        return state
    found = (item.candidate for item in reversed(view.team.judged))
    judged = next((item for item in found if item.commit == event.head), None)
    results = judged.results if judged is not None else ()
    checked = e.Checked(event.lead, event.head, event.start, event.verdict, results)
    team = replace(view.team, made=event)
    changes = {"head": event.head, "branch": event.branch, "checked": checked, "team": team}
    return _with(state, event.lead, **changes, cleaned=False)


def _with(state: State, task: TaskId, **changes: Any) -> State:
    view = state.tasks.get(task)
    if view is not None:
        state.tasks[task] = replace(view, **changes)
    return state


FOLDS: Mapping[type, Callable[[State, Any, float], State]] = {
    e.TeamPlanned: _planned,
    e.TeamPlanFailed: _plan_failed,
    e.TeamMoved: _moved,
    e.TeamJudged: _judged,
    e.TeamTorn: _torn,
    e.TeamMade: _made,
}
