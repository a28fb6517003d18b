"""The folds of repairs, and of what a person is asked about tasks. Part of `replay`."""

from collections.abc import Callable, Mapping
from typing import Any

from wtman.journal import events as e
from wtman.journal import replay_limits as limits
from wtman.journal.copies import replace
from wtman.journal.state import PersonQuestion, RepairView, State
from wtman.model.actions import ActionKey, ActionKind


def _decided(state: State, event: e.RepairDecided, at: float) -> State:
    key = ActionKey(ActionKind.REPAIR, event.task)
    state = limits.settle(state, key, event.usage, event.seconds > 0)
    more = event.sessions - 1  # the session that was intended is counted
    state = replace(state, sessions=state.sessions + more, turned_away=0)
    return replace(state, repairs=(*state.repairs, RepairView(at, decided=event)))


def _failed(state: State, event: e.RepairFailed, at: float) -> State:
    key = ActionKey(ActionKind.REPAIR, event.task)
    state = limits.session_over(state, key, event, answered=False)
    state = replace(state, sessions=state.sessions + max(event.sessions - 1, 0))
    return replace(state, repairs=(*state.repairs, RepairView(at, failed=event)))


def _applied(state: State, event: e.RepairApplied, at: float) -> State:
    repairs = tuple(
        replace(item, applied=event)
        if item.decided is not None and (item.task, item.decided.number) == _which(event)
        else item
        for item in state.repairs
    )
    return replace(state, repairs=repairs)


def _which(event: e.RepairApplied) -> tuple[str, int]:
    return event.task, event.number


def _asked(state: State, event: e.QuestionAsked, at: float) -> State:
    team = event.team
    if team is not None:
        key = ActionKey(ActionKind.PLAN, team.lead)
        state = limits.settle(state, key, team.usage, team.seconds > 0)
        state = replace(state, sessions=state.sessions + team.sessions - 1, turned_away=0)
        view = state.tasks.get(team.lead)
        if view is not None:
            used = view.team.usage + team.usage
            state.tasks[team.lead] = replace(view, team=replace(view.team, usage=used))
    left = tuple(item for item in state.asked if item.key != event.key)
    question = PersonQuestion(event.key, event.text, event.show, asked=event)
    return replace(state, asked=(*left, question))


def answered(state: State, event: e.Answered) -> State:
    """A person has answered what was asked about a task; the first answer counts."""
    asked = tuple(
        replace(item, answer=event.text)
        if item.key == event.key and not item.answer and event.text in item.options
        else item
        for item in state.asked
    )
    return replace(state, asked=asked)


def _closed(state: State, event: e.QuestionClosed, at: float) -> State:
    over = tuple(item for item in state.asked if item.key == event.key)
    left = tuple(item for item in state.asked if item.key != event.key)
    return replace(state, asked=left, settled=(*state.settled, *over))


FOLDS: Mapping[type, Callable[[State, Any, float], State]] = {
    e.RepairDecided: _decided,
    e.RepairFailed: _failed,
    e.RepairApplied: _applied,
    e.QuestionAsked: _asked,
    e.QuestionClosed: _closed,
}
