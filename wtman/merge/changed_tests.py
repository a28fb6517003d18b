"""Changed expectations of a train: branches that are green only with tests of their own making.

Branches that wtman did not make were never checked alone, so the train that passed is
looked at once more with the paths that judge the work as the target has them. Where it
then fails, the branches whose changes matter are named. Promises one check run where nobody changed
such a path in earnest, one more for each that may have, and to block nothing: nobody
said who owns which path.
"""

from wtman.checks.judge import judge
from wtman.checks.protected import compare, protected
from wtman.context import Context
from wtman.git.objects import history
from wtman.git.patches import apply
from wtman.journal.events import CandidateJudged, MergeNote
from wtman.journal.state import State
from wtman.merge.perform import train_checks
from wtman.model.changes import Change
from wtman.model.ids import TaskId


async def changed_expectations(
    ctx: Context, state: State, candidate: CandidateJudged
) -> tuple[MergeNote, ...]:
    """What to say of the members of a train that passed."""
    if not candidate.results:
        return ()
    changed = await ctx.git(history.changes, ctx.control, candidate.on, candidate.commit)
    old = protected(state.settings.protect, changed)
    if not old or not await _told(ctx, state, candidate, old):
        return ()
    mine = await ctx.git(_by_task, ctx, state, candidate, old)
    notes: list[MergeNote] = []
    for task, paths in mine.items():
        found = await _told(ctx, state, candidate, paths)
        notes += [MergeNote((task,), note) for note in found]
    if notes:
        return tuple(notes)
    return tuple(
        MergeNote(tuple(mine), f"only together: {note}")
        for note in await _told(ctx, state, candidate, old)
    )


def _by_task(
    ctx: Context, state: State, candidate: CandidateJudged, old: tuple[Change, ...]
) -> dict[TaskId, tuple[Change, ...]]:
    """The protected paths that each member has touched."""
    ends = [(state.tasks[task].start, state.tasks[task].head) for task in candidate.members]
    found: dict[TaskId, tuple[Change, ...]] = {}
    for task, changed in zip(
        candidate.members, history.changes_many(ctx.control, ends), strict=True
    ):
        touched = {item.path for item in changed}
        if mine := tuple(item for item in old if item.path in touched):
            found[task] = mine
    return found


async def _told(
    ctx: Context, state: State, candidate: CandidateJudged, old: tuple[Change, ...]
) -> tuple[str, ...]:
    """What the checks say with these paths as on the target, and not without."""
    commit = await ctx.git(apply.restored, ctx.control, candidate.commit, old)
    commands = tuple(result.command for result in candidate.results)
    tree = await ctx.git(history.tree_of, ctx.control, commit)
    stem = f"expected-{tree[:12]}"
    given = train_checks(state, candidate.members)
    second = await judge(
        ctx, state.settings, commands, commit, candidate.on, stem=stem, given=given
    )
    found = compare(candidate.results, second.results, tuple(item.path for item in old), ())
    return found.notes if found is not None else ()
