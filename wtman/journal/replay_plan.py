"""The folds of how a run begins: its roles and its planning. Part of `replay`."""

from collections.abc import Callable, Mapping
from typing import Any

from wtman.journal import events as e
from wtman.journal import replay_limits as limits
from wtman.journal.copies import replace
from wtman.journal.events import PlanFailed, Planned, PlanWanted, RolesAssigned
from wtman.journal.state import Planning, State, TaskView, fingerprint_of
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.plan import Task
from wtman.model.roles import agent_of_task, effort_of, key_of, model_of, role_of
from wtman.model.session import Cap, Ended


def fingerprint_in(state: State, task: Task) -> str:
    """What makes the task, with the roles of this run, the same work as another wording of it."""
    settings = state.settings
    role = role_of(state.roles, task)
    agent = agent_of_task(settings, state.roles, task)
    model = model_of(settings, role, agent, task.model)
    effort = effort_of(settings, role, task.effort)
    lead = state.tasks.get(task.part_of)
    planned = lead.team.planned if lead is not None else None
    told = f"{state.context}\n{planned.context}" if planned is not None else state.context
    return fingerprint_of(task, told, agent, model, effort, key_of(role))


def view_of(state: State, task: Task) -> TaskView:
    """The task as it is worded now, with all that the journal says of it."""
    known = state.tasks.get(task.id) or state.dropped.get(task.id)
    fingerprint = fingerprint_in(state, task)
    if known is None:
        return TaskView(task, fingerprint)
    # Another wording gets a fresh count of attempts; what was granted was for the old one.
    if known.fingerprint == fingerprint or _is_good_work(state, known, task):
        return replace(known, planned=task)
    before = known.before if known.resolving is not None else None
    # What was said holds until the task itself is worded anew.
    said = known.said if known.planned.prompt == task.prompt else ()
    advice = known.advice if known.planned.prompt == task.prompt else ()
    known = replace(known, planned=task, fingerprint=fingerprint, said=said, advice=advice)
    return replace(known, granted=0, before=before)


def _is_good_work(state: State, known: TaskView, task: Task) -> bool:
    """Whether an agent of before has done just this, as far as sessions and checks say."""
    if not any(
        known.fingerprint == fingerprint_in(replace(state, settings=settings), task)
        for settings in state.authors
    ):
        return False
    ended = [item for item in known.current if item.ended in (Ended.OK, Ended.FAILED)]
    done = bool(ended) and ended[-1].ended is Ended.OK and not ended[-1].red
    return done or known.team.planned is not None


def _roles_assigned(state: State, event: RolesAssigned, at: float) -> State:
    roles = {**state.roles, **{role.name: role for role in event.roles}}
    state = replace(state, roles=roles)
    for task, view in state.tasks.items():
        if not _is_good_work(state, view, view.task):
            state.tasks[task] = replace(view, fingerprint=fingerprint_in(state, view.task))
    return state


def _plan_failed(state: State, event: PlanFailed, at: float) -> State:
    planning = state.planning
    if planning is not None:
        # The plans among which a flow was chosen stay: that is written next, and no other plan.
        again: dict[str, Any] = {"drafts": {}, "no_drafts": {}} if planning.flow is None else {}
        gone = (*planning.drafts.values(), *planning.no_drafts.values()) if again else ()
        past = (*planning.past, *gone, event)
        again |= {"failures": planning.failures + 1, "failed": event, "past": past}
        state = _ended(state, event, **again)
    if event.pauses:
        return replace(state, paused=e.Paused(event.reason, event.hint))
    return replace(state, failed=e.RunFailed(event.reason, event.hint))


def _ended(state: State, event: Planned | PlanFailed, **changes: Any) -> State:
    """Charge what it used. The session that was intended is counted, a repair is one more;
    one that a resume took up again was counted twice."""
    before = state.charged
    state = limits.settle(state, ActionKey(ActionKind.PLAN), event.usage, event.seconds > 0)
    return _counted(state, before, event.sessions - 1, **changes)


def _counted(state: State, before: Cap, sessions: int, **changes: Any) -> State:
    """What a session of the planning cost, which is also of the limit of its own."""
    planning = state.planning
    if planning is not None:
        charged = planning.charged + (state.charged - before)
        planning = replace(planning, charged=charged, **changes)
    return replace(state, planning=planning, sessions=state.sessions + sessions)


