"""Whose changes speak of what failed: whom a red train should be tried without first.

Pure, and a guess only: it orders the search for the culprit and blames nobody. The words of
a failure (names of failing tests, what they printed) are looked for in what each branch
changed; a word tells the more, the fewer branches have it. So it needs to know nothing of
languages: a branch that brought the failing test has its name, one that took a function
away has the name that the error misses.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Set

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
