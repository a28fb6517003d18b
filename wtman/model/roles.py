"""Role assignment: from a task to its role, agent, model, effort and tools.

The roles of a run are fixed in its journal when it is ordered, so that a resume uses
what the user said yes to, whatever has become of the files since.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import lru_cache
from hashlib import sha256

from wtman.model.agent_definition import STATUS, is_agent_name
from wtman.model.plan import Role, Task
from wtman.model.settings import EFFORTS, ULTRA, Settings

DEFAULT = "implementer"  # of a task that names none
PLANNER, LEAD, REVIEWER, RESOLVER = "planner", "lead", "reviewer", "resolver"
SCOUT, JUDGE, REPAIRER, REFUTER = "scout", "judge", "repairer", "refuter"
_BUILD_ONLY = ("command", "replay")
# Of agents that have one: behind the others may be the model of anybody.
_VENDORS = {"api": "anthropic", "claude": "anthropic", "codex": "openai", "gemini": "google"}
FLOW_PLANNER = "flow-planner"  # what a planner is told that writes a flow

# What these say is judged; a session that could change what it judges would be worth nothing.
READ_ONLY = frozenset(
    {"planner", "flow-planner", "lead", "scout", "judge", "repairer", "reviewer", "refuter"}
)


def role_of(roles: Mapping[str, Role], task: Task) -> Role | None:
    """The role of a task's sessions, with the task's own tools where it names some."""
    role = roles.get(task.role or DEFAULT)
    return replace(role, tools=task.tools) if role is not None and task.tools else role


def agent_of(settings: Settings, role: Role | None, name: str = "") -> str:
    """The agent of a role: as the user assigned it, as its file says, else the run's."""
    assigned = settings.roles.get(role.name if role is not None else name, "")
    return assigned or (role.agent if role is not None else "") or settings.agent


def agent_of_lead(settings: Settings, roles: Mapping[str, Role]) -> str:
    """The agent that cuts leads: their own, else the planner's, else the run's."""
    role = roles.get(LEAD)
    own = settings.roles.get(LEAD) or (role.agent if role is not None else "")
    return own or agent_of(settings, roles.get(PLANNER), PLANNER)


def agent_beside_planner(
    settings: Settings, roles: Mapping[str, Role], name: str, planner: str
) -> str:
    """The agent of a role that helps to plan: its own, else the planner's."""
    role = roles.get(name)
    return settings.roles.get(name) or (role.agent if role is not None else "") or planner


def agent_of_repairer(settings: Settings, roles: Mapping[str, Role]) -> str:
    """The agent that decides what becomes of a task that fell short: its own, else the planner's,
    else the run's. Empty: the run's only builds, and nobody is named."""
    named = (settings.roles.get(name) or _own(roles.get(name)) for name in (REPAIRER, PLANNER))
    if agent := next(filter(None, named), ""):
        return agent
    return "" if builds_only(settings, settings.agent) else settings.agent


def builds_only(settings: Settings, agent: str) -> bool:
    """Whether an agent plans and judges only where it is named for it."""
    own = settings.agents.get(agent)
    return agent.partition(":")[0] in _BUILD_ONLY if own is None else own.stream == STATUS


def _own(role: Role | None) -> str:
    return role.agent if role is not None else ""


def file_commands(settings: Settings, roles: Mapping[str, Role]) -> tuple[str, ...]:
    """The agents of role files that are more than a name and would be used: they are commands
    that came with a repository."""
    unused = {SCOUT} if not settings.scouts else set()
    unused |= {JUDGE} if settings.plans < 2 else set()
    return tuple(
        role.agent
        for name, role in roles.items()
        if role.agent
        and not is_agent_name(role.agent)
        and name not in unused
        and agent_of(settings, role) == role.agent
    )


def agent_of_task(settings: Settings, roles: Mapping[str, Role], task: Task) -> str:
    """The agent of a task's sessions."""
    return task.agent or agent_of(settings, roles.get(task.role or DEFAULT), task.role or DEFAULT)


def model_of(settings: Settings, role: Role | None, agent: str, own: str = "") -> str:
    """The model of a session; `own` is what the task says.

    A role file's model is a word of the agent that it was written for: its own `agent`, else
    `claude`, whose format these files have. Another agent would not know it.
    """
    # The model of the run is a word of its own agent, too.
    general = "" if agent in settings.other_vendors else settings.model
    if own or role is None or not role.model:
        return own or general
    meant = agent.partition(":")[0] == (role.agent.partition(":")[0] or "claude")
    return role.model if meant else general


def effort_of(settings: Settings, role: Role | None, own: str = "") -> str:
    """The effort of a session; `own` is what the task says. That of a run may be more than an
    agent knows of."""
    effort = own or (role.effort if role is not None else "") or settings.effort
    return EFFORTS[-1] if effort == ULTRA else effort


@lru_cache(maxsize=64)
def key_of(role: Role | None) -> str:
    """What of a role is part of the fingerprint of a session: its text. Empty without a role."""
    if role is None:
        return ""
    return sha256(role.text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def review_agents(
    settings: Settings, role: Role | None = None, authors: Collection[str] = ()
) -> tuple[str, ...]:
    """The agents that review under these settings what `authors` made, else the agent of the run;
    `role` is that of reviewers.

    A program that was given as the agent of all roles is not asked to review by itself: a
    codemod cannot. Where nobody is named and agents of several vendors are signed in, one of
    another vendor than the authors' reviews.
    """
    if settings.reviewers < 1:
        return ()
    if settings.reviewed_by:
        return settings.reviewed_by
    named = settings.roles.get(REVIEWER) or (role.agent if role is not None else "")
    if named:
        return (named,)
    if not settings.agent or builds_only(settings, settings.agent):
        return ()
    if not settings.other_vendors:
        return (settings.agent,)
    taken = {vendor(agent) for agent in authors or (settings.agent,)}
    able = (*settings.other_vendors, settings.agent)
    return (next((agent for agent in able if vendor(agent) not in taken), able[0]),)


def vendor(agent: str) -> str:
    """Whose models it has: two of one vendor are likely to overlook the same. Empty: anybody's."""
    return _VENDORS.get(agent.partition(":")[0], "")


def reviews_each(settings: Settings, role: Role | None = None) -> int:
    """How many reviewers look at each branch."""
    return settings.reviewers if review_agents(settings, role) else 0


def is_program(agent: str) -> bool:
    """Whether the agent is a program of the user's or a recording, not a model."""
    return agent.partition(":")[0] in ("command", "replay", "")
