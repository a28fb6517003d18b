"""The overlap watch: after a while, one look at which live worktrees will not merge.

Promises never to be the reason that a run ends or goes on: it is cancelled with the
last session, what it cannot see it leaves out, and no error of a worktree leaves it.
Only what has changed since the last look is read and merged, and pairs that touch
no path in common are never merged at all.
"""

import asyncio
from collections.abc import Collection, Mapping

from wtman.context import Context
from wtman.errors import WtmanError
from wtman.git import refs
from wtman.git.checkouts.live import LiveWork
from wtman.git.control_dir import Control
from wtman.journal.events import Event
from wtman.journal.replay import replay
from wtman.journal.state import State
from wtman.model.ids import Pair, Sha, TaskId
from wtman.tasks.actions import Watch
from wtman.tasks.lifecycle import standings
from wtman.tasks.overlap import candidates, common_paths, live, overlapped, subjects
from wtman.worktrees.baseline import without_baseline
from wtman.worktrees.place import place_of, worktree_of

# Seconds between two looks, or as many times what the last one took: 2.5 % of a core at most.
INTERVAL, REST = 15.0, 40.0
# Pairs of one look: those of a thousand tasks that all change one file would take minutes.
_MOST_MERGED = 5_000


async def perform(ctx: Context, state: State, action: Watch) -> tuple[Event, ...]:
    """Wait, then look once; an event only where there is something new to say."""
    await asyncio.sleep(max(INTERVAL, REST * ctx.looks.took))
    # The world has gone on meanwhile.
    state = replay(ctx.store.events(ctx.run, state.seq), state)
    clock = asyncio.get_running_loop().time
    started = clock()
    try:
        found = await look(ctx, state)
    except (WtmanError, OSError):
        return ()
    finally:
        ctx.looks.took = clock() - started
    known = {(item.task, item.other): item.looks for item in state.overlaps}
    before = {pair: max(known.get(pair, 0), ctx.looks.before.get(pair, 0)) for pair in found}
    event = overlapped(state, found, before)
    ctx.looks.before = {pair: count + 1 for pair, count in before.items()}
    return () if event is None else (event,)


async def look(ctx: Context, state: State) -> dict[Pair, tuple[str, ...]]:
    """The pairs whose work, as it is now, does not merge, and in which paths."""
    looks = ctx.looks
    ctl = await looks.begin(ctx.control, ctx.below("watch"), ctx.git)
    busy = frozenset(live(state))
    sides: dict[TaskId, LiveWork] = {}
    for task in subjects(state, standings(state)):
        view = state.tasks[task]
        work: Sha | None = view.head
        if task in busy:
            # One at a time: the threads of git are for those whose session has ended.
            work = await _work(ctx, ctl, state, task)
        if work is not None and work != view.start:
            sides[task] = LiveWork(view.start, work)
    return await collisions(ctx, ctl, state, sides, busy)


async def collisions(
    ctx: Context,
    ctl: Control,
    state: State,
    sides: Mapping[TaskId, LiveWork],
    busy: Collection[TaskId],
) -> dict[Pair, tuple[str, ...]]:
    """The pairs of these works that do not merge, one of them a `busy` task's, and where."""
    changed = await ctx.looks.paths(ctl, sides, ctx.git)
    pairs = candidates(state, changed, busy)[:_MOST_MERGED]
    triples = [_triple(state, sides[one], sides[other]) for one, other in pairs]
    found: dict[Pair, tuple[str, ...]] = {}
    merged = await ctx.looks.conflicts(ctl, triples, ctx.git)
    for (one, other), conflicts in zip(pairs, merged, strict=True):
        together = sides[one].start == sides[other].start
        paths = common_paths(conflicts, changed[one], changed[other], together)
        if paths:
            found[one, other] = paths
    return found


def _triple(state: State, one: LiveWork, other: LiveWork) -> tuple[Sha, Sha, Sha]:
    base = one.start if one.start == other.start else state.base
    return base, one.work, other.work


async def _work(ctx: Context, ctl: Control, state: State, task: TaskId) -> Sha | None:
    """The tree of a live task's worktree without what setup brought; None: not to be seen."""
    place = place_of(state, task)
    attempt = state.tasks[task].in_flight
    assert attempt is not None
    tip = await ctx.git(refs.read_one, ctx.repo, place.ref) or attempt.at
    official = worktree_of(ctx.repo, place).index
    tree = await ctx.looks.tree(ctl, task, place.path, official, tip, ctx.git)
    if tree is None or not state.settings.brings:
        return tree
    known = ctx.looks.unprovisioned
    if (tree, tip) not in known:
        try:
            known[tree, tip] = await ctx.git(without_baseline, ctl, state, place, tree, tip)
        except WtmanError:
            return None
    return known[tree, tip]
