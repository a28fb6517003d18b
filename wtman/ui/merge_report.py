"""What a merge came to: the JSON of SPEC section 8, and the lines for people. Pure."""

from collections.abc import Mapping
from typing import Any

from wtman.journal.events import Landed
from wtman.journal.state import State
from wtman.merge.manifest import excluded_plain
from wtman.model.ids import Sha, TaskId
from wtman.model.states import SCHEMA
from wtman.text.terminal import clean
from wtman.ui.document import plain
from wtman.ui.facts import (
    adapted_text,
    excluded_told,
    headline,
    merge_told,
    note_text,
    unchanged,
    unresolved,
)
from wtman.ui.findings import blind


def answer(
    state: State, landed: Landed, present: Mapping[str, Sha] | None = None
) -> dict[str, Any]:
    """The answer of `wtman merge --json`; `present` are branches that the target had already,
    and those whose change it had.

    Of branches that wtman did not make the ids are their names, and there is no run.
    """
    idle = unchanged(landed) if state.kind.external else {}
    known = {**(present or {}), **{state.label(task): sha for task, sha in idle.items()}}
    commits = {
        state.label(TaskId(task)): sha for task, sha in landed.commits.items() if task not in idle
    }
    merge = state.merge
    return {
        "schema": SCHEMA,
        "run": None if state.kind.external else state.run or None,
        "target": landed.target,
        "before": landed.before,
        "after": landed.after,
        "dry_run": merge.asked.dry_run if merge is not None else False,
        "landed": list(commits),
        "commits": commits,
        "units": {unit: list(parts) for unit, parts in (landed.units or {}).items()},
        "adapted": [adapted_text(state, item) for item in landed.adapted],
        "excluded": [
            {**excluded_plain(item, state.label), "unresolved": unresolved(state, item.task)}
            for item in landed.excluded
        ],
        "checks": landed.checks,
        "flaky": list(landed.flaky),
        "needs": {
            state.label(TaskId(task)): list(map(state.label, names))
            for task, names in (landed.needs or {}).items()
        },
        "present": list(known),
        "uncommitted": {
            item.branch: {"worktree": item.worktree, "paths": list(item.paths)}
            for item in (merge.asked.uncommitted if merge is not None else ())
        },
        "resolved": list(map(state.label, landed.resolved)),
        "unreviewed": blind(state),
        "notes": [note_text(state, note) for note in landed.notes],
        "patches": landed.patches,
    }


def lines(state: State, landed: Landed) -> list[str]:
    """The outcome for people; what was not merged says why and how to see it."""
    out = [clean(headline(state, landed))]
    idle = unchanged(landed)
    unit = {part: name for name, parts in (landed.units or {}).items() for part in parts}
    for task, sha in landed.commits.items():
        what = "nothing new: what it changes is there already" if task in idle else sha[:10]
        name = TaskId(task)
        part = f"  part of {clean(unit[name])}" if name in unit else ""
        out.append(f"  {clean(state.label(name))}  {what}{part}")
    if landed.excluded:
        out += ["", "Not merged:"]
    for item in landed.excluded:
        out.append(f"  {clean(state.label(item.task))}  {clean(excluded_told(state, item), 300)}")
        if why := unresolved(state, item.task):
            out.append(f"    not resolved: {clean(why.strip().partition(chr(10))[0], 200)}")
        if item.reason in ("failed", "interaction") and not state.kind.external:
            out.append(f"    output: wtman logs --failed {state.run}/{item.task}")
        if item.reproduce:
            out.append(f"    reproduce: {clean(item.reproduce)}")
    told = merge_told(state, landed)
    out += [""] if told else []
    for text in told:
        out.append(("! " if text[0].style == "warn" else "") + clean(plain(text), 400))
    return out
