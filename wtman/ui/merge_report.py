"""What a merge came to: the JSON of SPEC section 8, and the lines for people. Pure."""

from collections.abc import Mapping
from typing import Any

from wtman.journal.events import Landed
from wtman.journal.state import State
from wtman.merge.manifest import excluded_plain
from wtman.model.ids import Sha, TaskId
from wtman.model.states import SCHEMA
from wtman.text.terminal import clean, columns, fold
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

_NAME = 40  # columns of names that are aligned; longer ones stick out


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


def lines(state: State, landed: Landed, width: int = 0) -> list[str]:
    """The outcome for people; what was not merged says why and how to see it.

    With `width` words are folded, as people read them; a command stays whole, to be copied.
    """

    def told(text: str) -> list[str]:
        indent = text[: len(text) - len(text.lstrip())]
        if not width or columns(text) <= width:
            return [text]
        return [indent + part for part in fold(text.lstrip(), width - len(indent))]

    out = told(clean(headline(state, landed)))
    idle = unchanged(landed)
    unit = {part: name for name, parts in (landed.units or {}).items() for part in parts}
    names = [clean(state.label(TaskId(task))) for task in landed.commits]
    name_columns = min(max(map(columns, names), default=0), _NAME)
    for task, sha in landed.commits.items():
        what = "nothing new: what it changes is there already" if task in idle else sha[:10]
        name = TaskId(task)
        part = f"  part of {clean(unit[name])}" if name in unit else ""
        label = clean(state.label(name))
        filled = label + " " * (name_columns - columns(label))
        out.append(f"  {filled}  {what}{part}")
    if landed.excluded:
        out += ["", "Not merged:"]
    for item in landed.excluded:
        out += told(f"  {clean(state.label(item.task))}  {clean(excluded_told(state, item), 300)}")
        if why := unresolved(state, item.task):
            out += told(f"    not resolved: {clean(why.strip().partition(chr(10))[0], 200)}")
        if item.reason in ("failed", "interaction") and not state.kind.external:
            out.append(f"    output: wtman logs --failed {state.run}/{item.task}")
        if item.reproduce:
            out.append(f"    reproduce: {clean(item.reproduce)}")
    more = merge_told(state, landed)
    out += [""] if more else []
    for text in more:
        said = ("! " if text[0].style == "warn" else "") + clean(plain(text), 400)
        out += [said] if text[-1].style == "code" else told(said)
    return out
