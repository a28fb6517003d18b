"""The roles of a run and their agents, as the user, the configuration and the files say."""

from collections.abc import Mapping
from dataclasses import replace

from wtman.agents import load, tells_cost
from wtman.config import Kind, Source
from wtman.config.roles import Roles
from wtman.coordinator.start.proposal import StartRequest
from wtman.errors import UsageError
from wtman.journal.events import PlanWanted
from wtman.model.plan import Plan, Role
from wtman.model.roles import (
    DEFAULT,
    FLOW_PLANNER,
    JUDGE,
    LEAD,
    PLANNER,
    RESOLVER,
    REVIEWER,
    SCOUT,
    agent_beside_planner,
    agent_of,
    agent_of_lead,
    builds_only,
    effort_of,
    file_commands,
    model_of,
    reviews_each,
)
from wtman.model.settings import ULTRA, Settings
from wtman.model.states import RunKind
from wtman.plan.allowance import require_planning
from wtman.text.words import quoted

_PLAN_BY_HAND = '; or give the plan: --plan FILE, or --task "ID: PROMPT"'
# What a planner may give a task to, besides roles that the user keeps in .wtman/agents.
_TEAM = (DEFAULT, "tester", "documenter")
_NOT_PLANNED = (RESOLVER,)
_ALWAYS = ("reviewer", "refuter", "repairer")  # every run may come to reviews and repairs


def assigned_roles(
    roles: Roles,
    plan: Plan,
    settings: Settings,
    sources: Mapping[str, Source],
    *,
    code: bool = False,
) -> dict[str, Role]:
    """The roles that a run of the plan may need; a planner's where it has no tasks, with `code`
    that of one who writes a flow.

    `sources` are those of the settings.
    """
    for name in settings.roles:
        source = sources.get(f"roles.{name}", Source(Kind.FLAG))
        named = {Kind.FLAG: "--role", Kind.ENVIRONMENT: "WTMAN_ROLES"}
        roles.named(name, f"{named.get(source.kind) or f'{source.name}: roles'}: ")
    wanted = {task.role or DEFAULT: task.id for task in plan.tasks}
    assigned = {name: roles.named(name, f"task {quoted(wanted[name])}: ") for name in wanted}
    names = [*_ALWAYS, *_named(roles, settings)]
    if not plan.tasks:
        writes = [FLOW_PLANNER] if settings.effort == ULTRA and not code else []
        names = [PLANNER, SCOUT, JUDGE, *writes, *planned_roles(roles), *names]
    elif any(task.lead for task in plan.tasks):
        names = [*planned_roles(roles), *names]
    assigned |= {name: roles.named(name) for name in dict.fromkeys(names)}
    if code:
        # Whoever plans writes it, and is told something else.
        author, planner = roles.named(FLOW_PLANNER), assigned[PLANNER]
        assigned[PLANNER] = replace(author, name=PLANNER, agent=author.agent or planner.agent)
    return assigned


def planned_roles(roles: Roles) -> tuple[str, ...]:
    """What a planner may give a task to, and who cuts the leads among them."""
    own = (name for name in roles.own() if roles.known[name].writes and name not in _NOT_PLANNED)
    return (LEAD, *_TEAM, *own)


def require_lead(what: str, settings: Settings, roles: Mapping[str, Role]) -> None:
    """Refuse leads that nobody can cut: an agent that builds plans if it is named for that."""
    agent, file = agent_of_lead(settings, roles), roles.get(LEAD)
    named = settings.roles.get(LEAD) or settings.roles.get(PLANNER)
    if not (named or (file and file.agent)) and builds_only(settings, agent):
        raise UsageError(
            f"{what}: the agent {quoted(agent)} cannot plan",
            hint="name one that can: --role lead=NAME (or --planner NAME)",
        )


def lead_in(plan: Plan) -> str:
    """The first lead of a plan, as a message names it; nothing where there is none."""
    return next((f"task {quoted(task.id)} is a lead" for task in plan.tasks if task.lead), "")


def _named(roles: Roles, settings: Settings) -> tuple[str, ...]:
    """The resolver, where somebody is named for it: no merge asks for one otherwise."""
    file = roles.known.get(RESOLVER)
    return (RESOLVER,) if RESOLVER in settings.roles or (file and file.agent) else ()


def agent_commands(
    roles: Roles, assigned: Mapping[str, Role], settings: Settings
) -> tuple[str, ...]:
    """Agents in role files of the repository that are commands and would be used."""
    theirs = roles.agent_commands().values()
    return tuple(text for text in file_commands(settings, assigned) if text in theirs)


def plan_wanted(settings: Settings, roles: Mapping[str, Role], request: StartRequest) -> PlanWanted:
    """Who is to plan. Refuses agents that build and do not plan, unless they are named for it."""
    planner = roles[PLANNER]
    agent = agent_of(settings, planner)
    named = settings.roles.get(PLANNER) or planner.agent
    if not named and builds_only(settings, agent):
        raise UsageError(
            f"no planner: the agent {quoted(agent)} cannot plan",
            hint="name one: --planner NAME"
            + ("" if request.kind is RunKind.PLAN else _PLAN_BY_HAND),
        )
    model = model_of(settings, planner, agent)
    scout = scouts_of(settings, roles, agent)
    for who, spec, one in (("planner", agent, model), ("scout", scout, settings.model)):
        if (
            settings.plan_budget_usd
            and spec
            and not tells_cost(load.load(spec, settings.agents), one)
        ):
            raise UsageError(
                f"--plan-budget-usd cannot hold the {who} {quoted(spec)}: it tells no prices",
                hint=f"leave that option out: --timeout is the {who}'s limit too",
            )
    wanted = PlanWanted(
        agent=agent,
        model=model,
        effort=effort_of(settings, planner),
        checks=request.may_ask,
        allow_overlap=request.allow_overlap,
        code=request.code,
        reserved=request.reserved,
        scout=scout,
        judge=judge_of(settings, roles, agent),
    )
    require_planning(wanted, settings, reviews_each(settings, roles.get(REVIEWER)))
    return wanted


def judge_of(settings: Settings, roles: Mapping[str, Role], planner: str) -> str:
    """The agent that compares plans; none where there is one plan, or the only agent builds."""
    if settings.plans < 2:
        return ""
    file = roles.get(JUDGE)
    named = settings.roles.get(JUDGE) or (file.agent if file is not None else "")
    agent = agent_beside_planner(settings, roles, JUDGE, planner)
    return agent if named or not builds_only(settings, agent) else ""


def scouts_of(settings: Settings, roles: Mapping[str, Role], planner: str) -> str:
    """The agent that looks at the repository before it is planned; none where the only one there
    is builds, unless it is named for that."""
    if not settings.scouts:
        return ""
    file = roles.get(SCOUT)
    named = settings.roles.get(SCOUT) or (file.agent if file is not None else "")
    agent = agent_beside_planner(settings, roles, SCOUT, planner)
    return agent if named or not builds_only(settings, agent) else ""
