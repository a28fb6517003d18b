"""The folds of a resolver's work. Part of `replay`.

A task that it could not bring up to the target stands afterwards as if nobody had tried:
its own work is good, and may land where what it clashes with is not.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from wtman.journal.events import Landed, MergeAsked, Resolving, Unresolved
from wtman.journal.replay_limits import done
from wtman.journal.state import TRIES, MergeView, Request, State
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.ids import Sha


def _resolving(state: State, event: Resolving, at: float) -> State:
    view = state.tasks.get(event.task)
    if view is None or view.external or view.merged:
        return state
    # As many failures as it has tries must not end the task before.
    spent = max(view.failures + TRIES - (state.settings.attempts + view.granted), 0)
    state.tasks[event.task] = replace(
        view,
        granted=view.granted + spent,
        request=Request(again=True, restart=view.request.restart),
        onto=event.onto,
        excluded=None,
        stuck="",
        resolving=event,
        before=replace(view, resolving=None, before=None),
        unresolved="",
        refused=Sha(""),
    )
    return state


def _unresolved(state: State, event: Unresolved, at: float) -> State:
    state = done(state, ActionKey(ActionKind.WORKTREE, event.task))
    view = state.tasks.get(event.task)
    if view is None or view.before is None or view.resolving is None:
        return state
    before = view.before
    # The attempts stay, and say nothing of the task's own work any more.
    attempts = tuple(
        replace(item, fingerprint="") if item.number > before.last else item
        for item in view.attempts
    )
    state.tasks[event.task] = replace(
        before,
        planned=view.planned,
        chained=view.chained,
        unchained=view.unchained,
        fingerprint=view.fingerprint,
        worktree=view.worktree,
        attempts=attempts,
        unresolved=event.reason or "it did not bring them together",
        refused=view.resolving.onto,
        cleaned=False,
    )
    return state


def so_far(state: State, event: MergeAsked) -> Landed | None:
    """What the merge that a resolver's work goes on with has landed."""
    if not event.resolves or state.merge is None:
        return None
    return state.merge.landed or state.merge.so_far


def landed(merge: MergeView, event: Landed) -> Landed:
    """What a merge has landed, with what came before it where it goes on."""
    if event.moved and merge.asked.resolves in event.commits:
        event = replace(event, resolved=(merge.asked.resolves,))
    return joined(merge.so_far, event) if merge.so_far is not None else event


def joined(first: Landed, second: Landed) -> Landed:
    """A merge and the one that a resolver's work then got, told as one."""
    commits = {**first.commits, **(second.commits if second.moved else {})}
    later = {item.task: item for item in second.excluded}
    left = (later.pop(item.task, item) for item in first.excluded if item.task not in commits)
    return replace(
        second,
        before=first.before,
        commits=commits,
        excluded=(*left, *later.values()),
        checks=first.checks + second.checks,
        flaky=tuple(dict.fromkeys((*first.flaky, *second.flaky))),
        adapted=tuple(dict.fromkeys((*first.adapted, *second.adapted))),
        needs={**(first.needs or {}), **(second.needs or {})} or None,
        patches=second.patches or first.patches,
        proof="; ".join(dict.fromkeys(text for text in (first.proof, second.proof) if text)),
        moved=first.moved or second.moved,
        notes=tuple(dict.fromkeys((*first.notes, *second.notes))),
        resolved=(*first.resolved, *(second.resolved if second.moved else ())),
    )


FOLDS: Mapping[type, Callable[[State, Any, float], State]] = {
    Resolving: _resolving,
    Unresolved: _unresolved,
}
