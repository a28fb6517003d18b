"""What a merge came to: the JSON of SPEC section 8, and the lines for people. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from wtman.journal.events import Adapted, Excluded, Landed, MergeNote
from wtman.journal.state import State
from wtman.model.ids import Sha, TaskId
from wtman.model.states import SCHEMA
from wtman.text.terminal import clean, count


def answer(
    state: State, landed: Landed, present: Mapping[str, Sha] | None = None
) -> dict[str, Any]:
    """The answer of `wtman merge --json`; `present` are branches that the target had already.

    Of branches that wtman did not make the ids are their names, and there is no run.
    """
    dry_run = state.merge.asked.dry_run if state.merge is not None else False
    commits = {_label(state, task): sha for task, sha in landed.commits.items()}
    return {
        "schema": SCHEMA,
        "run": None if state.kind.external else state.run or None,
        "target": landed.target,
        "before": landed.before,
        "after": landed.after,
        "dry_run": dry_run,
        "landed": [*(present or {}), *commits],
        "commits": {**(present or {}), **commits},
        "adapted": [adapted_text(state, item) for item in landed.adapted],
        "excluded": [_excluded(state, item) for item in landed.excluded],
        "checks": landed.checks,
        "flaky": list(landed.flaky),
        "needs": {
            _label(state, task): _labels(state, names)
            for task, names in (landed.needs or {}).items()
        },
        "present": list(present or {}),
        "resolved": [_label(state, task) for task in landed.resolved],
        "notes": [note_text(state, note) for note in landed.notes],
        "patches": landed.patches,
    }


def _excluded(state: State, item: Excluded) -> dict[str, Any]:
    return {
        "task": _label(state, item.task),
        "reason": item.reason,
        "with": _labels(state, item.others),
        "paths": list(item.paths),
        "evidence": item.why(state.label),
        "reproduce": item.reproduce,
        "unresolved": _unresolved(state, item),
    }


def _unresolved(state: State, item: Excluded) -> str:
    """Why a resolver gave it up, or nothing."""
    view = state.tasks.get(item.task)
    return view.unresolved if view is not None else ""


def _label(state: State, task: str) -> str:
    return state.label(TaskId(task))


def _labels(state: State, tasks: Sequence[TaskId]) -> list[str]:
    return [_label(state, task) for task in tasks]


def adapted_text(state: State, item: Adapted) -> str:
    return f"{_label(state, item.task)}: {item.path} ({item.how})"


def note_text(state: State, note: MergeNote) -> str:
    return f"{', '.join(_labels(state, note.tasks))}: {note.text}"


def _lost_tests(state: State, landed: Landed) -> list[str]:
    """Tests of the target that the landed tree does not run: told, for they may be meant to go."""
    members = tuple(TaskId(name) for name in landed.commits)
    candidate = (
        state.merge.candidates.get((landed.before, members)) if state.merge is not None else None
    )
    out = []
    for result in candidate.results if candidate is not None else ():
        for word, names in (("are gone", result.gone), ("are newly skipped", result.newly_skipped)):
            if names:
                shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if names[5:] else "")
                out.append(f"! tests that {word} ({len(names)}): {clean(shown, 200)}")
    return out


def lines(state: State, landed: Landed) -> list[str]:
    """The outcome for people; what was left out says why and how to see it."""
    out = [
        _first(state, landed),
        *(f"  {clean(_label(state, t))}  {sha[:10]}" for t, sha in landed.commits.items()),
    ]
    if landed.excluded:
        out += ["", "left out:"]
    for item in landed.excluded:
        others = f" with {clean(', '.join(_labels(state, item.others)))}" if item.others else ""
        paths = f" in {clean(', '.join(item.paths), 200)}" if item.paths else ""
        evidence = _first_line(item.why(state.label))
        why = f": {clean(evidence, 200)}" if evidence else ""
        out.append(f"  {clean(_label(state, item.task))}  {item.reason}{others}{paths}{why}")
        if why := _unresolved(state, item):
            out.append(f"    not resolved: {clean(_first_line(why), 200)}")
        if item.reproduce:
            out.append(f"    reproduce: {clean(item.reproduce)}")
    for task, needs in (landed.needs or {}).items():
        company = ", ".join(_labels(state, needs))
        out.append(clean(f"{_label(state, task)} works only with {company}"))
    out += [f"resolved: {clean(_label(state, task))}" for task in landed.resolved]
    out += [f"flaky: {clean(name, 200)}" for name in landed.flaky]
    out += [f"adapted: {clean(adapted_text(state, item), 200)}" for item in landed.adapted]
    out += [f"! {clean(note_text(state, note), 400)}" for note in landed.notes]
    out += _lost_tests(state, landed)
    if landed.proof:
        out += ["", clean(landed.proof, 200)]
    if landed.patches:
        out += ["", f"patches: {clean(landed.patches)}"]
    return out


def landed_before(state: State, landed: Landed) -> dict[TaskId, Sha]:
    """What earlier merges of the run landed: each task with its commit."""
    return {
        task: view.merged
        for task, view in state.tasks.items()
        if view.merged and task not in landed.commits
    }


def landed_in_all(before: Mapping[TaskId, Sha], landed: Landed) -> str:
    """`5 tasks landed, 1 of them in the last merge`: the sum over all merges of a run."""
    last = len(landed.commits) if landed.moved else 0
    tasks = count(len(before) + last, "task")
    return f"{tasks} landed, {last or 'none'} of them in the last merge"


def _first(state: State, landed: Landed) -> str:
    tasks = count(len(landed.commits), "branch" if state.kind.external else "task")
    where = f" on {landed.target}" if landed.target else ""
    span = f"{landed.before[:10]}..{landed.after[:10]}"
    checks = count(landed.checks, "check run")
    if not landed.commits:
        return f"nothing landed{where} ({checks})"
    if landed.moved:
        return f"{tasks} landed{where}: {span} ({checks})"
    merge = state.merge
    if merge is not None and merge.asked.dry_run:
        return f"{tasks} would land{where} ({checks})"
    return f"{tasks} written as patches, nothing moved ({checks})"


def _first_line(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), "")
