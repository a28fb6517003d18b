"""Who would build a plan, with what they sign in by; words for the screen before a run."""

from collections.abc import Mapping

from wtman.core.casting import agent_of_task
from wtman.core.model import Plan, Role, Settings
from wtman.finding import Found, found


def players(
    plan: Plan, settings: Settings, roles: Mapping[str, Role], environ: Mapping[str, str]
) -> tuple[str, ...]:
    """Each agent that a task of the plan is given to, and its sign-in where it needs one."""
    named = dict.fromkeys(agent_of_task(settings, roles, task) for task in plan.tasks)
    here = {one.name: one for one in found(environ)} if any(named) else {}
    return tuple(spec + _sign_in(here.get(spec.partition(":")[0])) for spec in named if spec)


def _sign_in(one: Found | None) -> str:
    if one is None:
        return ""
    if one.signed_in is None:
        return f" (its sign-in is up to {one.how})"
    if one.signed_in:
        return f" (signed in by {one.how})"
    return f" (not signed in: {one.needs.sign_in})"
