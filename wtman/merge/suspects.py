"""Suspects: branches whose changes name what failed; a red train is tried without them first.

A guess only: it orders the search for the culprit and blames nobody. The words of
a failure (names of failing tests, what they printed) are looked for in what each branch
changed; a word tells the more, the fewer branches have it. So it needs to know nothing of
languages: a branch that brought the failing test has its name, one that took a function
away has the name that the error misses.

`pointed` reads the changes: four git processes whatever the number of branches, and only
after a red check run, which costs more than all of it. Blocking; touches nothing.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence, Set

from wtman.git.control_dir import Control
from wtman.git.objects import compare
from wtman.git.objects.history import changes_many
from wtman.journal.state import State
from wtman.model.changes import Change, Comparison, Entry
from wtman.model.check import CheckResult
from wtman.model.ids import TaskId

_WORD = re.compile(r"[^\W\d]\w{2,}")
_NAMED = 3.0  # a word of a failing test's name, against one of what it printed
_MOST = 4
_LEAST = 0.1  # of the score of the likeliest
# Lines that say what went wrong; the rest of what a check prints is how it got there.
_WRONG = re.compile(r"^E\s|error|fail|panic|undefined|cannot|not found|expected", re.IGNORECASE)


def words(text: str) -> frozenset[str]:
    """The words of a text, however they are written."""
    return frozenset(word.lower() for word in _WORD.findall(text))


def suspects(failing: str, printed: str, changes: Mapping[TaskId, Set[str]]) -> tuple[TaskId, ...]:
    """The branches that the failure points at, the likeliest first; none where it does not.

    `changes` are the words of what each branch changed.
    """
    share = Counter(word for found in changes.values() for word in found)
    named = words(failing)
    lines = printed.splitlines()
    told = named | words("\n".join([line for line in lines if _WRONG.search(line)] or lines))
    score = {
        task: sum(
            (_NAMED if word in named else 1.0) * math.log(len(changes) / share[word])
            for word in sorted(found & told)
        )
        / math.log2(16 + len(found))  # who changed much has many words by chance
        for task, found in changes.items()
    }
    best = max(score.values(), default=0.0)
    likely = [task for task in score if score[task] > 0 and score[task] >= _LEAST * best]
    return tuple(sorted(likely, key=lambda task: -score[task])[:_MOST])


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
