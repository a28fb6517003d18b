"""Leads in the repository: where their parts start from, and the branch of what they made."""

import os

from wtman.context import Context
from wtman.journal import events as e
from wtman.journal.state import State
from wtman.worktrees.actions import MakeTeam, MoveTeam
from wtman.worktrees.join import join
from wtman.worktrees.place import bring, move, place_of, require_free, worktree_of


async def perform(ctx: Context, state: State, action: MakeTeam | MoveTeam) -> tuple[e.Event, ...]:
    """Make the train of a lead its work, or let its parts start from another commit."""
    if isinstance(action, MakeTeam):
        await ctx.git(_moved, ctx, state, action)
        branch = place_of(state, action.task).branch
        heads = dict(action.heads)
        made = e.TeamMade(action.task, action.start, heads, action.to, branch, action.verdict)
        return (made,)
    view = state.tasks[action.task]
    needs = dict(action.needs)
    start, trouble = await ctx.git(join, ctx, state, view.onto or state.base, tuple(needs.values()))
    if trouble:
        reason = f"the tasks that it needs conflict in {', '.join(trouble)}"
        return (e.StartFailed(action.task, needs, reason),)
    return (e.TeamMoved(action.task, start, needs),)


def _moved(ctx: Context, state: State, action: MakeTeam) -> None:
    """Bring the branch of a lead to its train. Blocking.

    It has a worktree only if it was a task of one session before; that goes along.
    """
    place = place_of(state, action.task)
    if os.path.isdir(place.path) and os.path.lexists(worktree_of(ctx.repo, place).admin):
        bring(ctx, state, place, action.head, action.to)
        return
    require_free(ctx, place)
    move(ctx, place, action.head, action.to)
