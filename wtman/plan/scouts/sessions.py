"""The repository mapped, and scouts asked: read-only sessions, one a part, before the plan is made.

Nothing that goes wrong here keeps a request from being planned: a part without an answer is a
part that the planner is told less of.
"""

import os
from dataclasses import replace

from wtman.agents.stream import way_on
from wtman.context import Context
from wtman.errors import OutsideError, WtmanError
from wtman.git.objects import history
from wtman.journal import events as e
from wtman.journal.state import State, digest
from wtman.model.ids import Sha
from wtman.model.plan import Role
from wtman.model.roles import SCOUT, effort_of, model_of
from wtman.model.scout import ScoutPart
from wtman.plan.actions import MakeMap, Scout
from wtman.plan.base_places import known_places
from wtman.plan.map.repository import relevant_parts, whole_part
from wtman.plan.map.store import load_map, map_folder
from wtman.plan.planning_sessions import place_of_scout
from wtman.plan.scouts.prompt import scout_prompt
from wtman.plan.scouts.store import keep_report, kept_report
from wtman.sessions.ask import Answer, Question, ask

_PATIENCE = 4  # a scout gets so small a part of the time that other sessions get
_PATHS = 200  # of a part


async def perform(ctx: Context, state: State, action: MakeMap | Scout) -> tuple[e.Event, ...]:
    """Map the repository, or ask one scout."""
    if isinstance(action, MakeMap):
        return await _map(ctx, state, action)
    return await _scout(ctx, state, action)


async def _map(ctx: Context, state: State, action: MakeMap) -> tuple[e.Event, ...]:
    """The parts that are looked at, and what was answered of them before."""
    try:
        map = await ctx.git(load_map, ctx.control, state.base, map_folder(ctx.repo))
        found = await ctx.git(relevant_parts, map, state.request, action.most)
        if not found and action.one:
            found = await ctx.git(whole_part, map, state.request)
        parts = tuple(replace(part, paths=part.paths[:_PATHS]) for part in found)
    except OutsideError:
        raise
    except WtmanError as error:
        return (e.MapMade(), e.Noted(f"no scouts: the repository was not mapped: {error.message}"))
    events: list[e.Event] = [e.MapMade(parts, len(map.paths))]
    tree = await ctx.git(history.tree_of, ctx.control, state.base) if parts else Sha("")
    for part in parts:
        key = _cache_key(state, action.agent, part, tree)
        if (report := await ctx.git(kept_report, _folder(ctx), key)) is not None:
            events.append(e.Scouted(part.name, action.agent, report, cached=True, sessions=0))
    return tuple(events)


async def _scout(ctx: Context, state: State, action: Scout) -> tuple[e.Event, ...]:
    from wtman.plan.scouts.answer import ScoutAnswer, report_of, wrong_with

    part, number = _part(state, action.part)
    role = _role(state)
    try:
        known = await ctx.git(known_places, ctx.control, state.base)
        answer = await ask(
            ctx,
            state.settings,
            Question(
                key=f"{place_of_scout(number, part)}/{action.attempt}",
                role=role,
                prompt=scout_prompt(state.request, part),
                answer=ScoutAnswer,
                agent=action.agent,
                commit=state.base,
                judge=lambda value: wrong_with(value, known),
                # What it names once more and there is not, is dropped.
                last=lambda value: (),
                label=f"scout {part.name}",
                model=model_of(state.settings, role, action.agent),
                effort=effort_of(state.settings, role),
                timeout=state.settings.timeout / _PATIENCE,
                cap=action.cap,
            ),
        )
    except OutsideError:
        raise
    except WtmanError as error:
        return (e.ScoutFailed(part.name, action.agent, error.message, sessions=0),)
    if answer.stopped:
        return (e.Abandoned(action.key, "stopped"),)
    if answer.value is None:
        return (_failed(ctx, state, action, answer),)
    report = await ctx.git(report_of, answer.value, known)
    tree = await ctx.git(history.tree_of, ctx.control, state.base)
    key = _cache_key(state, action.agent, part, tree)
    await ctx.git(keep_report, _folder(ctx), key, report)
    return (
        e.Scouted(
            part.name,
            action.agent,
            report,
            usage=answer.usage,
            session=answer.session,
            seconds=answer.seconds,
            sessions=answer.sessions,
        ),
    )


def _failed(ctx: Context, state: State, action: Scout, answer: Answer) -> e.ScoutFailed:
    sign_in = ctx.agent(action.agent).needs.sign_in
    hint = f"wtman resume {state.run}"
    if answer.fatal and (way := way_on(answer.fatal, sign_in)):
        hint = f"{way}; then: {hint}"
    return e.ScoutFailed(
        action.part,
        action.agent,
        answer.reason or answer.fatal,
        answer.problems,
        fatal=answer.fatal,
        hint=hint if answer.fatal else "",
        limited=answer.limited,
        usage=answer.usage,
        session=answer.session,
        seconds=answer.seconds,
        sessions=answer.sessions,
    )


def _part(state: State, name: str) -> tuple[ScoutPart, int]:
    assert state.planning is not None and state.planning.map is not None
    parts = state.planning.map.parts
    number = next(at for at, part in enumerate(parts) if part.name == name)
    return parts[number], number + 1


def _role(state: State) -> Role:
    return replace(state.roles.get(SCOUT) or Role(SCOUT, ""), writes=False)


def _cache_key(state: State, agent: str, part: ScoutPart, tree: Sha) -> str:
    """What decides an answer."""
    role = _role(state)
    return digest(
        tree,
        scout_prompt(state.request, part),
        role.text,
        agent,
        model_of(state.settings, role, agent),
        effort_of(state.settings, role),
    )


def _folder(ctx: Context) -> str:
    return os.path.join(ctx.repo.wtman_dir, "scouts")
