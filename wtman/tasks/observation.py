"""What of a forecast came true, seen once all tasks have come to an end.

The tips of two tasks conflict where git cannot merge them in text on what both start from. Pairs
that change no path in common cannot, so only the others are merged. Two that collided while they
were made, and of which one was then made to wait for the other, count as conflicted. No error
leaves here: what cannot be looked at is said, and teaches nothing.
"""

from collections.abc import Mapping

from wtman.context import Context
from wtman.errors import WtmanError
from wtman.git.checkouts.live import LiveWork
from wtman.journal.events import ConflictsObserved, Event
from wtman.journal.state import State
from wtman.model.foreseen import ForeseenPair, ObservedPair
from wtman.model.ids import Pair, Sha, TaskId
from wtman.tasks.actions import Observe
from wtman.tasks.perform import collisions

_MOST_PATHS = 5


async def perform(ctx: Context, state: State, action: Observe) -> tuple[Event, ...]:
    """Look at the tips, and count what the run took since it was foreseen."""
    told = state.foretold
    assert told is not None
    pairs: tuple[ObservedPair, ...] = ()
    reason = ""
    try:
        pairs = await _observed(ctx, state, action.tips, told.event.pairs)
    except (WtmanError, OSError) as error:
        reason = str(error)
    return (
        ConflictsObserved(
            dict(action.tips),
            pairs,
            sessions=state.sessions - told.sessions,
            seconds=max(state.lasted(state.updated) - told.lasted, 0.0),
            usage=state.usage - told.usage,
            reason=reason,
        ),
    )


async def _observed(
    ctx: Context,
    state: State,
    tips: Mapping[TaskId, Sha],
    foreseen: tuple[ForeseenPair, ...],
) -> tuple[ObservedPair, ...]:
    """The foreseen pairs of which both have work, and whether they conflict."""
    wanted = [pair for pair in foreseen if {*pair.tasks} <= tips.keys()]
    if not wanted:
        return ()
    sides = {
        task: LiveWork(state.tasks[task].start, tip)
        for task, tip in tips.items()
        if tip != state.tasks[task].start
    }
    ctl = await ctx.looks.begin(ctx.control, ctx.below("watch"), ctx.git)
    found = await collisions(ctx, ctl, state, sides, sides)
    return tuple(_pair(state, item, found) for item in wanted)


def _pair(state: State, item: ForeseenPair, found: Mapping[Pair, tuple[str, ...]]) -> ObservedPair:
    one, other = item.tasks
    paths = found.get((one, other)) or found.get((other, one)) or ()
    met = (one, other) in state.collided or (other, one) in state.collided
    parted = other in state.tasks[one].chained or one in state.tasks[other].chained
    return ObservedPair(
        item.tasks, bool(paths) or (met and parted), item.chance, tuple(paths[:_MOST_PATHS])
    )
