"""The folds of merges and of a resolver's work. Part of `replay`.

A task that a resolver could not bring up to the target stands afterwards as if nobody had tried:
its own work is good, and may land where what it clashes with is not.
"""

from collections.abc import Callable, Mapping
from typing import Any

from wtman.journal.copies import replace
from wtman.journal.events import (
    CandidateJudged,
    Disproved,
    Landed,
    MergeAsked,
    MergeFailed,
    MergeUndone,
    Resolving,
    TargetMoved,
    Unresolved,
)
from wtman.journal.replay_limits import done
from wtman.journal.state import TRIES, MergeView, Request, State, TaskView
from wtman.journal.units import asked_for, followers, leads
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.ids import Sha, TaskId

_LAND = ActionKey(ActionKind.LAND)


def _merge_asked(state: State, event: MergeAsked, at: float) -> State:
    # What nobody asks for now stays excluded.
    asked = asked_for(state, event.members) if event.members else state.tasks.keys()
    for task in asked:
        if task in state.tasks and state.tasks[task].excluded is not None:
            state.tasks[task] = replace(state.tasks[task], excluded=None)
    before = state.merge if event.resolves else None  # what a resolver's work goes on with
    so_far = (before.landed or before.so_far) if before is not None else None
    merge = MergeView(asked=event, at=at, on=event.before, so_far=so_far)
    return replace(state, merge=merge, mends=False)


def _judged(state: State, event: CandidateJudged, at: float) -> State:
    state = done(state, ActionKey(ActionKind.CANDIDATE, ",".join(event.members)))
    known = state.merge.candidates if state.merge is not None else {}
    return _with_merge(state, candidates={**known, (event.on, event.members): event})


def _disproved(state: State, event: Disproved, at: float) -> State:
    known = state.merge.disproved if state.merge is not None else ()
    return _with_merge(done(state, _LAND), disproved=(*known, *event.excluded))


def _landed(state: State, event: Landed, at: float) -> State:
    state = replace(done(state, _LAND), mends=False)
    merge = state.merge
    if merge is None:
        return state
    if event.moved:
        for name, commit in event.commits.items():
            task = TaskId(name)
            if task in state.tasks:
                state.tasks[task] = replace(state.tasks[task], merged=commit)
    if event.moved or not (merge.asked.dry_run or merge.asked.patch_only):
        for left in event.excluded:
            if left.task in state.tasks:
                state.tasks[left.task] = replace(state.tasks[left.task], excluded=left)
    _over_leads(state)
    there = {task for task, view in state.tasks.items() if view.merged} | {*(event.units or ())}
    for task, view in state.tasks.items():
        # What kept it has landed since then, without it.
        if view.excluded is not None and view.excluded.follows and there >= {*view.excluded.others}:
            state.tasks[task] = replace(view, excluded=None)
    if event.moved and merge.asked.resolves in event.commits:
        event = replace(event, resolved=(merge.asked.resolves,))
    landed = joined(merge.so_far, event) if merge.so_far is not None else event
    return _with_merge(state, landed=landed)


def taken_up(state: State, task: TaskId, onto: Sha) -> None:
    """Let those that a merge excluded only because of this task wait for its new work, and its
    leads come up to the same target."""
    for lead in state.leads_of(task) if onto else ():
        state.tasks[lead] = replace(state.tasks[lead], onto=onto)
    for name in followers(state, task):
        state.tasks[name] = replace(state.tasks[name], excluded=None)


def _over_leads(state: State) -> None:
    """Let a lead be merged with all of its parts, and not without."""
    for lead, parts in leads(state).items():
        merged = [state.tasks[part].merged for part in parts]
        last = merged[-1] if all(merged) else Sha("")
        state.tasks[lead] = replace(state.tasks[lead], merged=last)


def _undone(state: State, event: MergeUndone, at: float) -> State:
    for task, view in state.tasks.items():
        if task in event.tasks:
            state.tasks[task] = replace(view, merged=Sha(""))
        elif view.excluded is not None:
            state.tasks[task] = replace(view, excluded=None)
    _over_leads(state)
    return replace(state, merge=None)


def _with_merge(state: State, **changes: Any) -> State:
    if state.merge is None:
        return state
    return replace(state, merge=replace(state.merge, **changes))


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
    taken_up(state, event.task, event.onto)
    return state


def _unresolved(state: State, event: Unresolved, at: float) -> State:
    state = done(state, ActionKey(ActionKind.WORKTREE, event.task))
    view = state.tasks.get(event.task)
    if view is None or view.before is None or view.resolving is None:
        return state
    state.tasks[event.task] = replace(
        back_to(view.before, view),
        unresolved=event.reason or "it did not bring them together",
        refused=view.resolving.onto,
    )
    landed = state.merge.landed if state.merge is not None else None
    for left in landed.excluded if landed is not None else ():
        other = state.tasks.get(left.task)
        if left.follows and other is not None and not other.merged:
            state.tasks[left.task] = replace(other, excluded=left)
    return state


def back_to(before: TaskView, view: TaskView) -> TaskView:
    """The task as it was before sessions that came to nothing; in its plan and place of now."""
    # The attempts stay, and say nothing of the task's own work any more.
    attempts = tuple(
        replace(item, fingerprint="") if item.number > before.last else item
        for item in view.attempts
    )
    return replace(
        before,
        planned=view.planned,
        chained=view.chained,
        unchained=view.unchained,
        fingerprint=view.fingerprint,
        worktree=view.worktree,
        lacks=view.lacks,
        attempts=attempts,
        cleaned=False,
    )


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
        units={**(first.units or {}), **(second.units or {})} or None,
        resolved=(*first.resolved, *(second.resolved if second.moved else ())),
    )


FOLDS: Mapping[type, Callable[[State, Any, float], State]] = {
    MergeAsked: _merge_asked,
    CandidateJudged: _judged,
    TargetMoved: lambda state, event, at: _with_merge(done(state, _LAND), on=event.now),
    Disproved: _disproved,
    Landed: _landed,
    MergeUndone: _undone,
    MergeFailed: lambda state, event, at: _with_merge(done(state, _LAND), failed=event),
    Resolving: _resolving,
    Unresolved: _unresolved,
}
