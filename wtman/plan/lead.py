"""Leads: a task given to a planner of its own, and its answer made the parts of the task.

The planner reads what the lead starts from and answers by the schema of every plan; it can divide
what it was given, and add nothing to it (`plan/authority.py`).
"""

from dataclasses import replace

from wtman.context import Context
from wtman.journal import events as e
from wtman.journal.state import State, TaskView
from wtman.model.ids import Sha
from wtman.model.plan import Role
from wtman.model.roles import LEAD, RESOLVER, effort_of, model_of
from wtman.plan.actions import PlanTeam
from wtman.plan.authority import as_part, beyond_authority, too_deep
from wtman.plan.map.store import planner_text
from wtman.plan.prompt import Brief, TeamBrief, lead_prompt
from wtman.sessions.ask import Question, ask
from wtman.worktrees.join import join


async def perform(ctx: Context, state: State, action: PlanTeam) -> tuple[e.Event, ...]:
    """Ask the planner of a lead; its parts as an event, or why there are none."""
    from wtman.plan.answer import PlannerAnswer, made_of, wrong_with

    view = state.tasks[action.task]
    lead, needs = view.planned, dict(action.needs)
    base = view.onto or state.base
    start, trouble = await ctx.git(join, ctx, state, base, tuple(needs.values()))
    if trouble:
        reason = f"the tasks that it needs conflict in {', '.join(trouble)}"
        failed = (action.task, action.attempt, action.agent, reason, (reason,))
        return (e.TeamPlanFailed(*failed, sessions=0),)
    brief = await ctx.git(_brief, ctx, state, view, start)
    depth = 1 + len(state.leads_of(action.task))

    def wrong(answer: PlannerAnswer) -> tuple[str, ...]:
        found = wrong_with(answer, brief)
        if found:
            return found
        tasks = made_of(answer, lead.prompt).plan.tasks
        found = too_deep(tasks, depth)
        return found if state.flow is None else (*found, *asks(answer))

    def asks(answer: PlannerAnswer) -> tuple[str, ...]:
        made = made_of(answer, lead.prompt)
        added = [f"a lead may not add checks: {text}" for text in made.proposed]
        return (*added, *beyond_authority(made.plan.tasks, lead, state.settings.protect))

    role = state.roles.get(LEAD) or Role(LEAD, "", writes=False)
    answer = await ask(
        ctx,
        state.settings,
        Question(
            key=place_of_planning(action.task, action.attempt),
            role=role,
            prompt=lead_prompt(brief, _team(state, view, depth)),
            answer=PlannerAnswer,
            agent=action.agent,
            commit=start,
            judge=lambda value: wrong(value) or asks(value),
            last=wrong,  # what it insists on is asked of the user
            label=action.task,
            model=model_of(state.settings, role, action.agent),
            effort=effort_of(state.settings, role),
            cap=action.cap,
        ),
    )
    if answer.stopped:
        return (e.Abandoned(action.key, "stopped"),)
    if answer.value is None:
        return (
            e.TeamPlanFailed(
                action.task,
                action.attempt,
                action.agent,
                f"its planner gave no plan: {answer.fatal or answer.reason}",
                answer.problems,
                usage=answer.usage,
                session=answer.session,
                seconds=answer.seconds,
                sessions=answer.sessions,
                fatal=answer.fatal,
                limited=answer.limited,
            ),
        )
    made = made_of(answer.value, lead.prompt)
    parts = tuple(as_part(lead, task) for task in made.plan.tasks)
    if made.proposed:
        parts = tuple(replace(part, check=made.proposed) for part in parts)
    team = e.TeamPlanned(
        action.task,
        action.attempt,
        action.agent,
        action.fingerprint,
        start,
        needs,
        parts,
        made.plan.context,
        made.reason,
        usage=answer.usage,
        session=answer.session,
        seconds=answer.seconds,
        sessions=answer.sessions,
    )
    wanted = asks(answer.value)
    if not wanted or state.flow is not None:
        return (team,)
    asked = e.QuestionAsked(
        f"team-{action.task}-{action.attempt}",
        action.task,
        f"The plan of {action.task} wants more than the approved plan gives it: allow it?",
        wanted,
        made.proposed,
        team=team,
    )
    return (asked,)


def place_of_planning(lead: str, attempt: int) -> str:
    """Where below the run's folder the sessions are that cut a lead."""
    return f"teams/{lead}/{attempt}"


def _brief(ctx: Context, state: State, view: TaskView, start: Sha) -> Brief:
    """What the planner has to go by. Blocking."""
    about = view.planned.prompt
    return Brief(
        request=state.request,
        files=planner_text(ctx.control, start, about),
        checks=state.checks_of(view.planned.id),
        jobs=state.settings.jobs,
        max_sessions=state.settings.max_sessions - state.sessions,
        roles=tuple(r for r in state.roles.values() if r.writes and r.name != RESOLVER),
    )


def _team(state: State, view: TaskView, depth: int) -> TeamBrief:
    """What this lead is about, and who works beside it."""
    lead = view.planned
    above = [state.tasks[name] for name in reversed(state.leads_of(lead.id))]
    told = [item.team.planned.context for item in above if item.team.planned is not None]
    return TeamBrief(
        prompt=lead.prompt,
        expect=lead.expect,
        owns=lead.owns,
        context="\n\n".join(text for text in (state.context, *told) if text),
        above=tuple(item.planned.prompt for item in above),
        others=tuple(
            other.planned.title or other.planned.id
            for other in state.tasks.values()
            if other.planned.part_of == lead.part_of and other.planned.id != lead.id
        ),
        depth=depth,
        told="\n\n".join((*view.said, *view.advice)),
        protect=state.settings.protect,
    )