def _plan_wanted(state: State, event: PlanWanted, at: float) -> State:
    """Who plans now. Another scout looks at all of it anew, in sessions of its own."""
    known = state.planning
    if known is None or known.made is not None:
        return replace(state, planning=Planning(event))
    if event.scout == known.wanted.scout:
        return replace(state, planning=replace(known, wanted=event))
    asked = dict(known.asked_again)
    for part in (*known.scouted, *known.lost):
        asked[part] = asked.get(part, 0) + 1
    again = replace(known, wanted=event, map=None, scouted={}, lost={}, asked_again=asked)
    return replace(state, planning=again)


def _mapped(state: State, event: e.MapMade, at: float) -> State:
    state = limits.done(state, ActionKey(ActionKind.MAP))
    assert state.planning is not None
    return replace(state, planning=replace(state.planning, map=event))


def _scouted(state: State, event: e.Scouted, at: float) -> State:
    assert state.planning is not None
    scouted = {**state.planning.scouted, event.part: event}
    if event.cached:
        return replace(state, planning=replace(state.planning, scouted=scouted))
    before, key = state.charged, ActionKey(ActionKind.SCOUT, event.part)
    state = limits.session_over(state, key, event, answered=True)
    return _counted(state, before, event.sessions - 1, scouted=scouted)


def _scout_failed(state: State, event: e.ScoutFailed, at: float) -> State:
    """Trouble that is not of the part comes again for any of them: then it is asked later."""
    planning = state.planning
    assert planning is not None
    before, key = state.charged, ActionKey(ActionKind.SCOUT, event.part)
    begun = key in state.intents
    state = limits.session_over(state, key, event, answered=False)
    sessions = event.sessions - begun
    if event.fatal or event.limited:
        number = planning.asked_again.get(event.part, 0) + 1
        asked = {**planning.asked_again, event.part: number}
        past = (*planning.past, event)
        return _counted(state, before, sessions, asked_again=asked, past=past)
    return _counted(state, before, sessions, lost={**planning.lost, event.part: event})


def _drafted(state: State, event: e.PlanDrafted | e.DraftFailed, at: float) -> State:
    planning = state.planning
    assert planning is not None
    before, key = state.charged, ActionKey(ActionKind.PLAN, str(event.number))
    begun = key in state.intents
    state = limits.settle(state, key, event.usage, event.seconds > 0)
    sessions = event.sessions - begun
    if isinstance(event, e.PlanDrafted):
        drafts = {**planning.drafts, event.number: event}
        return _counted(state, before, sessions, drafts=drafts)
    failed = {**planning.no_drafts, event.number: event}
    return _counted(state, before, sessions, no_drafts=failed)


def _judged(state: State, event: e.PlansJudged, at: float) -> State:
    before, key = state.charged, ActionKey(ActionKind.JUDGE)
    begun = key in state.intents
    state = limits.settle(state, key, event.usage, event.seconds > 0)
    return _counted(state, before, event.sessions - begun, judged=event)


def _flow_chosen(state: State, event: e.FlowChosen, at: float) -> State:
    """From now on a flow is wanted: whatever ends this planning, its next session writes that."""
    planning = state.planning
    assert planning is not None
    before, key = state.charged, ActionKey(ActionKind.PLAN)
    begun = key in state.intents
    state = limits.settle(state, key, event.usage, event.seconds > 0)
    wanted = replace(planning.wanted, code=True)
    return _counted(state, before, event.sessions - begun, wanted=wanted, flow=event)


def _flow_kept(state: State, event: e.FlowKept, at: float) -> State:
    assert state.planning is not None
    return replace(state, planning=replace(state.planning, kept=event))


def answered(state: State, key: str) -> State:
    """A request for tasks is answered: they are added, or refused."""
    return replace(state, wanted=tuple(item for item in state.wanted if item.key != key))


FOLDS: Mapping[type, Callable[[State, Any, float], State]] = {
    RolesAssigned: _roles_assigned,
    e.IssueNamed: lambda state, event, at: replace(state, issue=event.issue),
    PlanWanted: _plan_wanted,
    Planned: lambda state, event, at: _ended(state, event, made=event),
    PlanFailed: _plan_failed,
    e.PlanDrafted: _drafted,
    e.DraftFailed: _drafted,
    e.PlansJudged: _judged,
    e.FlowChosen: _flow_chosen,
    e.FlowKept: _flow_kept,
    e.MapMade: _mapped,
    e.Scouted: _scouted,
    e.ScoutFailed: _scout_failed,
    e.TasksWanted: lambda state, event, at: replace(state, wanted=(*state.wanted, event)),
    e.TasksRefused: lambda state, event, at: answered(state, event.key),
}
