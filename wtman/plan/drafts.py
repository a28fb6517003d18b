"""Several plans of one request: made side by side, compared by a judge, one of them taken.

A judge sees only the plans and what is foreseen of them. Without an answer of one the best
forecast wins.
"""

from collections.abc import Sequence
from dataclasses import replace

from wtman.context import Context
from wtman.errors import OutsideError, WtmanError
from wtman.git.objects.history import files
from wtman.journal import events as e
from wtman.journal.state import State
from wtman.model.plan import Plan, Role
from wtman.model.roles import JUDGE, PLANNER, effort_of, model_of
from wtman.plan.actions import ChoosePlan, DraftPlan
from wtman.plan.comparison import (
    Compared,
    angle_words,
    best,
    distinct,
    foreseen,
    judge_prompt,
    letters,
)
from wtman.plan.conflicts.chance import RepositoryFacts, conflict_chances
from wtman.plan.forecast import Past, forecast
from wtman.plan.perform import brief_of, events_of_plan, failed, no_plan, placed
from wtman.plan.planning_sessions import FLOW, place_of_draft, place_of_judge
from wtman.plan.prompt import planner_prompt
from wtman.sessions.ask import Answer, Question, ask


async def perform(
    ctx: Context, state: State, action: DraftPlan | ChoosePlan
) -> tuple[e.Event, ...]:
    """Ask for one plan, or choose among those that were made."""
    if isinstance(action, DraftPlan):
        return await _draft(ctx, state, action)
    return await _choose(ctx, state, action)


async def _draft(ctx: Context, state: State, action: DraftPlan) -> tuple[e.Event, ...]:
    from wtman.plan.answer import (
        answer_of,
        made_of,
        outline_of,
        reason_of,
        shape_of,
        wrong_places,
        wrong_with,
    )

    assert state.planning is not None
    wanted = state.planning.wanted
    brief = await ctx.git(brief_of, ctx, state)
    try:
        answer = await ask(
            ctx,
            state.settings,
            Question(
                key=place_of_draft(action.attempt, action.number),
                role=state.roles[PLANNER],
                prompt=f"{planner_prompt(brief)}\n{angle_words(action.number)}",
                answer=answer_of(state.settings),
                agent=action.agent,
                commit=action.base,
                judge=lambda value: wrong_with(value, brief) or wrong_places(value, brief),
                last=lambda value: wrong_with(value, brief),
                label=f"plan {action.number}",
                model=wanted.model,
                effort=wanted.effort,
                cap=action.cap,
            ),
        )
    except OutsideError:
        raise
    except WtmanError as error:
        told = (action.number, action.attempt, action.agent, error.message)
        return (e.DraftFailed(*told, sessions=0),)
    if answer.stopped:
        return (e.Abandoned(action.key, "stopped"),)
    if answer.value is None:
        told_of = failed(ctx, state, action.attempt, action.agent, answer)
        return (
            e.DraftFailed(
                action.number,
                action.attempt,
                action.agent,
                answer.fatal or answer.reason,
                told_of.hint,
                told_of.problems,
                told_of.pauses,
                answer.usage,
                answer.session,
                answer.seconds,
                answer.sessions,
            ),
        )
    draft = e.PlanDrafted(
        action.number,
        action.attempt,
        action.agent,
        (),
        reason=reason_of(answer.value),
        usage=answer.usage,
        session=answer.session,
        seconds=answer.seconds,
        sessions=answer.sessions,
        shape=shape_of(answer.value),
        outline=outline_of(answer.value),
    )
    if draft.shape == FLOW:
        return (draft,)
    made = made_of(answer.value, state.request)
    tasks, notes = placed(made.plan.tasks, brief, state)
    context, proposed = made.plan.context, made.proposed
    draft = replace(draft, tasks=tasks, context=context, proposed=proposed, notes=tuple(notes))
    return (replace(draft, outline=""),)


