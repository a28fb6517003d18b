"""What a merge was, as one JSON value: for the person or the program that receives it.

Pure. Together with the patches beside it, `manifest.json` says what was asked, who
did what, what was checked with which result, and which tree must come out where.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wtman.formats.codec import to_plain
from wtman.journal.events import CandidateJudged, Excluded, Landed
from wtman.journal.state import Attempt, State, TaskView
from wtman.merge.test_counts import tallies
from wtman.model.check import check_plain
from wtman.model.ids import Sha, TaskId
from wtman.model.values import dataclass
from wtman.plan.file import task_plain
from wtman.text.words import iso

SCHEMA = 1
KIND = "wtman-manifest"


@dataclass(frozen=True, slots=True)
class SeriesStep:
    """One task of the series: `commit` is linear on the step before, `patch` a file name.

    `landed` is its commit on the target; another one than `commit` where real merges land.
    A task whose change was in the target already has no patch.
    """

    task: TaskId
    commit: Sha
    tree: Sha
    landed: Sha
    patch: str = ""


def manifest(
    state: State,
    candidate: CandidateJudged,
    landed: Landed,
    steps: Sequence[SeriesStep],
    before_tree: Sha,
    proof: Mapping[str, Any],
    files: Mapping[str, str],
) -> dict[str, Any]:
    """The manifest; `files` are the sha256 sums of the files beside it, by name."""
    assert state.merge is not None
    asked = state.merge.asked
    known = {step.task: step for step in steps}
    return {
        "schema": SCHEMA,
        "kind": KIND,
        "run": state.run,
        "request": state.request,
        "context": state.context,
        "merged": iso(state.merge.at),
        "target": asked.target,
        "strategy": asked.strategy,
        "base": state.base,
        "before": {"commit": landed.before, "tree": before_tree},
        "after": {"commit": steps[-1].landed, "tree": candidate.tree},
        "plan": [task_plain(view.task) for view in state.tasks.values()],
        "tasks": [_task(view, known.get(task)) for task, view in state.tasks.items()],
        "units": {unit: list(parts) for unit, parts in (landed.units or {}).items()},
        "series": [step.task for step in steps if step.patch],
        "checks": list(map(check_plain, candidate.results)),
        "verdict": str(candidate.verdict),
        "excluded": [excluded_plain(item) for item in landed.excluded],
        "flaky": list(landed.flaky),
        "proof": dict(proof),
        "tests": list(map(to_plain, tallies(state, candidate))),
        "needs": {name: list(needs) for name, needs in (landed.needs or {}).items()},
        "files": dict(files),
    }


def _task(view: TaskView, step: SeriesStep | None) -> dict[str, Any]:
    checked = view.checked
    return {
        "id": view.task.id,
        "title": view.task.title,
        "branch": view.branch,
        "start": view.start,
        "head": view.head,
        "commit": step.landed if step is not None else None,
        "series_commit": step.commit if step is not None else None,
        "tree": step.tree if step is not None else None,
        "patch": (step.patch or None) if step is not None else None,
        "verdict": str(checked.verdict) if checked is not None else None,
        "checks": list(map(check_plain, checked.results)) if checked is not None else [],
        "attempts": list(map(attempt_plain, view.attempts)),
    }


def attempt_plain(attempt: Attempt) -> dict[str, Any]:
    """An attempt as JSON has it."""
    outcome = attempt.outcome
    return {
        "number": attempt.number,
        "agent": attempt.agent,
        "ended": str(attempt.ended) if attempt.ended is not None else None,
        "reason": outcome.reason if outcome is not None else "",
        "started": iso(attempt.started),
        "finished": iso(attempt.finished) if attempt.finished else None,
        "usage": to_plain(outcome.usage) if outcome is not None else {},
    }


def excluded_plain(item: Excluded, label: Callable[[TaskId], str] = str) -> dict[str, Any]:
    """A branch that did not land, as JSON has it; `label` names a branch."""
    return {
        "task": label(item.task),
        "unit": item.unit or None,
        "reason": item.reason,
        "with": list(map(label, item.others)),
        "paths": list(item.paths),
        "evidence": item.why(label),
        "reproduce": item.reproduce,
    }


def series(
    before: Sha, linear: Mapping[TaskId, Sha], trees: Sequence[Sha], landed: Mapping[str, Sha]
) -> tuple[SeriesStep, ...]:
    """The tasks of a line of commits from `before` on, their patches numbered as they apply."""
    first = {commit: task for task, commit in reversed(list(linear.items()))}
    changed = [task for commit, task in reversed(list(first.items())) if commit != before]
    width = max(2, len(str(len(changed))))
    names = {task: f"{number:0{width}d}-{task}.patch" for number, task in enumerate(changed, 1)}
    return tuple(
        SeriesStep(task, commit, tree, landed[task], names.get(task, ""))
        for (task, commit), tree in zip(linear.items(), trees, strict=True)
    )
