"""Reviews: who meets whom, reviewers asked, their proofs run, and refuters asked.

Reviewers and refuters are sessions like any other, but they only read, in a checkout of
what they judge; whatever they say is a claim. What a crash, a timeout or nonsense leaves
is no verdict, journalled as that.
"""

from collections.abc import Mapping
from types import MappingProxyType

from wtman.context import Context
from wtman.git.objects import history
from wtman.git.patches import series
from wtman.integration import candidate_refs
from wtman.integration.assemble import assemble
from wtman.journal.events import Coupled, Event, Refuted, Reproduced, Reviewed
from wtman.journal.state import Finding, State
from wtman.model.graph import closure
from wtman.model.ids import Sha, TaskId
from wtman.model.plan import Role
from wtman.model.roles import effort_of, model_of
from wtman.review.actions import Couple, Refute, Reproduce, Review
from wtman.review.coupling import BranchWork, couplings
from wtman.review.judgement import judgement
from wtman.review.prompts import (
    BranchDiff,
    refute_prompt,
    refute_request,
    review_prompt,
    review_request,
)
from wtman.review.reproduce import reproduce, together
from wtman.sessions.ask import Answer, Question, ask

_TEXT_CAP = 256 * 1024  # bytes of a file that is looked at for what it imports
_DIFF_CAP = 8 << 20  # characters of a diff that a program is given


async def perform(
    ctx: Context, state: State, action: Couple | Review | Reproduce | Refute
) -> tuple[Event, ...]:
    """Do one step of the reviews."""
    match action:
        case Couple():
            return (await ctx.git(_couple, ctx, state, action),)
        case Review():
            return (await _review(ctx, state, action),)
        case Reproduce():
            return (await _reproduce(ctx, state, action),)
        case Refute():
            return (await _refute(ctx, state, action),)


# --- who meets whom -----------------------------------------------------------------------------


def _couple(ctx: Context, state: State, action: Couple) -> Coupled:
    works = {task: _work(ctx, state, task, head) for task, head in action.tips}
    tasks = tuple(view.task for view in state.tasks.values())
    bound = {
        frozenset((task, need))
        for task in works
        for need in closure(tasks, (task,))
        if need != task
    }
    return Coupled(dict(action.tips), couplings(works, bound))


def _work(ctx: Context, state: State, task: TaskId, head: Sha) -> BranchWork:
    paths = history.paths_changed(ctx.control, state.tasks[task].start, head)
    texts = {}
    for path in paths:
        if path.endswith((".py", ".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs")):
            raw = history.blob(ctx.control, head, path, _TEXT_CAP)
            texts[path] = (raw or b"").decode("utf-8", "replace")
    return BranchWork(frozenset(paths), texts)


# --- reviewers ----------------------------------------------------------------------------------


async def _review(ctx: Context, state: State, action: Review) -> Reviewed:
    from wtman.review.answers import ReviewAnswer

    unit = action.unit
    commit, problem = await ctx.git(_tree, ctx, state, unit.members)
    if problem:
        return _reviewed(action, Answer(value=ReviewAnswer(findings=[]), reason=problem))
    seen = await ctx.git(_seen, ctx, state, unit.members)
    role = _role(state, "reviewer")
    answer = await ask(
        ctx,
        state.settings,
        Question(
            key=f"reviews/{unit.key}/{action.number}",
            role=role,
            prompt=review_prompt(state, unit, seen, state.base),
            program=review_request(state, unit, seen, state.base),
            answer=ReviewAnswer,
            agent=unit.agent,
            commit=commit,
            label=unit.members[0] if len(unit.members) == 1 else "",
            model=model_of(state.settings, role, unit.agent),
            effort=effort_of(state.settings, role),
            max_usd=action.cap.usd,
            max_tokens=action.cap.tokens,
        ),
    )
    return _reviewed(action, answer, {state.tasks[name].branch: name for name in unit.members})


