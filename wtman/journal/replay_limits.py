"""The folds of what holds a run back: limits, budgets, rate limits. Part of `replay`.

A session reserves its cap when it is intended; when it ends, what it used is charged
instead. Whose use nobody knows is charged its whole cap.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from wtman.formats.codec import from_plain, to_plain
from wtman.journal import events as e
from wtman.journal.events import BackoffEnded, LimitsChanged, RateLimited
from wtman.journal.state import State
from wtman.model.session import Cap, Ended, Usage
from wtman.model.settings import Settings


def without_backoff(state: State) -> State:
    """What a resume takes off, and what a dead coordinator's sessions are charged."""
    alive = {f"session/{task}" for task, view in state.tasks.items() if view.in_flight is not None}
    alive |= {f"session/{task}" for task, view in state.dropped.items() if view.in_flight}
    for task, view in state.tasks.items():
        if view.attach:  # whoever asked was told that it could not be paused
            state.tasks[task] = replace(view, attach=False)
    for key, cap in state.reserved.items():
        if key not in alive:
            state = release(charge(state, Usage(), cap), key)
    return replace(state, rate_limit=0, backoff=False, turned_away=0)


def reserve(state: State, event: e.Intended) -> State:
    """A session is about to start, and may use this much."""
    cap = Cap(event.max_usd, event.max_tokens)
    if cap == Cap():
        return state
    return replace(state, reserved={**state.reserved, event.key: cap})


def release(state: State, key: str) -> State:
    """Whatever has become of the action, nothing is reserved for it any more."""
    if key not in state.reserved:
        return state
    left = {name: cap for name, cap in state.reserved.items() if name != key}
    return replace(state, reserved=left)


def charge(state: State, usage: Usage, cap: Cap = Cap(), ran: bool = True) -> State:  # noqa: B008
    """Count what a session used; `ran` False: it never came to start."""
    held = cap if ran else Cap()
    # No tokens and no money: an agent that would have told at its end did not get there.
    tokens = usage.tokens if usage.tokens or usage.usd is not None else held.tokens
    usd = usage.usd if usage.usd is not None else held.usd
    return replace(state, usage=state.usage + usage, charged=state.charged + Cap(usd, tokens))


def settle(state: State, key: str, event: e.SessionFinished) -> State:
    """Charge a session that is over."""
    return charge(state, event.usage, state.reserved.get(key, Cap()), event.seconds > 0)


def session_over(state: State, event: e.SessionFinished) -> State:
    """Pause on trouble that no retry mends; cool down where a provider has too much."""
    if event.fatal and state.paused is None:
        state = replace(state, paused=e.Paused(event.fatal, event.hint))
    if event.limited:
        # Sessions that were alive together are turned away together: that is once.
        again = state.turned_away + (not state.backoff)
        return replace(state, backoff=True, turned_away=again)
    if event.ended is Ended.OK:
        return replace(state, turned_away=0)
    return state


def _limits_changed(state: State, event: LimitsChanged, at: float) -> State:
    plain = {**to_plain(state.settings), **event.settings}
    return replace(state, settings=from_plain(Settings, plain))


def _rate_limited(state: State, event: RateLimited, at: float) -> State:
    return replace(state, rate_limit=event.jobs)


def _backoff_ended(state: State, event: BackoffEnded, at: float) -> State:
    return replace(state, backoff=False)


FOLDS: Mapping[type, Callable[[State, Any, float], State]] = {
    LimitsChanged: _limits_changed,
    RateLimited: _rate_limited,
    BackoffEnded: _backoff_ended,
}
