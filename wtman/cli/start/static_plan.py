"""`--planner static`: a plan from the repository itself, before anything is ordered.

No session makes it, so nothing is journalled until the user has said yes to it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from wtman.config import load
from wtman.errors import UsageError
from wtman.git.control_dir import prepare
from wtman.git.discovery import Repository
from wtman.git.objects.contents import entries, texts
from wtman.git.repo import resolve
from wtman.model.plan import Plan
from wtman.model.roles import PLANNER
from wtman.model.settings import Settings
from wtman.plan.static import PARSED, static_plan, wants_text

if TYPE_CHECKING:
    from wtman.cli.start.request import StartRequest

STATIC = "static"
_LARGEST = 1 << 20  # bytes of a file whose imports are read


def cut(
    repo: Repository, wanted: "StartRequest", environ: Mapping[str, str], parts: int
) -> "StartRequest":
    """What is wanted, with its plan where the static planner is to make it.

    `parts` is how many tasks there should be, 0: at most as many as run at once.
    """
    flags = {key: value for key, value in wanted.flags.items() if value not in (None, "", ())}
    settings = load(repo.toplevel, environ, flags, None).settings
    if settings.roles.get(PLANNER) != STATIC or not wanted.unplanned:
        if parts:
            raise UsageError("--parts says how --planner static cuts", hint="give both, or neither")
        return wanted
    return replace(wanted, made=made(repo, wanted, settings, parts))


def made(repo: Repository, wanted: "StartRequest", settings: Settings, parts: int) -> Plan:
    """The plan that the repository's base gives."""
    base, control = resolve(repo, wanted.base), prepare(repo)
    found = entries(control, base)
    named = [item.path for item in found if wants_text(item.path)]
    read = texts(control, base, set(named), _LARGEST) if len(named) <= PARSED else {}
    plan = static_plan(wanted.request, found, read, parts or settings.jobs, exactly=bool(parts))
    if not plan.tasks:
        raise UsageError("there is nothing to cut: the base has no files")
    return plan


def without_static(settings: Settings) -> Settings:
    """The settings without a planner that is no agent."""
    roles = {role: agent for role, agent in settings.roles.items() if agent != STATIC}
    return replace(settings, roles=roles)
