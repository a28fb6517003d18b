"""What must be there before a run is worth making: agents, sandbox, a place, kept promises."""

import os
import shlex
import shutil
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import replace
from itertools import chain

from wtman import agents
from wtman.agents import load
from wtman.agents.installed import no_agent, require_installed
from wtman.agents.program import program_text
from wtman.errors import MissingError, UsageError
from wtman.formats.shell_words import with_home
from wtman.git import case, filters, partial, refs
from wtman.git.control_dir import Control, prepare
from wtman.git.discovery import Repository
from wtman.journal.events import Noted
from wtman.journal.state import State
from wtman.model.ids import Sha
from wtman.model.plan import Plan, Role
from wtman.model.roles import (
    DEFAULT,
    LEAD,
    PLANNER,
    READ_ONLY,
    REVIEWER,
    SCOUT,
    agent_beside_planner,
    agent_of,
    agent_of_lead,
    agent_of_task,
    model_of,
    role_of,
)
from wtman.model.settings import Settings
from wtman.sandbox import choice, inside
from wtman.text.words import quoted


def require(
    plan: Plan,
    settings: Settings,
    roles: Mapping[str, Role],
    environ: Mapping[str, str],
    tracked: Set[str],
    *,
    builds: bool = True,
) -> None:
    """Raise MissingError or UsageError for what would only come to light in the run.

    `roles` are those that it needs; a plan without tasks is still to be made, and nobody has to
    be there to build it unless the run `builds`.
    """
    named = {agent_of_task(settings, roles, task) for task in plan.tasks}
    asked = {settings.roles.get(name, "") for name in READ_ONLY}
    if not plan.tasks:
        planner = agent_of(settings, roles[PLANNER])
        asked.add(planner)
        named = {planner, agent_of(settings, roles[DEFAULT])} if builds else {planner}
        named |= (
            {agent_beside_planner(settings, roles, SCOUT, planner)} if settings.scouts else set()
        )
    elif any(task.lead for task in plan.tasks):
        named.add(agent_of_lead(settings, roles))
    if "" in named:
        raise no_agent(environ, settings.agents, plans=not plan.tasks, builds=builds)
    readers = {*asked, *settings.reviewed_by}
    for spec in sorted({*named, *settings.reviewed_by, *settings.roles.values()}):
        try:
            agent = load.load(spec, settings.agents)
            _require_program(spec, settings, environ, tracked)
            if not agents.gives_answers(agent) and spec in readers:
                raise _mute(spec)
        except (UsageError, MissingError) as error:
            place = _who_names(spec, plan, settings)
            kind = type(error)
            raise kind(place + error.message, hint=error.hint, code=error.code) from None
    require_metered(with_models(plan, settings, roles), settings)


def require_builders(state: State, environ: Mapping[str, str]) -> None:
    """The same of a plan whose planner was the only agent there."""
    if not all(
        agent_of_task(state.settings, state.roles, view.task) for view in state.tasks.values()
    ):
        raise no_agent(environ, state.settings.agents)


def require_agents(
    named: Iterable[str],
    settings: Settings,
    environ: Mapping[str, str],
    tracked: Set[str],
    builders: Set[str] = frozenset(),
) -> None:
    """The same of agents that read: they are there, the budgets hold them, and what they say can
    be read, but for those that are only `builders`."""
    for spec in sorted(named):
        agent = load.load(spec, settings.agents)
        _require_program(spec, settings, environ, tracked)
        if not agents.gives_answers(agent) and spec not in builders:
            raise _mute(spec)
    require_metered({(spec, settings.model) for spec in named}, settings)


def _mute(spec: str) -> UsageError:
    return UsageError(
        f"the agent {quoted(spec)} gives no answers: its exit status is all that is read of it",
        hint=f'name another one for this, or set stream = "text" in [agents.{spec}]',
    )


def in_sandbox(settings: Settings, repo: Repository) -> tuple[Settings, tuple[Noted, ...]]:
    """The settings with the sandbox that is used, and what there is to say about it."""
    found, passed = choice.choose(settings.sandbox)
    # A dotted name stays: the plug-in's own may not lead back to it.
    name = settings.sandbox if "." in settings.sandbox else found.name
    place = repo.main or repo.common_dir
    if found.mounts and inside.is_in_the_way(place):
        raise UsageError(
            f"the repository is at {place}, where the sandbox {found.name} shows checkouts",
            hint="move it, or use another sandbox: --sandbox landlock",
        )
    notes = [Noted(f"sandbox: not {reason}", pressing=True) for reason in passed]
    if name == "none" and (settings.network != "on"):
        notes.append(Noted("the network of agents is not limited: that needs a sandbox"))
    if settings.setup and not found.mounts:
        text = f"sandbox {name}: each task keeps its worktree, and setup runs for every one"
        notes.append(Noted(text))
    return replace(settings, sandbox=name), tuple(notes)


def require_repository(
    repo: Repository, base: Sha, heads: Iterable[Sha] = (), *, sessions: bool = False
) -> Control:
    """Refuse a repository that could only be half served, and have here what a partial clone
    left at its remote. `base` is what is started from or landed on, `heads` are the branches.

    `sessions`: some are going to write here, on branches of their own.
    """
    for taken in ("refs/heads/wtman", "refs/wtman")[0 if sessions else 1 :]:
        if (tip := refs.read_one(repo, taken)) is not None:
            raise _taken(repo, taken, tip)
    heads = tuple(heads)
    partial.require(repo, (base, *heads), base if heads else "")
    control = prepare(repo)
    filters.require_served(control, (base, *heads), always=sessions)
    case.require_distinct(control, base, heads)
    return control


