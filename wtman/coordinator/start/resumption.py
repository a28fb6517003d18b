"""What a resume is to change in a run, and what that comes to."""

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

from wtman.config.roles import load_roles
from wtman.config.trust import approved
from wtman.coordinator.decide import decide
from wtman.coordinator.home import Home, require_idle, require_shown
from wtman.coordinator.start.agents import anchored_agents
from wtman.coordinator.start.approval import unapproved_of
from wtman.coordinator.start.configured import Edits, edits
from wtman.coordinator.start.order import read_plan
from wtman.coordinator.start.proposal import Resumption, after
from wtman.coordinator.start.requirements import (
    require,
    require_metered,
    require_repository,
    with_models,
)
from wtman.coordinator.start.roles import (
    judge_of,
    lead_in,
    planned_roles,
    require_lead,
    scouts_of,
)
from wtman.git import refs
from wtman.git.control_dir import prepare
from wtman.git.discovery import Repository
from wtman.git.objects.history import files, is_ancestor
from wtman.journal.events import (
    SETUP_FAILED,
    BaseMoved,
    Event,
    Planned,
    PlanWanted,
    Resumed,
    RolesAssigned,
)
from wtman.journal.replay_settings import AUTHORS
from wtman.journal.state import State
from wtman.model.ids import RunId, TaskId
from wtman.model.plan import Plan
from wtman.model.roles import PLANNER, REVIEWER, agent_of, effort_of, model_of, reviews_each
from wtman.model.values import dataclass
from wtman.plan.file import locate, parse, validate
from wtman.review.perform import programs_seen
from wtman.tasks.edit import changes, impact

_ALL = TaskId("")


@dataclass(frozen=True, slots=True)
class ResumeRequest:
    """The run to go on with: from an edited plan file, if `plan` names one. `flags` are fields
    of settings."""

    run: RunId
    plan: str = ""
    flags: Mapping[str, Any] = field(default_factory=dict)
    allow_overlap: bool = False


def resumption(
    home: Home, state: State, change: ResumeRequest, environ: Mapping[str, str]
) -> Resumption:
    """What the resume comes to. Refuses a run that is live, and what the run cannot keep."""
    require_idle(home, state.run)
    require_shown(state)
    require_repository(home.repo, state.base, sessions=True)
    moved, news = _base_moved(home.repo, state)
    since = changed_since(home.repo, after(state, moved), environ, change.flags)
    begin = (Resumed(), *moved, *since.events)
    begun = after(state, begin)
    edited = _edited_plan(home.repo, begun, change) if change.plan else ()
    if change.plan and state.planning is not None and state.planning.made is None:
        edited = (*edited, Planned(0, "", "the plan was given by hand"))
    going = (*begin, *edited)
    openings = approved(since.openings, environ, home.repo.common_dir)
    return Resumption(
        state.run,
        after(state, edited).request,
        impact(state, going),
        (*unapproved_of(after(state, going), environ, home.repo.common_dir), *openings),
        bool(edited),
        going,
        (*news, *since.told),
        begin,
        not (news or since.told or edited) and _is_idle(after(state, going), environ),
    )


def _is_idle(state: State, environ: Mapping[str, str]) -> bool:
    """Whether a run that goes on would do nothing."""
    if not state.approved or state.flow is not None:
        return False
    return not decide(state, frozenset()) and programs_seen(environ, state) is None


def changed_since(
    repo: Repository,
    state: State,
    environ: Mapping[str, str],
    flags: Mapping[str, Any],
    *,
    only: TaskId = _ALL,
) -> Edits:
    """What was changed in the configuration since the run was started or last resumed, and by
    `flags`; `only` one task is to go on by that. Refuses what could not be run."""
    tracked = frozenset(files(prepare(repo), state.base))
    found = edits(repo, state, environ, flags, tracked)
    if only and found.changed.settings:
        found = replace(found, changed=replace(found.changed, task=only))
    keys = found.changed.settings.keys()
    if not keys & {*AUTHORS, "budget_usd", "budget_tokens", "session_budget_usd"}:
        return found
    begun = after(state, found.events)
    tasks = tuple(view.task for view in begun.tasks.values() if not view.external)
    plan = Plan(state.request, tasks)
    if keys & AUTHORS and (tasks or state.planning is not None):
        require(plan, begun.settings, begun.roles, environ, tracked)
    else:
        require_metered(with_models(plan, begun.settings, begun.roles), begun.settings)
    return found if not keys & AUTHORS else replace(found, planner=_planner_anew(begun))


def _planner_anew(state: State) -> tuple[PlanWanted, ...]:
    """Who plans now, where there is no plan yet."""
    planning = state.planning
    if planning is None or planning.made is not None:
        return ()
    role = state.roles.get(PLANNER)
    agent = agent_of(state.settings, role, PLANNER)
    model = model_of(state.settings, role, agent)
    effort = effort_of(state.settings, role)
    scout = scouts_of(state.settings, state.roles, agent)
    wanted = replace(planning.wanted, agent=agent, model=model, effort=effort, scout=scout)
    return (replace(wanted, judge=judge_of(state.settings, state.roles, agent)),)


def _base_moved(repo: Repository, state: State) -> tuple[tuple[BaseMoved, ...], tuple[str, ...]]:
    """The newer commit of the branch that a run starts from whose base or setup failed, before
    any session: what was wrong with it was mended there."""
    base = state.base_checked
    failed = (base is not None and base.problem) or any(
        view.stuck.startswith(SETUP_FAILED) for view in state.tasks.values()
    )
    begun = any(view.attempts for view in state.tasks.values()) or state.dropped
    answered = state.flow is not None and any(step.answered for step in state.flow.steps.values())
    by_name = state.configured is None or "base" in state.configured.flags
    if not failed or begun or answered or by_name or not state.target:
        return (), ()
    now = refs.read_one(repo, f"refs/heads/{state.target}")
    if now is None or now == state.base or not is_ancestor(prepare(repo), state.base, now):
        return (), ()
    return (BaseMoved(now),), (f"base: {state.base[:10]} -> {now[:10]} ({state.target})",)


def _edited_plan(repo: Repository, state: State, change: ResumeRequest) -> tuple[Event, ...]:
    """The events that turn the run's plan into that of the file."""
    raw = read_plan(change.plan)
    plan = parse(raw, change.plan)
    validate(
        plan,
        max_sessions=state.settings.max_sessions,
        reviewers=reviews_each(state.settings, state.roles.get(REVIEWER)),
        allow_overlap=change.allow_overlap,
        where=locate(raw, change.plan),
    )
    tracked = frozenset(files(prepare(repo), state.base))
    plan, _ = anchored_agents(plan, state.settings, repo.toplevel, tracked)
    # The roles that the run has already stay as they were.
    new = {task.role: task.id for task in plan.tasks if task.role and task.role not in state.roles}
    lead = lead_in(plan)
    roles = load_roles(repo.toplevel) if new or lead else None
    if roles and lead:
        cut = (name for name in planned_roles(roles) if name not in state.roles)
        new |= dict.fromkeys(cut, TaskId(""))
    assigned = [roles.named(name, f"task {task}: ") for name, task in new.items()] if roles else []
    if lead:
        known = {**state.roles, **{role.name: role for role in assigned}}
        require_lead(lead, state.settings, known)
    return (*((RolesAssigned(tuple(assigned)),) if assigned else ()), *changes(state, plan))
