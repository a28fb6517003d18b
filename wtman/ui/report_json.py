"""The report of a run as facts, for `wtman report --json`. Pure."""

from typing import Any

from wtman.journal.state import State, TaskView
from wtman.merge.manifest import attempt_plain
from wtman.ui.facts import landed_before
from wtman.ui.findings import reviewed_words
from wtman.ui.forecast import held_json
from wtman.ui.merge_report import answer
from wtman.ui.questions import asked_json
from wtman.ui.report import not_covered
from wtman.ui.status_json import status, usage_json


def report_json(state: State, live: bool) -> dict[str, Any]:
    """What `status --json` says, each task with its attempts, the last merge as `merge --json`
    tells it (null: none has ended), what earlier ones landed, and what nobody looked at."""
    told = status(state, live)
    landed = state.merge.landed if state.merge is not None else None
    failed = state.merge.failed if state.merge is not None else None
    views = list(state.tasks.values())
    return {
        **told,
        "seconds": round(state.lasted(state.updated), 3),
        "tasks": [
            {**task, **_more(state, view)} for task, view in zip(told["tasks"], views, strict=True)
        ],
        "merge": answer(state, landed) if landed is not None else None,
        "merge_failed": {"reason": failed.reason, "hint": failed.hint} if failed else None,
        "landed_before": landed_before(state, landed) if landed is not None else {},
        "asked": asked_json(state),
        "forecast": held_json(state),
        "not_covered": not_covered(state),
    }


def _more(state: State, view: TaskView) -> dict[str, Any]:
    return {
        "prompt": view.task.prompt,
        "attempts": [
            {
                **attempt_plain(attempt),
                "message": attempt.request.told,
                "usage": usage_json(attempt.outcome.usage) if attempt.outcome is not None else None,
            }
            for attempt in view.attempts
        ],
        "reviewed": reviewed_words(state, view.task.id),
    }
