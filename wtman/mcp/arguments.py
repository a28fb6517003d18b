"""What tools are asked with, and what of it somebody has to approve. Pure."""

from collections.abc import Iterable, Sequence

from pydantic import Field

from wtman.errors import UsageError
from wtman.formats.toml_positions import Places
from wtman.model.agent_definition import is_agent_name
from wtman.model.plan import Plan
from wtman.plan.answer import PlannedTask
from wtman.plan.file import dump, from_document


class RequestedTask(PlannedTask):
    """A task as a tool takes it."""

    check: list[str] = Field(
        [], description="Commands that must pass for this task, besides those of the run; each "
        "needs the approval of your user."
    )  # fmt: skip
    agent: str = Field("", description="Agent for this task; empty: that of the run.")
    model: str = Field("", description="Model for this task; empty: that of the run.")


def plan_text(request: str, context: str, tasks: Sequence[RequestedTask]) -> str:
    """The plan file of these tasks. Raises UsageError for what is no plan."""
    return dump(_plan(request, context, tasks))


def _plan(request: str, context: str, tasks: Sequence[RequestedTask]) -> Plan:
    plain = [task.model_dump(exclude_defaults=True) for task in tasks]
    head = {"request": request} if request else {}
    return from_document({**head, "context": context, "task": plain}, Places())


def commands_in(
    checks: Iterable[str], agents: Iterable[str], tasks: Iterable[RequestedTask] = ()
) -> tuple[str, ...]:
    """The texts that would run as commands of whoever calls a tool."""
    tasks = tuple(tasks)
    named = [*agents, *(task.agent for task in tasks)]
    found = [*checks, *(text for task in tasks for text in task.check)]
    found += [agent for agent in named if agent and not is_agent_name(agent)]
    return tuple(dict.fromkeys(found))


def options(values: dict[str, object]) -> list[str]:
    """Options of the command line: one for each value that is given, `--name=value`.

    Nothing that a value says can be an option of its own. A list gives one for each item.
    """
    words = []
    for name, value in values.items():
        for item in value if isinstance(value, (list, tuple)) else (value,):
            if item is True:
                words.append(f"--{name}")
            elif item not in (None, False, ""):
                words.append(f"--{name}={item}")
    return words


def one_of(**given: object) -> str:
    """The name of the only argument that is given; UsageError for none or several."""
    named = [name for name, value in given.items() if value]
    if len(named) != 1:
        listed = ", ".join(f"`{name}`" for name in given)
        said = f"{', '.join(f'`{name}`' for name in named)} exclude one another" if named else ""
        raise UsageError(said or "nothing is asked for", hint=f"give one of {listed}")
    return named[0]