def odd_files(control: Control, base: Sha, tracked: Iterable[str]) -> Iterator[str]:
    """Warnings of files that are not what a session may take them for."""
    if partial.is_partial(control.repo):
        yield (
            f"a partial clone: sessions have the files of the base and its last {partial.RECENT} "
            "commits; git shows them nothing older"
        )
    if ".gitattributes" not in "\n".join(tracked):  # of very many paths
        return
    for name in filters.undefined(control, filters.assigned(control, base)):
        yield (
            f"the filter {name} of .gitattributes is not defined here: "
            "its files stay as git has them"
        )


def _taken(repo: Repository, ref: str, tip: Sha) -> MissingError:
    """The error of a ref in whose place the folder of wtman's own would have to be."""
    if ref.startswith("refs/heads/"):
        free, number = "wtman-branch", 1
        while refs.read_one(repo, f"refs/heads/{free}") is not None:
            number += 1
            free = f"wtman-branch-{number}"
        return MissingError(
            "a branch named wtman is in the way of the branches of tasks, wtman/RUN/TASK",
            hint=f"rename it: git branch -m wtman {free}",
            code="name",
        )
    return MissingError(
        f"the ref {ref} is in the way of wtman's own refs, {ref}/...",
        hint=f"rename it: git update-ref refs/{tip[:12]} {ref} && git update-ref -d {ref}",
        code="name",
    )


def with_models(plan: Plan, settings: Settings, roles: Mapping[str, Role]) -> set[tuple[str, str]]:
    """The agents of a run, each with the model that it is to use."""
    names = settings.roles.keys() | ({PLANNER, DEFAULT} if not plan.tasks else set())
    played = [roles.get(name) or Role(name, "") for name in names]
    found = {(spec := agent_of(settings, role), model_of(settings, role, spec)) for role in played}
    if not plan.tasks and settings.scouts:
        planner = agent_of(settings, roles.get(PLANNER), PLANNER)
        spec = agent_beside_planner(settings, roles, SCOUT, planner)
        found.add((spec, model_of(settings, roles.get(SCOUT), spec)))
    reviewer = roles.get(REVIEWER)
    found |= {(spec, model_of(settings, reviewer, spec)) for spec in settings.reviewed_by}
    if any(task.lead for task in plan.tasks):
        spec = agent_of_lead(settings, roles)
        found.add((spec, model_of(settings, roles.get(LEAD), spec)))
    for task in plan.tasks:
        spec = agent_of_task(settings, roles, task)
        found.add((spec, model_of(settings, role_of(roles, task), spec, task.model)))
    return {(spec, model) for spec, model in found if spec}


def require_metered(named: Iterable[tuple[str, str]], settings: Settings) -> None:
    """Refuse a budget that nothing holds: an agent that never says what it used, or uses a
    model that has no known price. Each agent comes with its model."""
    money = settings.budget_usd or settings.session_budget_usd
    tokens = settings.budget_tokens or settings.session_budget_tokens
    for spec, model in sorted(named):
        agent = load.load(spec, settings.agents)
        counted = agents.tells_tokens(agent)
        if money and counted and not agents.tells_cost(agent, model):
            unknown = (
                f"no price is known for {quoted(model)}" if model else "its model is not named"
            )
            raise UsageError(
                f"a budget in dollars cannot hold the agent {quoted(spec)}: {unknown}",
                hint="name a model with a known price (--model), or use --budget-tokens",
            )
        if money and not counted:
            raise UsageError(
                f"a budget in dollars cannot hold the agent {quoted(spec)}: it tells no prices",
                hint="use --max-sessions and --timeout",
            )
        if tokens and not counted:
            raise UsageError(
                f"a budget in tokens cannot hold the agent {quoted(spec)}: it tells no tokens",
                hint="use --max-sessions and --timeout",
            )


def unkept(extra: Iterable[str]) -> tuple[str, ...]:
    """Warnings for configured keys that nothing reads yet."""
    unused = sorted(set(extra) - {"notify", "mcp_merge"})
    return tuple(f"`{key}` is configured and not used by this version" for key in unused)


def _who_names(spec: str, plan: Plan, settings: Settings) -> str:
    """Where an agent is named that is not simply that of the run, as the start of a message."""
    tasks = (f"task {quoted(task.id)}: " for task in plan.tasks if task.agent == spec)
    roles = (f"role {name}: " for name, agent in settings.roles.items() if agent == spec)
    return "" if spec == settings.agent else next(chain(tasks, roles), "")


def _require_program(
    spec: str, settings: Settings, environ: Mapping[str, str], tracked: Set[str]
) -> None:
    name, _, argument = spec.partition(":")
    if name == "replay" and not (os.path.isfile(argument) or os.path.isdir(argument)):
        raise MissingError(f"there is no recording {argument}", hint="name a file or folder")
    text = program_text(spec, settings.agents)
    if not text:
        require_installed(spec, environ)
        return
    program = shlex.split(with_home(text, environ.get("HOME", "")))[0]
    if "/" not in program:
        found = shutil.which(program, path=environ.get("PATH", os.defpath)) is not None
    elif os.path.isabs(program):
        found = os.access(program, os.X_OK) and os.path.isfile(program)
    else:
        found = os.path.normpath(program) in tracked
    if not found:
        own = settings.agents.get(spec)
        raise MissingError(
            f"the agent's program {quoted(program)} is not there, or cannot be executed",
            hint=(own.install if own else "")
            or "name a program on PATH, or a file that is executable",
        )
