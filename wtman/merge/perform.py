"""One candidate: a set of branches assembled in order and checked as one tree.

The commit that was judged is kept below refs/wtman/candidates/, so that whoever reads
why it is red can check it out. A textual conflict is an answer too, and costs no
check run. Doing it twice gives the same commit and the cached verdict.
"""

from wtman.checks.judge import judge
from wtman.context import Context
from wtman.integration import candidate_refs
from wtman.integration.assemble import Assembled, assemble, train_of
from wtman.journal.events import CandidateJudged, Event
from wtman.journal.state import State
from wtman.merge.actions import JudgeCandidate
from wtman.merge.suspects import pointed
from wtman.model.check import Verdict
from wtman.model.ids import TaskId
from wtman.review.reproduce import still_fixed


async def perform(ctx: Context, state: State, action: JudgeCandidate) -> tuple[Event, ...]:
    """Assemble and judge the action's members on its commit."""
    on, members = action.on, action.members
    made: Assembled = await ctx.git(_assembled, ctx, state, action)
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
    commands = train_checks(state, members)
    judged = await judge(
        ctx, state.settings, commands, made.commit, on, stem=f"train-{made.commit[:12]}"
    )
    if judged.verdict is not Verdict.RED:
        judged = await still_fixed(ctx, state, made.commit, members, judged)
    suspects: tuple[TaskId, ...] = ()
    if judged.verdict is Verdict.RED:
        args = (ctx.control, state, members, judged.results, judged.evidence)
        suspects = await ctx.git(pointed, *args)
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
        ),
    )


def train_checks(state: State, members: tuple[TaskId, ...]) -> tuple[str, ...]:
    """What judges a train: the merge's or the run's checks, and the members' own."""
    assert state.merge is not None
    wanted = dict.fromkeys(state.merge.asked.check or state.settings.check)
    for task in members:
        wanted.update(dict.fromkeys(state.tasks[task].task.check))
    return tuple(wanted)


def _assembled(ctx: Context, state: State, action: JudgeCandidate) -> Assembled:
    made = assemble(ctx.control, train_of(state, action.on, action.members))
    if made.commit != action.on:
        candidate_refs.keep(ctx.repo, state.run, made.commit or made.keeper)
    return made
