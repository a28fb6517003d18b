"""Worktrees: made at the base or at the joined tips of what a task needs, and moved later.

A task starts from verified work: with several needs, from a merge of their tips
that wtman makes itself. When that work moves, the task's own change is merged onto
the new start; where that conflicts the task starts over and its work is kept aside.
"""

from collections.abc import Sequence

from wtman.context import Context
from wtman.errors import SPACE_HINT, DiskFullError
from wtman.git.checkouts.worktrees import Worktree
from wtman.git.disk import free_bytes
from wtman.git.merges import merge_tree
from wtman.git.objects import history
from wtman.journal import events as e
from wtman.journal.events import Unresolved
from wtman.journal.state import State
from wtman.model.ids import Sha, TaskId
from wtman.worktrees.actions import Adopt, Follow, MakeWorktree, Restore
from wtman.worktrees.baseline import provision_task
from wtman.worktrees.place import TaskPlace, bring, place_of

# What must stay free on the disk besides the files of one checkout, in bytes.
_SPARE = 256 * 1024 * 1024


async def perform(
    ctx: Context, state: State, action: MakeWorktree | Follow | Adopt | Restore
) -> tuple[e.Event, ...]:
    """Bring a task's worktree into being, or to where it belongs now."""
    match action:
        case MakeWorktree():
            return await _make(ctx, state, action)
        case Follow():
            return await ctx.git(_follow, ctx, state, action)  # type: ignore[no-any-return]
        case Adopt():
            place = place_of(state, action.task)
            await ctx.git(bring, ctx, state, place, action.head, action.to)
            return (e.Adopted(action.task, action.start, action.to),)
        case Restore():
            place = place_of(state, action.task)
            await ctx.git(bring, ctx, state, place, action.head, action.to)
            resolver = state.tasks[action.task].resolving is not None
            kind = Unresolved if resolver else e.RetryReverted
            return (kind(action.task, action.start, action.to, action.reason),)


async def _make(ctx: Context, state: State, action: MakeWorktree) -> tuple[e.Event, ...]:
    needs = dict(action.needs)
    start, trouble = await ctx.git(
        _join, ctx, state, state.tasks[action.task].onto or state.base, tuple(needs.values())
    )
    if trouble:
        reason = f"the tasks that it needs conflict in {', '.join(trouble)}"
        return (e.StartFailed(action.task, dict(needs), reason),)
    place = place_of(state, action.task)
    worktree = await ctx.git(_place, ctx, state, place, start)
    notes: list[str] = []
    problem = await provision_task(ctx, state, place, worktree, start, notes.append)
    if problem:
        reason = f"setup failed: {problem}"
        return (e.StartFailed(action.task, dict(needs), reason, place.branch, start),)
    lacks = tuple(notes)
    return (e.WorktreeMade(action.task, worktree.path, place.branch, start, dict(needs), lacks),)


def _place(ctx: Context, state: State, place: TaskPlace, start: Sha) -> Worktree:
    _require_space(ctx, state)
    view = state.tasks[place.task]
    return bring(ctx, state, place, view.head or None, start)


def _require_space(ctx: Context, state: State) -> None:
    free = free_bytes(state.settings.worktrees)
    if free < _SPARE:
        raise DiskFullError(
            f"only {free // 2**20} MiB are free for worktrees in {state.settings.worktrees}",
            hint=SPACE_HINT,
        )


def _join(
    ctx: Context, state: State, base: Sha, tips: Sequence[Sha]
) -> tuple[Sha, tuple[str, ...]]:
    """One commit that holds the work of all tips, or the paths on which they conflict."""
    joined = base
    for tip in dict.fromkeys(tips):
        if history.is_ancestor(ctx.control, joined, tip):
            joined = tip
            continue
        if history.is_ancestor(ctx.control, tip, joined):
            continue
        merged = merge_tree.merge_heads(ctx.control, joined, tip)
        if merged.tree is None:
            return joined, merged.conflicts
        # A fixed date: the same tips give the same commit, so this can be done twice.
        joined = history.commit(
            ctx.control,
            merged.tree,
            (joined, tip),
            "wtman: join what a task needs\n",
            state.identity,
            state.created,
        )
    return joined, ()


def _follow(ctx: Context, state: State, action: Follow) -> tuple[e.Event, ...]:
    needs = dict(action.needs)
    task: TaskId = action.task
    place = place_of(state, task)
    onto = state.tasks[task].onto
    start, trouble = _join(ctx, state, onto or state.base, tuple(needs.values()))
    if trouble:
        reason = f"the tasks that it needs conflict in {', '.join(trouble)}"
        return (e.StartFailed(task, needs, reason),)
    merged = merge_tree.merge(ctx.control, action.start, action.head, start)
    if merged.tree is None:
        bring(ctx, state, place, action.head, start)
        return (e.Followed(task, start, start, needs, merged.conflicts, onto),)
    head = history.commit(
        ctx.control,
        merged.tree,
        (action.head, start),
        f"wtman: {task} follows what it needs\n",
        state.identity,
        state.created,
    )
    bring(ctx, state, place, action.head, head)
    return (e.Followed(task, start, head, needs, onto=onto),)
