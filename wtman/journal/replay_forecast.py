"""The folds of what was foreseen of a run, and of what came true. Part of `replay`."""

from collections.abc import Callable, Mapping
from typing import Any

from wtman.journal import events as e
from wtman.journal.copies import replace
from wtman.journal.replay_limits import done
from wtman.journal.state import Foretold, State
from wtman.model.actions import ActionKey, ActionKind


def _foreseen(state: State, event: e.Foreseen, at: float) -> State:
    told = Foretold(event, state.lasted(at), state.sessions, state.usage)
    return replace(state, foretold=told)


def _pairs_foreseen(state: State, event: e.PairsForeseen, at: float) -> State:
    if state.foretold is None:
        return state
    was = state.foretold.event
    told = replace(was, pairs=(*was.pairs, *event.pairs))
    return replace(state, foretold=replace(state.foretold, event=told))


def _observed(state: State, event: e.ConflictsObserved, at: float) -> State:
    return replace(done(state, ActionKey(ActionKind.OBSERVE)), observed=event)


FOLDS: Mapping[type, Callable[[State, Any, float], State]] = {
    e.Foreseen: _foreseen,
    e.PairsForeseen: _pairs_foreseen,
    e.ConflictsObserved: _observed,
}
