"""What whoever cuts a lead may decide: how to divide its work, and nothing that the user has not
given to it. Pure.
"""

from collections.abc import Sequence
from dataclasses import replace

from wtman.formats.gitignore import can_both_match
from wtman.model.ids import TaskId
from wtman.model.plan import Task
from wtman.model.roles import LEAD
from wtman.plan.prompt import DEEP
from wtman.text.words import quoted


def as_part(lead: Task, task: Task) -> Task:
    """A task of the plan of a lead, as a part of it: done by the lead's agents, to its checks.

    It owns what the lead owns where it names no paths.
    """
    role = task.role or ("" if lead.role == LEAD else lead.role)
    return replace(
        task,
        id=part_id(lead.id, task.id),
        needs=tuple(part_id(lead.id, need) for need in task.needs),
        owns=task.owns or lead.owns,
        role=role,
        part_of=lead.id,
        agent=lead.agent,
        model=lead.model,
        effort=lead.effort,
        tools=lead.tools,
        reads=lead.reads,
        check=lead.check,
        timeout=lead.timeout,
        attempts=lead.attempts,
        unchecked=lead.unchecked,
        usd=lead.usd,
    )


def part_id(lead: TaskId, part: str) -> TaskId:
    """What a part is called in its run."""
    return TaskId(f"{lead}_{part}")


def beyond_authority(
    tasks: Sequence[Task], lead: Task, depth: int, protect: tuple[str, ...]
) -> tuple[str, ...]:
    """What in the plan of a lead is not its planner's to decide, for its author to mend.

    `tasks` are as the planner named them. `depth` is the lead's: 1 for a task of the plan.
    """
    found: list[str] = []
    for task in tasks:
        name = f"task {quoted(task.id)}"
        if task.lead and depth + 1 >= DEEP:
            found.append(f"{name}: it may not be a lead: parts are at most {DEEP} deep")
        owns = task.owns or lead.owns
        if lead.owns and (path := _beyond(owns, lead.owns)) is not None:
            told = ", ".join(lead.owns)
            found.append(f"{name}: it may not own {quoted(path)}: only {told} is yours to give")
        if protect and (path := can_both_match(owns, protect)) is not None:
            found.append(
                f"{name}: it may not own {quoted(path)}, which is protected: end its `owns` with "
                + ", ".join(quoted(f"!{pattern.removeprefix('!')}") for pattern in protect)
            )
    return tuple(found)


def _beyond(owns: tuple[str, ...], allowed: tuple[str, ...]) -> str | None:
    """A path that `owns` has and `allowed` has not."""
    other = (item.removeprefix("!") if item.startswith("!") else f"!{item}" for item in allowed)
    return can_both_match(owns, ("**", *other))
