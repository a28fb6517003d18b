"""A run as the JSON of `wtman status`, and the questions that every view asks of it.

Pure. Keys are always present and only ever added; times are UTC in ISO 8601;
`usd` null means that nobody knows.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from wtman.journal.events import SessionFinished
from wtman.journal.state import State, TaskView
from wtman.model.check import check_plain
from wtman.model.ids import TaskId
from wtman.model.roles import agent_of_task
from wtman.model.session import Usage
from wtman.model.states import SCHEMA, RunState, Standing, TaskState
from wtman.review.judgement import judgements, subjects
from wtman.tasks.lifecycle import run_state, standings
from wtman.tasks.overlap import coming
from wtman.text.words import iso
from wtman.ui.facts import with_hint
from wtman.ui.findings import Judged, finding_json, problems, unlooked

FINISHED = (RunState.MERGED, RunState.FAILED)
FELL_SHORT = (TaskState.FAILED, TaskState.REJECTED, TaskState.EXCLUDED)


def status(state: State, live: bool) -> dict[str, Any]:
    """The answer of `wtman status --json` for one run."""
    known, found = standings(state), judgements(state)
    return {
        "schema": SCHEMA,
        "run": {**summary(state, live, known), "notes": list(state.notes)},
        "tasks": [_task(state, task, known[task], found) for task in state.tasks],
        "findings": [finding_json(state, *item) for item in found],
        "reviews": {"unlooked": unlooked(state), "problems": problems(state)},
    }


def summary(
    state: State, live: bool, known: Mapping[TaskId, Standing] | None = None
) -> dict[str, Any]:
    """The `run` part of the status, which `status --all --json` lists."""
    known = known if known is not None else standings(state)
    return {
        "id": state.run,
        "request": state.request,
        "state": str(run_state(state, known)),
        "reason": "; ".join(shortfall(state)),
        "live": live,
        "base": state.base,
        "target": state.target,
        "created": iso(state.created),
        "updated": iso(state.updated),
        "sandbox": state.settings.sandbox,
        "agent": state.settings.agent,
        "budget": {
            "sessions": state.settings.max_sessions,
            "tokens": state.settings.budget_tokens or None,
            "usd": state.settings.budget_usd or None,
            # Live sessions are not in it, and one that never told what it used counts as its cap.
            "charged": {"tokens": state.charged.tokens, "usd": state.charged.usd},
        },
        "pace": state.rate_limit or None,
        "sessions": state.sessions,
        "usage": _usage(state.usage),
        "next": next_command(state, live, known),
    }


def _task(
    state: State, task: TaskId, standing: Standing, found: Sequence[Judged]
) -> dict[str, Any]:
    view = state.tasks[task]
    last = last_outcome(view)
    ended = _ended(view)
    return {
        "id": task,
        "title": view.task.title,
        "state": str(standing.state),
        "reason": standing.reason,
        "waiting_for": list(standing.waiting_for),
        "branch": view.branch,
        "worktree": view.worktree,
        "base": view.start,
        "head": view.head,
        "attempt": view.attempts[-1].number if view.attempts else 0,
        "agent": agent_of(state, view),
        "session": last.session if last else "",
        "needs": list(view.task.needs),
        "overlaps": [{"task": other, "paths": list(paths)} for other, paths in coming(state, task)],
        "commits": last.commits if last else 0,
        "files": last.files if last else 0,
        "insertions": last.insertions if last else 0,
        "deletions": last.deletions if last else 0,
        "checks": list(map(check_plain, view.checked.results)) if view.checked else [],
        "findings": [finding_json(state, *item) for item in found if task in subjects(item[0])],
        "usage": _usage(used_by(view)),
        "started": iso(view.attempts[0].started) if view.attempts else None,
        "ended": iso(ended) if ended else None,
        "merged": view.merged or None,
        "notes": list(view.notes),
    }


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_tokens": usage.cached_tokens,
        "usd": usage.usd,
    }


def used_by(view: TaskView) -> Usage:
    """What the sessions of a task have used, the finished ones."""
    total = Usage()
    for item in view.attempts:
        if item.outcome is not None:
            total = total + item.outcome.usage
    return total


def agent_of(state: State, view: TaskView) -> str:
    """The agent that plays a task: of its newest attempt, else as the plan names it."""
    played = next((item.agent for item in reversed(view.attempts) if item.agent), "")
    return played or agent_of_task(state.settings, state.roles, view.task)


def last_outcome(view: TaskView) -> SessionFinished | None:
    """How the newest finished attempt ended."""
    return next((item.outcome for item in reversed(view.attempts) if item.outcome), None)


def _ended(view: TaskView) -> float:
    """When the newest attempt ended; 0 while one is in flight or there is none."""
    if not view.attempts or view.in_flight is not None:
        return 0.0
    return view.attempts[-1].finished


def working_time(view: TaskView, now: float) -> float:
    """Seconds spent in sessions; the one in flight counts up to `now`."""
    total = 0.0
    for item in view.attempts:
        if item.ended is None:
            total += max(now - item.started, 0.0) if now else 0.0
        elif item.outcome is not None and item.outcome.seconds:
            total += item.outcome.seconds
        else:
            total += max(item.finished - item.started, 0.0)
    return total


def shortfall(state: State) -> tuple[str, ...]:
    """Why the run as a whole does not go on, each with what mends it."""
    lines = []
    if state.failed is not None:
        lines.append(with_hint(state.failed.reason, state.failed.hint))
    elif state.base_checked is not None and state.base_checked.problem:
        lines.append(with_hint(state.base_checked.problem, state.base_checked.hint))
    if state.paused is not None:
        lines.append(with_hint(f"paused: {state.paused.reason}", state.paused.hint))
    if state.merge is not None and state.merge.failed is not None:
        lines.append(with_hint(state.merge.failed.reason, state.merge.failed.hint))
    return tuple(lines)


def next_command(state: State, live: bool, known: Mapping[TaskId, Standing] | None = None) -> str:
    """What to type next."""
    known = known if known is not None else standings(state)
    run = state.run
    short = next((task for task, item in known.items() if item.state in FELL_SHORT), "")
    if live:
        return f"wtman status {run} --watch"
    match run_state(state, known):
        case RunState.PLANNED:
            return f"wtman resume {run} --yes"
        case RunState.READY:
            into = "" if state.target else " --into BRANCH"
            return f"wtman merge {run}{into}{_unchecked(state, known)}"
        case RunState.MERGED:
            if short:
                return f"wtman retry {run}/{short}"
            cleaned = all(view.cleaned for view in state.tasks.values())
            return f"wtman {'report' if cleaned else 'clean'} {run}"
        case RunState.FAILED if short:
            return f"wtman retry {run}/{short}"
        case _:
            return f"wtman resume {run}"


def _unchecked(state: State, known: Mapping[TaskId, Standing]) -> str:
    """The word that lets branches land which no check judged; without it all would be left out."""
    judged = any(item.state is TaskState.VERIFIED for item in known.values())
    waiting = any(
        item.state is TaskState.UNCHECKED and not state.tasks[task].external
        for task, item in known.items()
    )
    return " --unchecked" if waiting and not judged else ""


def exit_status(state: State) -> int:
    """The exit status of SPEC section 2 for a run that nobody drives any more."""
    known = standings(state)
    if state.base_checked is not None and state.base_checked.problem:
        return 3
    if state.failed is not None:
        return 1
    match run_state(state, known):
        case RunState.PAUSED:
            return 4
        case RunState.STOPPED:
            return 130
        case RunState.READY | RunState.MERGED:
            return int(any(item.state in FELL_SHORT for item in known.values()))
        case _:
            return 1
