"""Which keys do something now, and why the others do not. Pure."""

import shlex
from collections.abc import Mapping

from wtman.coordinator.outcome import next_command
from wtman.journal.state import State
from wtman.model.ids import TaskId
from wtman.model.states import RunKind, RunState, Standing, TaskState
from wtman.tasks.lifecycle import judged_by_none, landable, run_state
from wtman.text.terminal import count

ON_TASKS = ("retry", "open", "shell", "attach")


def refused_of_run(state: State, known: Mapping[TaskId, Standing], live: bool) -> dict[str, str]:
    """Why an action on the run cannot be had, by its name; what is not in it can."""
    found: dict[str, str] = {}
    status = run_state(state, known)
    if not live:
        found["stop"] = "the run is not running"
    elif state.asked_stop:
        found["stop"] = "the run is being stopped"
    if live:
        found["resume"] = "the run is running"
    elif status in (RunState.READY, RunState.MERGED) and state.flow is None:
        found["resume"] = f"the run is {status}: nothing is left to resume"
    if reason := _no_merge(state, known, status, live):
        found["merge"] = reason
    if not state.questions:
        found["answer"] = "the run asks nothing"
    return found


def _no_merge(state: State, known: Mapping[TaskId, Standing], status: RunState, live: bool) -> str:
    if live:
        return "the run is running: merge it once it is ready"
    if state.kind not in (RunKind.SPLIT, RunKind.FLOW):
        return "this run is no work of tasks: nothing to merge"
    if status is RunState.MERGED:
        return "the run is merged"
    if status not in (RunState.READY, RunState.MERGING):
        return f"the run is {status}: it is merged once it is ready"
    if not landable(state, known) and status is not RunState.MERGING:
        return "no task is verified: nothing to merge"
    if not state.target:
        return f"no branch to merge into: wtman merge {state.run} --into BRANCH"
    return ""


def merge_lines(state: State, known: Mapping[TaskId, Standing]) -> list[str]:
    """What a merge would land and leave, for the question before it."""
    good = landable(state, known)
    checks = ", ".join(state.checks) or "none"
    lines = [f"Merge {count(len(good), 'task')} into {state.target}:"]
    lines += _some([f"  ✓ {task}  {state.tasks[task].task.title}" for task in good], 8)
    landed = (TaskState.MERGED,)
    left = [task for task in known if task not in good and known[task].state not in landed]
    if left:
        lines += ["", "Not merged:"]
        lines += _some(
            [f"  ✗ {task}  {known[task].state}: {known[task].reason}" for task in left], 4
        )
    lines += ["", f"Checked together first by: {checks}"]
    if open_ := _unjudged(state, known):
        lines.append(f"Judged by no check: {', '.join(open_)}")
    return lines


def merge_words(state: State, known: Mapping[TaskId, Standing]) -> list[str]:
    """The command that merges the run, after `wtman`; its user has seen what no check judged."""
    words = shlex.split(next_command(state, False, known))[1:]
    words = words if words[:1] == ["merge"] else ["merge", state.run]
    if _unjudged(state, known) and "--unchecked" not in words:
        words.append("--unchecked")
    return words


def _unjudged(state: State, known: Mapping[TaskId, Standing]) -> list[TaskId]:
    return [task for task in landable(state, known) if judged_by_none(state, task, known)]


def _some(lines: list[str], most: int) -> list[str]:
    return lines if len(lines) <= most else [*lines[:most], f"  … and {len(lines) - most} more"]