async def _choose(ctx: Context, state: State, action: ChoosePlan) -> tuple[e.Event, ...]:
    planning = state.planning
    assert planning is not None
    drafts = distinct(planning.drafts)
    if not drafts:
        return (e.PlansJudged(0, compared=0), _none_made(tuple(planning.no_drafts.values())))
    candidates = await ctx.git(_foreseen, ctx, state, drafts)
    judged = e.PlansJudged(best(candidates).number, compared=len(drafts))
    if len(drafts) > 1:
        answer = await _asked(ctx, state, action, candidates) if action.agent else Answer()
        if answer.stopped:
            return (e.Abandoned(action.key, "stopped"),)
        judged = _verdict(action, candidates, answer)
    chosen = planning.drafts[judged.chosen]
    if chosen.shape == FLOW:
        said = (action.attempt, chosen.agent, chosen.reason, chosen.outline)
        return (judged, e.FlowChosen(*said, session=chosen.session, sessions=0))
    return (
        judged,
        *events_of_plan(state, chosen.tasks, chosen.context, chosen.proposed, chosen.notes),
        e.Planned(
            action.attempt,
            chosen.agent,
            chosen.reason,
            () if state.settings.check else chosen.proposed,
            session=chosen.session,
            seconds=chosen.seconds,
            shape=chosen.shape,
        ),
    )


async def _asked(
    ctx: Context, state: State, action: ChoosePlan, candidates: Sequence[Compared]
) -> Answer:
    from wtman.plan.judge_answer import JudgedPlans, wrong_with

    known = letters(candidates)
    role = replace(state.roles.get(JUDGE) or Role(JUDGE, ""), writes=False)
    try:
        return await ask(
            ctx,
            state.settings,
            Question(
                key=place_of_judge(action.attempt),
                role=role,
                prompt=judge_prompt(state.request, candidates),
                answer=JudgedPlans,
                agent=action.agent,
                commit=action.base,
                judge=lambda value: wrong_with(value, known),
                label=JUDGE,
                model=model_of(state.settings, role, action.agent),
                effort=effort_of(state.settings, role),
                cap=action.cap,
            ),
        )
    except OutsideError:
        raise
    except WtmanError as error:
        return Answer(reason=error.message)


def _verdict(action: ChoosePlan, candidates: Sequence[Compared], answer: Answer) -> e.PlansJudged:
    """What the judge says, else the forecasts."""
    if answer.value is None:
        why = f"no answer of the judge: {answer.reason}; " if answer.reason else ""
        taken = best(candidates)
        reason, chosen, agent = f"{why}{foreseen(taken)}", taken.number, ""
    else:
        chosen = letters(candidates)[answer.value.best].number
        reason, agent = " ".join(answer.value.why.split())[:600], action.agent
    return e.PlansJudged(
        chosen,
        reason,
        agent,
        len(candidates),
        answer.usage,
        answer.session,
        answer.seconds,
        answer.sessions,
    )


def _foreseen(ctx: Context, state: State, drafts: Sequence[e.PlanDrafted]) -> tuple[Compared, ...]:
    """The plans with their forecasts. Blocking."""
    tracked = files(ctx.control, state.base)
    out = []
    for draft in drafts:
        plan = Plan(state.request, draft.tasks, draft.context, state.settings.check)
        chances = conflict_chances(draft.tasks, RepositoryFacts(tracked))
        known = forecast(plan, state.settings, tracked, Past(chances=chances, roles=state.roles))
        told = (draft.reason, draft.outline) if draft.shape == FLOW else ("", "")
        out.append(Compared(draft.number, plan, known, *told))
    return tuple(out)


def _none_made(lost: Sequence[e.DraftFailed]) -> e.PlanFailed:
    """Why there is no plan at all, as the first of them says."""
    last = next(iter(lost))
    return e.PlanFailed(
        last.attempt,
        last.agent,
        no_plan(last.reason),
        last.hint,
        last.problems,
        any(item.pauses for item in lost),
    )
