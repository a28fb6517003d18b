"""A run as the JSON of `wtman status`.

Pure. Keys are always present and only ever added; times are UTC in ISO 8601;
`usd` null means that nobody knows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from wtman.coordinator.estimate import Durations, left
from wtman.coordinator.outcome import (
    agent_of,
    last_outcome,
    next_command,
    preparation,
    shortfall,
    used_by,
)
from wtman.journal.state import State
from wtman.model.check import check_plain
from wtman.model.ids import TaskId
from wtman.model.session import Usage
from wtman.model.states import SCHEMA, Standing
from wtman.review.judgement import judgements
from wtman.tasks.lifecycle import run_state, standings
from wtman.tasks.overlap import coming
from wtman.tasks.queue import queue
from wtman.text.words import iso
from wtman.ui.findings import Judged, audit_json, finding_json, reviews_json
from wtman.ui.flow import flow_json
from wtman.ui.plan_story import planning_json
from wtman.ui.questions import question_json
from wtman.ui.repairs import repairs_json

_CHANGED = ("commits", "files", "insertions", "deletions")
_USED = ("input_tokens", "output_tokens", "cached_tokens", "usd")


def status(
    state: State, live: bool, durations: Durations | None = None, now: float = 0.0
) -> dict[str, Any]:
    """The answer of `wtman status --json` for one run; `durations` of past work, if it is live."""
    known, found = standings(state), judgements(state)
    guess = left(state, known, durations, now) if live and durations is not None else None
    places = {task: place for place, task in enumerate(queue(state, known), 1)} if live else {}
    tasks = [
        {**_task(state, task, known[task], found), "queued": places.get(task)}
        for task in state.tasks
    ]
    estimate = {"seconds": round(guess.seconds), "samples": guess.samples} if guess else None
    return {
        "schema": SCHEMA,
        "run": {
            **summary(state, live, known),
            "estimate": estimate,
            "notes": list(state.notes),
        },
        "tasks": tasks,
        "findings": [finding_json(state, *item) for item in found],
        "reviews": reviews_json(state),
        **audit_json(state),
        "planning": planning_json(state, live),
        "repairs": repairs_json(state),
        "question": question_json(state.questions[0]) if state.questions else None,
        **flow_json(state),
    }


def summary(
    state: State, live: bool, known: Mapping[TaskId, Standing] | None = None
) -> dict[str, Any]:
    """The `run` part of the status, which `status --all --json` lists."""
    known = known if known is not None else standings(state)
    return {
        "id": state.run,
        "request": state.request,
        "issue": state.issue.url if state.issue is not None else None,
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
        "rate_limit": state.rate_limit or None,
        "sessions": state.sessions,
        "usage": usage_json(state.usage),
        "next": next_command(state, live, known),
        "first": preparation(state, live, known),
    }


def _task(
    state: State, task: TaskId, standing: Standing, found: Sequence[Judged]
) -> dict[str, Any]:
    view = state.tasks[task]
    last = last_outcome(view)
    # None while an attempt is in flight or there is none.
    ended = view.attempts[-1].finished if view.attempts and view.in_flight is None else 0.0
    return {
        "id": task,
        "title": view.task.title,
        "state": str(standing.state),
        "reason": standing.reason,
        "waiting_for": list(standing.waiting_for),
        "branch": view.branch,
        "worktree": view.worktree or None,
        "base": view.start,
        "head": view.head,
        "attempt": view.attempts[-1].number if view.attempts else 0,
        "agent": agent_of(state, view),
        "session": last.session if last else "",
        "needs": list(view.task.needs),
        "lead": view.planned.lead,
        "part_of": view.planned.part_of or None,
        "overlaps": [{"task": other, "paths": list(paths)} for other, paths in coming(state, task)],
        **{name: getattr(last, name) if last else 0 for name in _CHANGED},
        "checks": list(map(check_plain, view.checked.results)) if view.checked else [],
        "findings": [finding_json(state, *item) for item in found if task in item[0].subjects],
        "usage": usage_json(used_by(view)),
        "started": iso(view.attempts[0].started) if view.attempts else None,
        "ended": iso(ended) if ended else None,
        "merged": view.merged or None,
        "ignored": list(last.ignored) if last is not None else [],
        "notes": list(view.told),
        "deviations": list(map(asdict, view.deviations)),
        "messages": list(view.said),
    }


def usage_json(usage: Usage) -> dict[str, Any]:
    """What was used, with every key."""
    return {name: getattr(usage, name) for name in _USED}
