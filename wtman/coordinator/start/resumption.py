"""What a resume is to change in a run, and what that comes to."""

from collections.abc import Mapping
from dataclasses import dataclass

from wtman.config import load
from wtman.config.roles import load_roles
from wtman.coordinator.home import Home, require_idle, require_shown
from wtman.coordinator.start.agents import anchored_agents
from wtman.coordinator.start.approval import unapproved_of
from wtman.coordinator.start.order import read_plan
from wtman.coordinator.start.proposal import Resumption, after
from wtman.coordinator.start.requirements import require_metered, require_repository, with_models
from wtman.coordinator.start.roles import lead_in, planned_roles, require_lead
from wtman.git.control_dir import prepare
from wtman.git.discovery import Repository
from wtman.git.objects.history import files
from wtman.journal.events import Event, LimitsChanged, Planned, Resumed, RolesAssigned
from wtman.journal.state import State
from wtman.model.ids import RunId, TaskId
from wtman.model.plan import Plan
from wtman.model.roles import REVIEWER
from wtman.plan.file import locate, parse, validate
from wtman.review.judgement import reviews_each
from wtman.tasks.edit import changes, impact

_PROVISION = ("setup", "copy", "symlink")


@dataclass(frozen=True, slots=True)
class ResumeRequest:
    """The run to go on with: from an edited plan file, if `plan` names one, in other limits."""

    run: RunId
    plan: str = ""
    limits: LimitsChanged = LimitsChanged()
    allow_overlap: bool = False


def resumption(
    home: Home, state: State, change: ResumeRequest, environ: Mapping[str, str]
) -> Resumption:
    """What the resume comes to. Refuses a run that is live, and what the run cannot keep."""
    require_idle(home, state.run)
    require_shown(state)
    require_repository(home.repo, state.base, sessions=True)
    limits = (change.limits,) if change.limits != LimitsChanged() else ()
    _require_budget(state, change.limits)
    limits = (*provision_anew(home.repo, state, environ), *limits)
    edited = _edited_plan(home.repo, state, change) if change.plan else ()
    if change.plan and state.planning is not None and state.planning.made is None:
        edited = (*edited, Planned(0, "", "the plan was given by hand"))
    return Resumption(
        state.run,
        after(state, edited).request,
        impact(state, edited),
        unapproved_of(after(state, limits), environ, home.repo.common_dir),
        bool(edited),
        (Resumed(), *edited, *limits),
    )


def provision_anew(
    repo: Repository, state: State, environ: Mapping[str, str]
) -> tuple[LimitsChanged, ...]:
    """What the configuration says now of setup, where that failed or left something out.

    The line that mends it was added since. Else a run keeps what it was begun with.
    """
    base = state.base_checked
    unchecked = base is not None and base.problem and not state.sessions
    if not unchecked and not any(view.stuck for view in state.tasks.values()):
        return ()
    now = load(repo.toplevel, environ, {}).settings
    changed = {
        key: getattr(now, key)
        for key in _PROVISION
        if getattr(now, key) != getattr(state.settings, key)
    }
    return (LimitsChanged(changed),) if changed else ()


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


def _require_budget(state: State, limits: LimitsChanged) -> None:
    """Refuse budgets that a resume cannot keep."""
    if not limits.settings.keys() & {"budget_usd", "budget_tokens"}:
        return
    settings = after(state, (limits,)).settings
    tasks = tuple(view.task for view in state.tasks.values() if not view.external)
    require_metered(with_models(Plan("", tasks), settings, state.roles), settings)
