"""Whom of a red train its failing tests point at, by what each branch changed.

Three git processes whatever the number of branches, and only after a red check run: that
costs more than all of it. Promises nothing, for it is a guess (see `suspects`).
Blocking; touches nothing.
"""

from collections.abc import Sequence

from wtman.git.control_dir import Control
from wtman.git.objects import compare
from wtman.git.objects.history import changes_many
from wtman.journal.state import State
from wtman.merge.suspects import suspects, words
from wtman.model.changes import Change, Comparison, Entry
from wtman.model.check import CheckResult
from wtman.model.ids import TaskId


def pointed(
    ctl: Control,
    state: State,
    members: Sequence[TaskId],
    results: Sequence[CheckResult],
    printed: str,
) -> tuple[TaskId, ...]:
    """The likeliest of `members`, judged by the failing tests and what the checks printed."""
    if len(members) < 2:
        return ()
    ends = [end for task in members for end in (state.tasks[task].start, state.tasks[task].head)]
    pairs = list(zip(ends[0::2], ends[1::2], strict=True))
    changed = dict(zip(members, changes_many(ctl, pairs), strict=True))
    blobs = {
        names
        for changes in changed.values()
        for item in changes
        if (names := _contents(item)) is not None
    }
    compared = compare.contents(ctl, blobs)
    said = {
        task: frozenset[str]().union(
            *(_words(item, compared.get(_contents(item) or ("", ""))) for item in changes)
        )
        for task, changes in changed.items()
    }
    failing = " ".join(name for result in results for name in result.new_failures)
    return suspects(failing, printed, said)


def _contents(change: Change) -> tuple[str, str] | None:
    """The two blobs of a change, "" for none; None where there is nothing to compare."""
    old, new = (_blob(entry) for entry in (change.old, change.new))
    return (old, new) if old != new else None


def _blob(entry: Entry | None) -> str:
    return entry.oid if entry is not None and entry.regular else ""


def _words(change: Change, compared: Comparison | None) -> frozenset[str]:
    found = words(change.path)
    if compared is None:
        return found
    for span in compared.spans:
        lines = [*compared.old[span.a0 : span.a1], *compared.new[span.b0 : span.b1]]
        found |= words(b"".join(lines).decode("utf-8", "replace"))
    return found
