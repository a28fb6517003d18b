"""`wtman logs --json`: a task with what it did and why it failed, and where all of it lies. Pure.

Keys are always present and only ever added; times are UTC in ISO 8601.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from wtman.journal.state import Attempt, State
from wtman.model.check import CheckCommand, Verdict
from wtman.model.ids import TaskId
from wtman.model.session import Ended
from wtman.model.states import SCHEMA, Standing
from wtman.text.words import iso
from wtman.ui.causes import Cause

# What is shown of a cause beside the journal: its telling lines, and the files of its output.
Shown = tuple[tuple[str, ...], Sequence[str]]

_ENDED = {None: "running", Ended.OK: "finished", Ended.FAILED: "failed"}


def answer(
    state: State,
    task: TaskId,
    standing: Standing,
    causes: Sequence[tuple[Cause, Shown]],
    files: Mapping[int, Sequence[str]],
) -> dict[str, Any]:
    """The JSON of one task; `files` are those of each attempt, by its number."""
    view = state.tasks[task]
    results = view.checked.results if view.checked is not None else ()
    return {
        "schema": SCHEMA,
        "run": state.run,
        "task": task,
        "state": str(standing.state),
        "reason": standing.reason.partition("\n")[0],
        "failures": [_failure(*item) for item in causes],
        "attempts": [_attempt(item, files.get(item.number, ())) for item in view.attempts],
        "commands": [
            {
                "kind": "check",
                "command": CheckCommand.of(item.command).run,
                "in": CheckCommand.of(item.command).folder,
                "status": _STATUS[item.verdict],
                "exit": item.exit,
                "reason": item.reason,
                "hint": item.hint,
                "seconds": item.seconds,
                "cached": item.cached,
            }
            for item in results
        ],
    }


_STATUS = {Verdict.GREEN: "passed", Verdict.RED: "failed", Verdict.UNCHECKED: "unchecked"}


def of_run(state: State, causes: Sequence[tuple[Cause, Shown]]) -> dict[str, Any]:
    """The JSON of what keeps a run as a whole from going on, without its tasks."""
    return {"schema": SCHEMA, "run": state.run, "failures": [_failure(*item) for item in causes]}


def _failure(cause: Cause, shown: Shown) -> dict[str, Any]:
    lines, files = shown
    return {
        "kind": cause.kind,
        "title": cause.title.partition("\n")[0],
        "command": cause.command,
        "exit": cause.exit,
        "attempt": cause.attempt or None,
        "tests": list(cause.tests),
        "hint": cause.hint,
        "excerpt": list(lines),
        "files": list(files),
    }


def _attempt(item: Attempt, files: Sequence[str]) -> dict[str, Any]:
    outcome = item.outcome
    over = item.ended is not None
    return {
        "number": item.number,
        "agent": item.agent,
        "message": item.request.told,
        "state": _ENDED.get(item.ended, "interrupted"),
        "reason": outcome.reason if outcome is not None else "",
        "refused": item.red.partition("\n")[0],
        "started": iso(item.started) if item.started else None,
        "ended": iso(item.finished) if over and item.finished else None,
        "seconds": outcome.seconds if outcome is not None else None,
        "deviations": list(map(asdict, outcome.deviations)) if outcome is not None else [],
        "files": list(files),
    }
