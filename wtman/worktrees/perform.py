"""Worktrees: made at the base or at the joined tips of what a task needs, and moved later.

A task starts from verified work: with several needs, from a merge of their tips
that wtman makes itself. When that work moves, the task's own change is merged onto
the new start; where that conflicts the task starts over and its work is kept aside.
"""

import os
from dataclasses import replace

from wtman.context import Context
from wtman.git.merges import merge_tree
from wtman.git.objects import history
from wtman.journal import events as e
from wtman.journal.events import Unresolved
from wtman.journal.state import State
from wtman.model.ids import Sha, TaskId
from wtman.provision.outfit import Fitted, keys_for
from wtman.provision.setup_use import require_space
from wtman.worktrees.actions import Adopt, BringBack, Follow, MakeWorktree, Restore, Rewind
from wtman.worktrees.baseline import provision_task
from wtman.worktrees.join import join
from wtman.worktrees.place import TaskPlace, bring, move, place_of, require_free
from wtman.worktrees.takeover import TakenOver, handouts_of, take_over


async def perform(
    ctx: Context, state: State, action: MakeWorktree | BringBack | Follow | Adopt | Restore | Rewind
) -> tuple[e.Event, ...]:
    """Bring a task's worktree into being, or to where it belongs now."""
    match action:
        case MakeWorktree():
            return await _make(ctx, state, action)
        case BringBack():
            return await _bring_back(ctx, state, action)
        case Follow():
            return await ctx.git(_follow, ctx, state, action)  # type: ignore[no-any-return]
        case Adopt():
            await ctx.git(_move, ctx, state, action.task, action.head, action.to)
            return (e.Adopted(action.task, action.start, action.to),)
        case Rewind():
            await ctx.git(_move, ctx, state, action.task, action.head, action.to)
            return (e.TaskRewound(action.task, action.to),)
        case Restore():
            await ctx.git(_move, ctx, state, action.task, action.head, action.to)
            resolver = state.tasks[action.task].resolving is not None
            kind = Unresolved if resolver else e.RetryReverted
            return (kind(action.task, action.start, action.to, action.reason),)


async def _make(ctx: Context, state: State, action: MakeWorktree) -> tuple[e.Event, ...]:
    needs = dict(action.needs)
    start, trouble = await ctx.git(
        join, ctx, state, state.tasks[action.task].onto or state.base, tuple(needs.values())
    )
    if trouble:
        reason = f"the tasks that it needs conflict in {', '.join(trouble)}"
        return (e.StartFailed(action.task, dict(needs), reason),)
    place = place_of(state, action.task)
    taken = await ctx.git(_place, ctx, state, place, action.over, start)
    notes: list[str] = []
    fitted = await _provision(ctx, state, place, taken, start, notes)
    if fitted.problem:
        reason = f"{e.SETUP_FAILED}: {fitted.problem}"
        failed = e.StartFailed(action.task, dict(needs), reason, place.branch, start)
        return (*taken.told, failed)
    made = e.WorktreeMade(
        action.task,
        taken.path,
        place.branch,
        start,
        dict(needs),
        tuple(notes),
        action.over,
        fitted.told,
    )
    return (*taken.told, made)


async def _bring_back(ctx: Context, state: State, action: BringBack) -> tuple[e.Event, ...]:
    """A worktree for a task that had one before.

    Setup that fails now fails for what the task has done: the next session is there to mend it.
    """
    place = place_of(state, action.task)
    taken = await ctx.git(_place, ctx, state, place, action.over, action.head)
    notes: list[str] = []
    fitted = await _provision(ctx, state, place, taken, action.head, notes)
    if fitted.problem:
        notes.append(f"setup failed in its worktree: {fitted.problem.splitlines()[0]}")
    back = e.WorktreeBack(action.task, taken.path, tuple(notes), action.over, fitted.told)
    return (*taken.told, back)


def _place(
    ctx: Context,
    state: State,
    place: TaskPlace,
    over: TaskId,
    start: Sha,
) -> TakenOver:
    """The worktree of a task, over that of another or made anew. Blocking."""
    was = state.tasks[place.task].head or None
    require_free(ctx, place)
    keys = keys_for(ctx, state.settings, start, of_task=True)
    taken = take_over(ctx, state, over, place, was, start, keys)
    if taken.worktree is not None:
        return taken
    if not os.path.lexists(place.path):
        require_space(ctx.control, state.settings, start)
    worktree = bring(ctx, state, place, was, start)
    if (handouts := handouts_of(ctx, state)) is not None:
        handouts.checked_out(ctx.control, worktree.path, worktree.index, start)
        if not state.settings.brings:
            # Here, not in a turn of its own: others are checked out meanwhile.
            handouts.hand_out(worktree.path, start)
    return replace(taken, worktree=worktree)


async def _provision(
    ctx: Context, state: State, place: TaskPlace, taken: TakenOver, at: Sha, notes: list[str]
) -> Fitted:
    """What the worktree needs besides its files; says what went wrong, and how it went."""
    assert taken.worktree is not None
    return await provision_task(
        ctx,
        state,
        place,
        taken.worktree,
        at,
        notes.append,
        handouts=handouts_of(ctx, state),
        handout=taken.handout,
    )


def _move(ctx: Context, state: State, task: TaskId, was: Sha, to: Sha) -> None:
    """Bring a task's branch to `to`, and its worktree where it has one. Blocking."""
    place = place_of(state, task)
    if state.tasks[task].worktree:
        bring(ctx, state, place, was, to)
    else:
        require_free(ctx, place)
        move(ctx, place, was, to)


def _follow(ctx: Context, state: State, action: Follow) -> tuple[e.Event, ...]:
    needs = dict(action.needs)
    task: TaskId = action.task
    onto = state.tasks[task].onto
    start, trouble = join(ctx, state, onto or state.base, tuple(needs.values()))
    if trouble:
        reason = f"the tasks that it needs conflict in {', '.join(trouble)}"
        return (e.StartFailed(task, needs, reason),)
    merged = merge_tree.merge(ctx.control, action.start, action.head, start)
    if merged.tree is None:
        _move(ctx, state, task, action.head, start)
        return (e.Followed(task, start, start, needs, merged.conflicts, onto),)
    head = history.commit(
        ctx.control,
        merged.tree,
        (action.head, start),
        f"wtman: {task} follows what it needs\n",
        state.identity,
        state.created,
    )
    _move(ctx, state, task, action.head, head)
    return (e.Followed(task, start, head, needs, onto=onto),)
