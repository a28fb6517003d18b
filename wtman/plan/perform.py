"""Planning: a request given to a planner, and its answer made the run's tasks.

The planner reads a checkout of the base and answers by schema; nothing that it says is
run here. Checks that it proposes go into the plan unapproved, which keeps the run from
starting until the user has read them.
"""

from collections.abc import Sequence

from wtman.agents.stream import way_on
from wtman.context import Context
from wtman.git.objects import history
from wtman.journal import events as e
from wtman.journal.events import PlanFailed, Planned
from wtman.journal.state import State
from wtman.model.plan import Task
from wtman.model.roles import PLANNER, RESOLVER, REVIEWER, reviews_each
from wtman.model.session import Cap
from wtman.plan.actions import MakePlan
from wtman.plan.base_places import known_places
from wtman.plan.decide import is_used_up, limit_reached, sessions_for_tasks
from wtman.plan.map.file_list import readme_of
from wtman.plan.map.store import planner_text
from wtman.plan.planning_sessions import FLOW, place_of_planner
from wtman.plan.prompt import Brief, planner_prompt
from wtman.plan.rules import TOO_LARGE
from wtman.plan.scouts.prompt import reports_text
from wtman.plan.touches import filled, in_gaps, known_touches, unknown_touches
from wtman.sessions.ask import Answer, Question, ask

_README_BYTES = 1 << 20
_NAMED = 5  # places that a note names


async def perform(ctx: Context, state: State, action: MakePlan) -> tuple[e.Event, ...]:
    """Ask the planner; the plan as events, or why there is none."""
    from wtman.plan.answer import answer_of, made_of, shape_of, wrong_places, wrong_with

    assert state.planning is not None
    wanted = state.planning.wanted
    brief = await ctx.git(brief_of, ctx, state)
    answer = await ask(
        ctx,
        state.settings,
        Question(
            key=place_of_planner(action.attempt),
            role=state.roles[PLANNER],
            prompt=planner_prompt(brief),
            answer=answer_of(state.settings),
            agent=action.agent,
            commit=action.base,
            judge=lambda value: wrong_with(value, brief) or wrong_places(value, brief),
            # Places that there still are not are left out, and said.
            last=lambda value: wrong_with(value, brief),
            model=wanted.model,
            effort=wanted.effort,
            cap=action.cap,
        ),
    )
    if answer.stopped:
        return (e.Abandoned(action.key, "stopped"),)
    if answer.value is None:
        return (failed(ctx, state, action.attempt, action.agent, answer),)
    if (shape := shape_of(answer.value)) == FLOW:
        return (flow_chosen(action, answer),)
    made = made_of(answer.value, state.request)
    tasks, notes = placed(made.plan.tasks, brief, state)
    return (
        *events_of_plan(state, tasks, made.plan.context, made.proposed, notes),
        Planned(
            action.attempt,
            action.agent,
            made.reason,
            () if state.settings.check else made.proposed,
            usage=answer.usage,
            session=answer.session,
            seconds=answer.seconds,
            sessions=answer.sessions,
            shape=shape,
        ),
    )


def flow_chosen(action: MakePlan, answer: Answer) -> e.FlowChosen:
    """That the planner would have a flow."""
    from wtman.plan.answer import outline_of, reason_of

    return e.FlowChosen(
        action.attempt,
        action.agent,
        reason_of(answer.value),
        outline_of(answer.value),
        answer.usage,
        answer.session,
        answer.seconds,
        answer.sessions,
    )


def events_of_plan(
    state: State,
    tasks: Sequence[Task],
    context: str,
    proposed: tuple[str, ...],
    notes: Sequence[str],
) -> tuple[e.Event, ...]:
    """A plan as what the journal says of it, in front of `Planned`."""
    events: list[e.Event] = []
    check = state.settings.check or proposed
    if context or check != state.settings.check:
        events.append(e.ContextChanged(state.request, context, check))
    events += (e.Noted(text) for text in notes)
    if proposed and proposed != check:
        events.append(e.Noted(f"the planner proposed other checks: {'; '.join(proposed)}"))
    return (*events, *(e.TaskAdded(task) for task in tasks))


def placed(
    tasks: tuple[Task, ...], brief: Brief, state: State
) -> tuple[tuple[Task, ...], list[str]]:
    """The tasks with where they will work, and what of that was left out."""
    assert brief.known is not None and state.planning is not None
    wrong = unknown_touches(tasks, brief.known)
    notes = [f"left out of the plan: {text}" for text in wrong[:_NAMED]]
    if len(wrong) > _NAMED:
        notes.append(f"and {len(wrong) - _NAMED} more places that there are not")
    reports = (item.report for item in state.planning.scouted.values())
    return in_gaps(filled(known_touches(tasks, brief.known), reports), brief.known), notes


def brief_of(ctx: Context, state: State) -> Brief:
    """What the planner has to go by. Blocking."""
    known = known_places(ctx.control, state.base)
    path = readme_of(known.paths)
    text = history.blob(ctx.control, state.base, path, _README_BYTES) if path else None
    assert state.planning is not None
    return Brief(
        request=state.request,
        files=planner_text(ctx.control, state.base, state.request),
        readme=(text or b"").decode("utf-8", "replace"),
        checks=state.settings.check,
        may_propose=state.planning.wanted.checks,
        jobs=state.settings.jobs,
        max_sessions=sessions_for_tasks(state),
        reviewers=reviews_each(state.settings, state.roles.get(REVIEWER)),
        allow_overlap=state.planning.wanted.allow_overlap,
        # A resolver is asked by a merge, for what does not fit together.
        roles=tuple(r for r in state.roles.values() if r.writes and r.name != RESOLVER),
        scouted=reports_text(
            {name: item.report for name, item in state.planning.scouted.items()},
            tuple(state.planning.lost),
        ),
        known=known,
    )


def no_plan(reason: str, wanted: str = "plan") -> str:
    """Why there is none, in words."""
    return f"the planner gave no {wanted}: {reason}"


def failed(ctx: Context, state: State, attempt: int, agent: str, answer: Answer) -> PlanFailed:
    """Why there is no plan, and how to go on."""
    again = f"wtman resume {state.run} has it planned again"
    wanted, by_hand = "plan", "name another --planner; or give a plan with --plan FILE"
    if state.planning is not None and state.planning.wanted.code:
        wanted, by_hand = "flow", "write one: wtman help flows"
    used = Cap(answer.usage.usd or 0.0, answer.usage.tokens)
    used += state.planning.charged if state.planning is not None else Cap()
    spent = is_used_up(state, used)
    sign_in = ctx.agent(agent).needs.sign_in
    if answer.fatal and (way := way_on(answer.fatal, sign_in)):
        again = f"{way}; then {again}"
    hint = again if answer.fatal or answer.limited else f"{again}; or {by_hand}"
    large = any(text.startswith(TOO_LARGE) for text in answer.problems)
    if large:
        hint = "raise the limit: wtman resume --max-sessions N"
    return PlanFailed(
        attempt,
        agent,
        no_plan(answer.fatal or answer.reason, wanted),
        hint=limit_reached(state, used)[1] if spent and not answer.fatal else hint,
        problems=answer.problems,
        pauses=bool(answer.fatal or answer.limited or spent or large),
        usage=answer.usage,
        session=answer.session,
        seconds=answer.seconds,
        sessions=answer.sessions,
    )
