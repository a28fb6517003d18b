"""The folds of what holds a run back: limits, budgets, rate limits. Part of `replay`.

A session reserves its cap when it is intended; when it ends, what it used is charged
instead. Whose use nobody knows is charged its whole cap.
"""

from collections.abc import Callable, Mapping
from typing import Any

from wtman.journal import events as e
from wtman.journal.copies import replace
from wtman.journal.state import State
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.session import Cap, Usage


def without_backoff(state: State) -> State:
    """What a resume takes off, and what a dead coordinator's sessions are charged."""
    views = (*state.tasks.items(), *state.dropped.items())
    alive = {
        ActionKey(ActionKind.SESSION, task) for task, view in views if view.in_flight is not None
    }
    for task, view in state.tasks.items():
        if view.attach:  # whoever asked was told that it could not be paused
            state.tasks[task] = replace(view, attach=False)
    for key in state.reserved.keys() - alive:
        state = settle(state, key, Usage(), True)
    return replace(state, rate_limit=0, backoff=False, turned_away=0)


def reserve(state: State, event: e.Intended) -> State:
    """A session is about to start, and may use this much."""
    if event.cap == Cap():
        return state
    return replace(state, reserved={**state.reserved, event.key: event.cap})


def done(state: State, key: ActionKey) -> State:
    """Whatever has become of the action, it is over, and nothing is reserved for it any more."""
    reserved = state.reserved
    if key in reserved:
        reserved = {name: cap for name, cap in reserved.items() if name != key}
    intents = dict(state.intents)
    intents.pop(key, None)
    return replace(state, intents=intents, reserved=reserved)


def settle(state: State, key: ActionKey, usage: Usage, ran: bool) -> State:
    """The action is over: count what its sessions used; `ran` False: none came to start."""
    held = state.reserved.get(key, Cap()) if ran else Cap()
    # No tokens and no money: an agent that would have told at its end did not get there.
    tokens = usage.tokens if usage.tokens or usage.usd is not None else held.tokens
    usd = usage.usd if usage.usd is not None else held.usd
    state = replace(state, usage=state.usage + usage, charged=state.charged + Cap(usd, tokens))
    return done(state, key)


Over = (
    e.SessionFinished
    | e.Reviewed
    | e.Refuted
    | e.StepDeferred
    | e.TeamPlanFailed
    | e.RepairFailed
    | e.Scouted
    | e.ScoutFailed
)


def session_over(
    state: State,
    key: ActionKey,
    event: Over,
    *,
    answered: bool,
) -> State:
    """What the end of a session means for the sessions to come, in whatever role.

    It is charged; trouble that no retry mends pauses the run, and a provider that has too much
    is left alone for a while. `answered`: it did what it was for, so the provider is well.
    """
    state = settle(state, key, event.usage, event.seconds > 0)
    if isinstance(event, e.Scouted):
        return replace(state, turned_away=0)
    if isinstance(event, e.Reviewed | e.Refuted) and not _is_named(state, event.agent):
        away = event.fatal or event.limited
        return _without(state, event.agent, event.fatal or event.reason) if away else state
    if event.fatal and state.paused is None:
        hint = event.hint if isinstance(event, e.SessionFinished | e.ScoutFailed) else ""
        state = replace(state, paused=e.Paused(event.fatal, hint))
    if event.limited:
        # Sessions that were alive together are turned away together: that is once.
        return replace(state, backoff=True, turned_away=state.turned_away + (not state.backoff))
    return replace(state, turned_away=0) if answered else state


def _is_named(state: State, agent: str) -> bool:
    """Whether anybody has asked for this reviewer; else its vendor is another one, that seemed
    signed in, and the run needs it for nothing."""
    settings = state.settings
    named = {settings.agent, *settings.reviewed_by, *settings.roles.values()}
    return agent in named | {role.agent for role in state.roles.values()}


def _without(state: State, agent: str, why: str) -> State:
    """Reviews go on by the agents that are left; those in flight say the same again."""
    if agent not in state.settings.other_vendors:
        return state
    left = tuple(other for other in state.settings.other_vendors if other != agent)
    note = f"{agent} reviews no more: {why}"
    settings = replace(state.settings, other_vendors=left)
    return replace(state, settings=settings, notes=(*state.notes, note))


FOLDS: Mapping[type, Callable[[State, Any, float], State]] = {
    e.RateLimited: lambda state, event, at: replace(state, rate_limit=event.jobs),
    e.BackoffEnded: lambda state, event, at: replace(state, backoff=False),
}
