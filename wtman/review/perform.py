"""Reviews: who meets whom, reviewers asked, their proofs run, and refuters asked.

Reviewers and refuters are sessions like any other, but they only read, in a checkout of
what they judge; whatever they say is a claim. What a crash, a timeout or nonsense leaves
is no verdict, journalled as that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from wtman.agents.program import content_of
from wtman.context import Context
from wtman.git.objects import history
from wtman.git.patches import series
from wtman.integration import candidate_refs
from wtman.integration.assemble import assemble
from wtman.journal.events import Coupled, Coupling, Event, ProgramsSeen, Refuted, Reviewed
from wtman.journal.state import Finding, State
from wtman.model.graph import closure
from wtman.model.ids import Sha, TaskId
from wtman.model.plan import Role
from wtman.model.roles import effort_of, model_of
from wtman.model.session import Cap
from wtman.model.states import RunKind
from wtman.review.actions import Couple, Refute, Reproduce, Review
from wtman.review.coupling import BranchWork, couplings
from wtman.review.judgement import judgement, refuter, reviewers
from wtman.review.prompts import refute_prompt, refute_request, review_prompt, review_request
from wtman.review.reproduce import reproduce, together
from wtman.sessions.ask import Answer, Question, ask

_TEXT_CAP = 256 * 1024  # bytes of a file that is looked at for what it imports
_MOST_SETS = 8  # branches of which sets are looked for that merge
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
            finding = state.reviews.findings[action.finding]
            return (await reproduce(ctx, state, finding, action.tips),)
        case Refute():
            return (await _refute(ctx, state, action),)


def programs_seen(environ: Mapping[str, str], state: State) -> ProgramsSeen | None:
    """What the programs that review and refute are made of, where that is news."""
    agents = {*reviewers(state), refuter(state)} if reviewers(state) else set()
    contents = {
        agent: content_of(agent, environ, state.settings.agents) for agent in sorted(agents)
    }
    news = {
        agent: content
        for agent, content in contents.items()
        if content and state.reviews.programs.get(agent) != content
    }
    return ProgramsSeen(news) if news else None


# --- who meets whom -----------------------------------------------------------------------------


def _couple(ctx: Context, state: State, action: Couple) -> Coupled:
    works = {task: _work(ctx, state, task, head) for task, head in action.tips}
    tasks = tuple(view.task for view in state.tasks.values())
    bound = {frozenset((one, two)) for one in works for two in closure(tasks, (one,))}
    found = couplings(works, bound)
    if state.kind is RunKind.REVIEW:
        # Whoever names them wants to know what they are together, however they meet.
        known = {item.members for item in found}
        sets = _that_merge(ctx, state, tuple(works))
        found = (*found, *(Coupling(names, "") for names in sets if names not in known))
    return Coupled(dict(action.tips), found)


def _that_merge(ctx: Context, state: State, names: tuple[TaskId, ...]) -> list[tuple[TaskId, ...]]:
    """All of them, or where these do not merge the largest sets that do, a few of them."""

    def merge(chosen: tuple[TaskId, ...]) -> bool:
        return assemble(ctx.control, together(state, chosen)).conflict is None

    if len(names) > _MOST_SETS or merge(names):
        return [names]
    found: list[tuple[TaskId, ...]] = []
    for first in names:
        if any(first in one for one in found):
            continue
        chosen = {first}
        for other in names:
            wider = tuple(name for name in names if name in chosen | {other})
            if len(wider) > len(chosen) and merge(wider):
                chosen.add(other)
        found.append(tuple(name for name in names if name in chosen))
    return [one for one in found if len(one) > 1]


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
    from wtman.review.answers import ReviewAnswer, claims_of

    unit = action.unit
    commit, seen, problem = await ctx.git(_shown_to, ctx, state, unit.members)
    if problem:
        answer = Answer(value=ReviewAnswer(findings=[]), reason=problem)
    else:
        question = Question(
            key=f"reviews/{unit.key}/{action.number}",
            role=_role(state, "reviewer"),
            prompt=review_prompt(state, unit, seen),
            program=review_request(state, unit, seen),
            answer=ReviewAnswer,
            agent=unit.agent,
            commit=commit,
        )
        answer = await _answered(ctx, state, question, unit.members, action.cap)
    said = answer.value
    claims, problems = claims_of(said, unit.members, _names(state)) if said else ((), ())
    return Reviewed(
        unit=unit.key,
        kind=unit.kind,
        lens=unit.lens,
        agent=unit.agent,
        members=unit.members,
        tips=unit.tips,
        ok=said is not None,
        number=action.number,
        claims=claims,
        problems=problems,
        session=answer.session,
        apart=bool(problem),
        **_came_of(answer),
    )


def _names(state: State) -> dict[str, TaskId]:
    """Every name that a branch of the run goes by. An id is first: it is never another's."""
    names = {str(task): task for task in state.tasks}
    for task, view in state.tasks.items():
        for name in (view.branch, f"{state.run}/{task}", view.head):
            names.setdefault(name, task)
    names.pop("", None)
    return names