def _reviewed(
    action: Review, answer: Answer, branches: Mapping[str, TaskId] = MappingProxyType({})
) -> Reviewed:
    from wtman.review.answers import claims_of

    unit = action.unit
    said = answer.value
    claims, problems = claims_of(said, unit.members, branches) if said else ((), ())
    return Reviewed(
        unit=unit.key,
        kind=unit.kind,
        lens=unit.lens,
        agent=unit.agent,
        members=unit.members,
        tips=unit.tips,
        ok=answer.value is not None,
        number=action.number,
        reason=answer.reason,
        claims=claims,
        problems=problems,
        usage=answer.usage,
        session=answer.session,
        seconds=answer.seconds,
        sessions=max(answer.sessions, 1),
        fatal=answer.fatal,
        limited=answer.limited,
        stopped=answer.stopped,
    )


# --- proofs and refuters ------------------------------------------------------------------------


async def _reproduce(ctx: Context, state: State, action: Reproduce) -> Reproduced:
    finding = state.reviews.findings[action.finding]
    assert finding.reproducer is not None
    return await reproduce(ctx, state, finding.id, finding.reproducer, action.members, action.tips)


async def _refute(ctx: Context, state: State, action: Refute) -> Refuted:
    from wtman.review.answers import RefutationAnswer, reproducer_of

    finding = state.reviews.findings[action.finding]
    members = tuple(action.tips)
    commit, problem = await ctx.git(_tree, ctx, state, members)
    if problem:
        return Refuted(finding.id, action.lens, action.agent, action.tips, reason=problem)
    seen = await ctx.git(_seen, ctx, state, members)
    shown = _shown(state, finding)
    role = _role(state, "refuter")
    told = (state, finding, action.lens, seen, state.base, shown)
    answer = await ask(
        ctx,
        state.settings,
        Question(
            key=f"refutations/{finding.id}/{'-'.join(action.lens.split())}/{action.number}",
            role=role,
            prompt=refute_prompt(*told),
            program=refute_request(*told),
            answer=RefutationAnswer,
            agent=action.agent,
            commit=commit,
            label=members[0] if len(members) == 1 else "",
            model=model_of(state.settings, role, action.agent),
            effort=effort_of(state.settings, role),
            max_usd=action.cap.usd,
            max_tokens=action.cap.tokens,
        ),
    )
    said: RefutationAnswer | None = answer.value
    return Refuted(
        finding=finding.id,
        lens=action.lens,
        agent=action.agent,
        tips=action.tips,
        answer=said.answer if said else "",
        evidence=said.evidence[:4000] if said else "",
        reproducer=reproducer_of(said.reproducer)[0] if said else None,
        reason=answer.reason,
        usage=answer.usage,
        seconds=answer.seconds,
        sessions=max(answer.sessions, 1),
        fatal=answer.fatal,
        limited=answer.limited,
        stopped=answer.stopped,
    )


def _shown(state: State, finding: Finding) -> str:
    proof = judgement(state, finding).proof or (finding.proofs[-1] if finding.proofs else None)
    if proof is None:
        return ""
    cells = ", ".join(f"{cell.tree} {cell.result}" for cell in proof.cells)
    return f"{proof.kind}: {proof.reason} ({cells})\n{proof.evidence}".strip()


def _role(state: State, name: str) -> Role:
    return state.roles.get(name) or Role(name, "", writes=False)


# --- what they see ------------------------------------------------------------------------------


def _tree(ctx: Context, state: State, members: tuple[TaskId, ...]) -> tuple[Sha, str]:
    """The commit that holds the members; where they do not merge, why."""
    if len(members) == 1:
        return state.tasks[members[0]].head, ""
    made = assemble(ctx.control, together(state, members))
    if made.conflict is not None:
        return Sha(""), f"they do not merge: conflict in {', '.join(made.conflict.paths)}"
    candidate_refs.keep(ctx.repo, state.run, made.commit)
    return made.commit, ""


def _seen(ctx: Context, state: State, members: tuple[TaskId, ...]) -> tuple[BranchDiff, ...]:
    found = []
    for task in members:
        view = state.tasks[task]
        raw = series.diff(ctx.control, view.start, view.head)
        found.append(BranchDiff(task, raw.decode("utf-8", "replace")[:_DIFF_CAP]))
    return tuple(found)
