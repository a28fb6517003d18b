"""What a session is told: composed here, from the plan and from what went wrong.

Commands, paths and output of others are quoted as data. The title of a task is
for people only, so that rewording it never runs a session again.
"""

from wtman.core.state import State, TaskView

_FAILURE_CAP = 6000  # characters of a failure that the next prompt carries


def task_prompt(state: State, view: TaskView, failure: str = "") -> str:
    """The prompt of one attempt; `failure` is why the attempt before did not do."""
    task = view.task
    parts = [task.prompt.strip()]
    if state.context:
        parts.append(f"Shared context of all tasks:\n{state.context.strip()}")
    if task.expect:
        parts.append(f"What must be true afterwards:\n{task.expect.strip()}")
    if task.owns:
        listed = "\n".join(f"  {pattern}" for pattern in task.owns)
        parts.append(f"Change nothing outside these paths (gitignore-style):\n{listed}")
    if state.request and state.request.strip() != task.prompt.strip():
        parts.append(
            "This task is one part of a larger request; others work on the rest at the same "
            f"time, do only yours. The request:\n{state.request.strip()}"
        )
    checks = state.checks_of(task.id)
    if checks:
        listed = "\n".join(f"  {command}" for command in checks)
        parts.append(f"Your work will be judged by:\n{listed}")
    if failure:
        parts.append(
            "An earlier attempt at this task was not accepted. Its work is in this folder "
            f"unless it says otherwise. Why:\n{failure.strip()[-_FAILURE_CAP:]}"
        )
    return "\n\n".join(parts) + "\n"