async def _answered(
    ctx: Context, state: State, question: Question, members: Sequence[TaskId], cap: Cap
) -> Answer:
    """Ask it as the settings say, within the cap."""
    return await ask(
        ctx,
        state.settings,
        replace(
            question,
            label=members[0] if len(members) == 1 else "",
            model=model_of(state.settings, question.role, question.agent),
            effort=effort_of(state.settings, question.role),
            cap=cap,
        ),
    )


def _came_of(answer: Answer) -> dict[str, Any]:
    """What the events of reviewers and refuters say alike of their sessions."""
    names = ("reason", "usage", "seconds", "fatal", "limited", "stopped")
    told = {name: getattr(answer, name) for name in names}
    return {**told, "sessions": max(answer.sessions, 1)}


# --- refuters ------------------------------------------------------------------------


async def _refute(ctx: Context, state: State, action: Refute) -> Refuted:
    from wtman.review.answers import RefutationAnswer, reproducer_of

    finding = state.reviews.findings[action.finding]
    members = tuple(action.tips)
    commit, seen, problem = await ctx.git(_shown_to, ctx, state, members)
    if problem:
        return Refuted(finding.id, action.lens, action.agent, action.tips, reason=problem)
    told = (state, finding, action.lens, seen, _shown(state, finding))
    question = Question(
        key=f"refutations/{finding.id}/{'-'.join(action.lens.split())}/{action.number}",
        role=_role(state, "refuter"),
        prompt=refute_prompt(*told),
        program=refute_request(*told),
        answer=RefutationAnswer,
        agent=action.agent,
        commit=commit,
    )
    answer = await _answered(ctx, state, question, members, action.cap)
    said: RefutationAnswer | None = answer.value
    return Refuted(
        finding=finding.id,
        lens=action.lens,
        agent=action.agent,
        tips=action.tips,
        answer=said.answer if said else "",
        evidence=said.evidence[:4000] if said else "",
        reproducer=reproducer_of(said.reproducer)[0] if said else None,
        **_came_of(answer),
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


def _shown_to(
    ctx: Context, state: State, members: tuple[TaskId, ...]
) -> tuple[Sha, dict[TaskId, str], str]:
    """The commit that holds the members and their differences; where they do not merge, why."""
    commit = state.tasks[members[0]].head
    if len(members) > 1:
        made = assemble(ctx.control, together(state, members))
        if made.conflict is not None:
            paths = ", ".join(made.conflict.paths)
            return made.commit, {}, f"they do not merge: conflict in {paths}"
        commit = made.commit
        candidate_refs.keep(ctx.repo, state.run, commit)
    views = {task: state.tasks[task] for task in members}
    diffs = {task: series.diff(ctx.control, view.start, view.head) for task, view in views.items()}
    return commit, {t: raw.decode("utf-8", "replace")[:_DIFF_CAP] for t, raw in diffs.items()}, ""
