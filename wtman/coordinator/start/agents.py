"""Files that the user names for an agent, found from where the user stands.

Sessions start in worktrees, and a resume may come from elsewhere: a name that means
a file here, and would not mean it there, is made absolute before it is journalled.
"""

import os
import shlex
from collections.abc import Mapping, Set
from dataclasses import replace

from wtman.agents import gives_answers, load
from wtman.agents.installed import InstalledAgent, found
from wtman.coordinator.start.requirements import require_metered
from wtman.errors import UsageError
from wtman.files import working_folder
from wtman.model.plan import Plan, Role
from wtman.model.roles import REVIEWER, agent_of_task, vendor
from wtman.model.settings import Settings


def anchored_agents(
    plan: Plan, settings: Settings, toplevel: str, tracked: Set[str], theirs: Set[str] = frozenset()
) -> tuple[Plan, Settings]:
    """Plan and settings with every agent's files made absolute where that is needed.

    `theirs` are specs that came with the repository: they mean files of the repository, and
    stay as they are because an approval is of the very text.
    """
    here = working_folder()
    tasks = tuple(
        replace(task, agent=anchored(task.agent, here, toplevel, tracked)) for task in plan.tasks
    )

    def placed(spec: str) -> str:
        return spec if spec in theirs else anchored(spec, here, toplevel, tracked)

    roles = {role: placed(agent) for role, agent in settings.roles.items()}
    reviewed_by = tuple(placed(agent) for agent in settings.reviewed_by)
    settings = replace(settings, agent=placed(settings.agent), roles=roles, reviewed_by=reviewed_by)
    return replace(plan, tasks=tasks), settings


def anchored(spec: str, here: str, toplevel: str, tracked: Set[str]) -> str:
    """An agent as `here` means it. `tracked` are the paths of the base: these are in a worktree."""
    from wtman import agents

    name, _, argument = spec.partition(":")
    if name != "command":
        return agents.anchored(spec, here)
    try:
        words = shlex.split(argument)
    except ValueError:
        return spec  # refused, with its reason, when the agent is loaded
    found = [_word(word, number, here, toplevel, tracked) for number, word in enumerate(words)]
    return spec if found == words else f"{name}:{shlex.join(found)}"


def _word(word: str, number: int, here: str, toplevel: str, tracked: Set[str]) -> str:
    # The first word is looked up on PATH unless it has a slash.
    if os.path.isabs(word) or (number == 0 and "/" not in word):
        return word
    path = os.path.join(here, word)
    if not os.path.isfile(path):
        return word
    if here == toplevel and os.path.normpath(word) in tracked:
        return word
    return os.path.normpath(path)


def assigned_agents(
    plan: Plan, settings: Settings, roles: Mapping[str, Role], environ: Mapping[str, str]
) -> tuple[str, ...]:
    """Each agent that a task of the plan is given to, and its sign-in where it needs one."""
    named = dict.fromkeys(agent_of_task(settings, roles, task) for task in plan.tasks)
    here = {one.name: one for one in found(environ, settings.agents)} if any(named) else {}
    return tuple(spec + _sign_in(here.get(spec.partition(":")[0])) for spec in named if spec)


def with_other_vendors(
    settings: Settings, roles: Mapping[str, Role], environ: Mapping[str, str]
) -> Settings:
    """The settings with the agents of other vendors that are signed in, for reviews that nobody
    is named for. One that the budgets could not hold, or that gives no answers, is none."""
    role = roles.get(REVIEWER)
    named = settings.reviewed_by or settings.roles.get(REVIEWER) or (role and role.agent)
    own = settings.agent
    if not settings.reviewers or named or not vendor(own):
        return settings
    others = tuple(
        one.name
        for one in found(environ)
        if one.signed_in and vendor(one.name) not in ("", vendor(own))
        if _may_review(one.name, settings)
    )
    return replace(settings, other_vendors=others)


def _may_review(name: str, settings: Settings) -> bool:
    try:
        require_metered([(name, "")], settings)
    except UsageError:
        return False
    return gives_answers(load.load(name))


def _sign_in(one: InstalledAgent | None) -> str:
    if one is None or (one.signed_in and not one.how):
        return ""
    if one.signed_in is None:
        return f" (its sign-in is up to {one.how})"
    if one.signed_in:
        return f" (signed in by {one.how})"
    return f" (not signed in: {one.needs.sign_in})"
