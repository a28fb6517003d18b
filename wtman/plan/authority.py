"""What whoever cuts a lead may decide: how to divide its work, and nothing that the user has not
given to it. Pure.
"""

from collections.abc import Sequence
from dataclasses import replace

from wtman.formats.gitignore import beyond, can_both_match
from wtman.model.ids import TaskId
from wtman.model.plan import DEEP, Task
from wtman.model.roles import LEAD
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


def too_deep(tasks: Sequence[Task], depth: int) -> tuple[str, ...]:
    """Which tasks of the plan of a lead may not be leads. `depth` is that of the lead: 1 for a
    task of the plan."""
    return tuple(
        f"task {quoted(task.id)}: it may not be a lead: parts are at most {DEEP} deep"
        for task in tasks
        if task.lead and depth + 1 >= DEEP
    )


def beyond_authority(
    tasks: Sequence[Task], lead: Task, protect: tuple[str, ...]
) -> tuple[str, ...]:
    """What in the plan of a lead is not its planner's to decide, but the user's.

    `tasks` are as the planner named them.
    """
    found: list[str] = []
    for task in tasks:
        name = f"task {quoted(task.id)}"
        owns = task.owns or lead.owns
        if (path := beyond(owns, (lead.owns,))) is not None:
            told = ", ".join(lead.owns)
            found.append(f"{name}: it may not own {quoted(path)}: only {told} is yours to give")
        if protect and (path := can_both_match(owns, protect)) is not None:
            found.append(
                f"{name}: it may not own {quoted(path)}, which is protected: end its `owns` with "
                + ", ".join(quoted(f"!{pattern.removeprefix('!')}") for pattern in protect)
            )
    return tuple(found)


def more_than_approved(
    task: Task, owns: tuple[str, ...], approved: Sequence[tuple[str, ...]], protect: Sequence[str]
) -> tuple[str, ...]:
    """What a task may not own from now on without a yes of the user, in words.

    `approved` are the paths of each task of the approved plan.
    """
    found: list[str] = []
    if not owns and not task.owns:
        return ()
    for pattern in owns or ("**",):
        if pattern.startswith("!") or beyond((pattern,), (task.owns,)) is None:
            continue
        own = (pattern, *(later for later in owns if later.startswith("!")))
        if (path := beyond(own, approved)) is not None:
            shown = "" if path == pattern.lstrip("/") else f" (so also {quoted(path)})"
            found.append(
                f"{task.id} may change {quoted(pattern)}{shown}, which no task of the plan owns"
            )
        elif protect and (path := can_both_match(own, tuple(protect))) is not None:
            found.append(f"{task.id} may change {quoted(path)}, which is protected")
        if protect and found and (path := can_both_match(own, tuple(protect))) is not None:
            told = f"{task.id} may change {quoted(path)}, which is protected"
            found += [told] if told not in found else []
    return tuple(found)
