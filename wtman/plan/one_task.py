"""A plan as one task: what its tasks ask for, in the order of their needs, for one session."""

from collections.abc import Iterable

from wtman.model.graph import order
from wtman.model.ids import TaskId
from wtman.model.plan import Plan, Task

_LONGEST_ID = 40


def one_task(plan: Plan) -> Plan:
    """The plan with its tasks joined into one, which owns and is checked by all that they were.

    What they do not agree on (agent, model, effort, role, tools) is left to the run.
    """
    if len(plan.tasks) < 2:
        return plan
    known = {task.id: task for task in plan.tasks}
    tasks = [known[name] for name in order(plan.tasks)]
    each = [task.check for task in tasks]
    return Plan(plan.request, (_joined(tasks, _union(each, plan.check)),), plan.context, plan.check)


def _joined(tasks: list[Task], check: tuple[str, ...]) -> Task:
    return Task(
        id=_id(tasks),
        title="; ".join(filter(None, (task.title for task in tasks)))[:200],
        prompt="\n\n".join(_part(number, task) for number, task in enumerate(tasks, 1)),
        owns=_owned(tasks),
        touches=_union(task.touches for task in tasks),
        expect="\n".join(filter(None, (task.expect for task in tasks))),
        agent=_agreed(task.agent for task in tasks),
        model=_agreed(task.model for task in tasks),
        effort=_agreed(task.effort for task in tasks),
        role=_agreed(task.role for task in tasks),
        tools=() if any(task.tools != tasks[0].tools for task in tasks) else tasks[0].tools,
        reads=() if any(not task.reads for task in tasks) else _union(task.reads for task in tasks),
        check=check,
        timeout=sum(task.timeout for task in tasks) if all(it.timeout for it in tasks) else 0.0,
        may_be_empty=all(task.may_be_empty for task in tasks),
    )


def _owned(tasks: list[Task]) -> tuple[str, ...]:
    """What they own together; an exclusion takes nothing away that another of them owns."""
    if any(not task.owns for task in tasks):
        return ()
    excluding = [task for task in tasks if any(it.startswith("!") for it in task.owns)]
    plain = [task for task in tasks if task not in excluding]
    return _union(task.owns for task in (*excluding, *plain))


def _part(number: int, task: Task) -> str:
    return f"## {number}. {task.title or task.id}\n\n{task.prompt.strip()}"


def _id(tasks: list[Task]) -> TaskId:
    """Their ids in a row, as far as that is one."""
    joined = "-".join(task.id for task in tasks)
    return TaskId(joined if len(joined) <= _LONGEST_ID else "all")


def _union(several: Iterable[tuple[str, ...]], otherwise: tuple[str, ...] = ()) -> tuple[str, ...]:
    """All of them, each once. Where one of several has none of its own, it has `otherwise`."""
    lists = [*several]
    if not any(lists):
        return ()
    return tuple(dict.fromkeys(item for one in lists for item in one or otherwise))


def _agreed(values: Iterable[str]) -> str:
    found = {*values}
    return found.pop() if len(found) == 1 else ""
