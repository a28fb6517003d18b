"""`--planner static`: a plan from the repository itself, before anything is ordered.

No session makes it, so nothing is journalled until the user has said yes to it.
"""

from dataclasses import replace

from wtman.coordinator.start.proposal import StartRequest
from wtman.errors import UsageError
from wtman.git.control_dir import prepare
from wtman.git.discovery import Repository
from wtman.git.objects.contents import entries, texts
from wtman.git.repo import resolve
from wtman.model.roles import PLANNER
from wtman.model.settings import Settings
from wtman.plan.static import PARSED, static_plan, wants_text

STATIC = "static"
_LARGEST = 1 << 20  # bytes of a file whose imports are read


def cut(repo: Repository, request: StartRequest, settings: Settings) -> StartRequest:
    """The request, with its plan where the static planner is to make it."""
    if settings.roles.get(PLANNER) != STATIC or not request.unplanned:
        if request.parts:
            raise UsageError("--parts says how --planner static cuts", hint="give both, or neither")
        return request
    base, control = resolve(repo, request.base), prepare(repo)
    found = entries(control, base)
    named = [item.path for item in found if wants_text(item.path)]
    read = texts(control, base, set(named), _LARGEST) if len(named) <= PARSED else {}
    parts = request.parts
    plan = static_plan(request.request, found, read, parts or settings.jobs, exactly=bool(parts))
    if not plan.tasks:
        raise UsageError("there is nothing to cut: the base has no files")
    return replace(request, made=plan)


def without_static(settings: Settings) -> Settings:
    """The settings without a planner that is no agent."""
    roles = {role: agent for role, agent in settings.roles.items() if agent != STATIC}
    return replace(settings, roles=roles)
