"""One candidate: a set of branches assembled in order and checked as one tree.

The commit that was judged is kept below refs/wtman/candidates/, so that whoever reads
why it is red can check it out. A textual conflict is an answer too, and costs no
check run. Where conflicts were joined and the tree is red, the next likely texts are tried,
a few in a whole merge. Doing it twice gives the same commit and the cached verdict.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from wtman.checks.judge import Judged, TrainPart, TrainParts, judge
from wtman.checks.reproducers import turned
from wtman.context import Context
from wtman.integration import candidate_refs
from wtman.integration.assemble import Assembled, assemble, train_of
from wtman.journal.events import CandidateJudged, Event, TeamJudged
from wtman.journal.state import State
from wtman.journal.units import landing_needs, works_in
from wtman.merge.actions import JudgeCandidate, JudgeTeam
from wtman.merge.selection import Member, arrange
from wtman.merge.suspects import pointed
from wtman.merge.team import on_start
from wtman.model.check import CheckResult, Verdict
from wtman.model.ids import Sha, TaskId
from wtman.review.reproduce import still_fixed

_WAYS = 3  # texts of one set that are judged
_MOST_TRIES = 6  # beyond the first of each set, in one merge
_PROSE = (".md", ".rst", ".txt", ".adoc")  # in which order things are told there decides no check


async def perform(ctx: Context, state: State, action: JudgeCandidate) -> tuple[Event, ...]:
    """Assemble and judge the action's members on its commit."""
    on, members = action.on, action.members
    made: Assembled = await ctx.git(_assembled, ctx, state, action, 0)
    if made.conflict is not None:
        return (
            CandidateJudged(
                on,
                members,
                Verdict.RED,
                conflict=made.conflict,
                conflicts=made.conflicts,
                sides=made.sides,
            ),
        )
    parts = _once(lambda: ctx.git(_parts, ctx, state, action))
    judged = await _judged(ctx, state, action, made, parts)
    way, tries = 0, 1
    seen = {made.commit}
    open_ = any(not item.path.lower().endswith(_PROSE) for item in made.adapted)
    while judged.verdict is Verdict.RED and open_ and tries < _tries(state):
        other: Assembled = await ctx.git(_assembled, ctx, state, action, tries)
        if other.commit in seen or other.conflict is not None:
            break
        seen.add(other.commit)
        again = await _judged(ctx, state, action, other, parts)
        if again.verdict is not Verdict.RED:
            judged, made, way = again, other, tries
        tries += 1
    suspects: tuple[TaskId, ...] = ()
    if judged.verdict is Verdict.RED:
        args = (ctx.control, state, members, judged.results, judged.evidence)
        suspects = _without_fixers(await ctx.git(pointed, *args), members, judged.results)
    return (
        CandidateJudged(
            on=on,
            members=members,
            verdict=judged.verdict,
            commit=made.commit,
            tree=made.tree,
            results=judged.results,
            evidence=judged.evidence,
            adapted=made.adapted,
            suspects=suspects,
            way=way,
            tries=tries,
        ),
    )


async def perform_team(ctx: Context, state: State, action: JudgeTeam) -> tuple[Event, ...]:
    """Judge a candidate of the train of a lead."""
    judged = await perform(ctx, on_start(state, action.task), action.wanted)
    heads = dict(action.heads)
    return tuple(
        TeamJudged(action.task, heads, item) for item in judged if isinstance(item, CandidateJudged)
    )


def _once(make: Callable[[], Awaitable[tuple[TrainPart, ...]]]) -> TrainParts:
    """The answer of `make`, which several checks may want, and maybe none."""
    made: list[asyncio.Future[tuple[TrainPart, ...]]] = []

    async def answer() -> tuple[TrainPart, ...]:
        if not made:
            made.append(asyncio.ensure_future(make()))
        return await made[0]

    return answer


def _parts(ctx: Context, state: State, action: JudgeCandidate) -> tuple[TrainPart, ...]:
    """Each member by itself, with what it needs; none where that is the whole set."""
    views = {task: state.tasks[task] for task in action.members}
    needs = landing_needs(state, action.members, depended=True)
    order = arrange(
        [Member(name, view.start, view.head, needs[name]) for name, view in views.items()]
    )
    found: list[TrainPart] = []
    for name, view in views.items():
        names = order.key(order.below[name])
        if names == action.members:
            continue
        made = assemble(ctx.control, train_of(state, action.on, names))
        if made.commit and made.commit != action.on:
            own = view.head if view.checked is not None else Sha("")
            found.append(TrainPart(name, state.label(name), made.commit, own))
    return tuple(found)


def _without_fixers(
    suspects: tuple[TaskId, ...], members: Sequence[TaskId], results: Sequence[CheckResult]
) -> tuple[TaskId, ...]:
    """The suspects of a failure that a member alone has fixed: it is one of the others."""
    fixed = {name for result in results for name in result.fixed_by}
    if not fixed:
        return suspects
    return tuple(name for name in suspects or members if name not in fixed)


async def _judged(
    ctx: Context, state: State, action: JudgeCandidate, made: Assembled, parts: TrainParts
) -> Judged:
    commands = train_checks(state, action.members)
    judged = await judge(
        ctx,
        state.settings,
        commands,
        made.commit,
        action.on,
        stem=f"train-{made.commit[:12]}",
        parts=parts,
        given=commands,
    )
    stem = f"train-{made.commit[:12]}"
    works = works_in(state, action.members)
    judged = await turned(ctx, state, works, made.commit, judged, stem)
    if judged.verdict is not Verdict.RED:
        judged = await still_fixed(ctx, state, made.commit, action.members, judged)
    return judged


def _tries(state: State) -> int:
    """How many texts of one set may be judged now."""
    assert state.merge is not None
    done = sum(item.tries - 1 for item in state.merge.candidates.values())
    return min(_WAYS, 1 + _MOST_TRIES - done)


def train_checks(state: State, members: tuple[TaskId, ...]) -> tuple[str, ...]:
    """What judges a train: the merge's or the run's checks, and the members' own."""
    assert state.merge is not None
    wanted = dict.fromkeys(state.merge.asked.check or state.settings.check)
    for task in members:
        wanted.update(dict.fromkeys(state.tasks[task].task.check))
    return tuple(wanted)


def _assembled(ctx: Context, state: State, action: JudgeCandidate, way: int) -> Assembled:
    made = assemble(ctx.control, train_of(state, action.on, action.members, way=way))
    if made.commit != action.on:
        candidate_refs.keep(ctx.repo, state.run, made.commit or made.keeper)
    return made
