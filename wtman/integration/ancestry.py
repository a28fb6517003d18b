"""What branches that wtman did not make stand on, from their commits alone.

Pure. One branch may contain another, and one may contain a commit that landed earlier
under another name (a squash). Both are ground it stands on: its own change begins there,
not where it left the target.
"""

from collections.abc import Iterable, Mapping, Sequence

from wtman.model.changes import Commit
from wtman.model.ids import Sha
from wtman.model.plan import Identity

# Commits that the target does not have, each behind its parents.
History = Mapping[Sha, Commit]


def ground(history: History, tips: Sequence[Sha], landed: Iterable[Sha]) -> list[tuple[Sha, ...]]:
    """For each tip the nearest commits below it that are another tip, or `landed`.

    A tip that somebody before it in the list has too stands on that very commit.
    """
    marks = tuple(dict.fromkeys(sha for sha in (*tips, *landed) if sha in history))
    bit = {sha: 1 << number for number, sha in enumerate(marks)}
    holds: dict[Sha, int] = {}
    for sha, commit in history.items():
        held = bit.get(sha, 0)
        for parent in commit.parents:
            held |= holds.get(parent, 0)
        holds[sha] = held
    found: list[tuple[Sha, ...]] = []
    for place, tip in enumerate(tips):
        if tip in tips[:place]:
            found.append((tip,))
            continue
        below = [sha for sha in marks if holds.get(tip, 0) & bit[sha] and sha != tip]
        covered = {
            sha for sha in below for other in below if sha != other and holds[other] & bit[sha]
        }
        found.append(tuple(sha for sha in below if sha not in covered))
    return found


def own(history: History, tip: Sha, below: Iterable[Sha]) -> tuple[Commit, ...]:
    """The commits of `tip` above the commits `below`, oldest first, without merges."""
    stop = _reached(history, below)
    mine = _reached(history, (tip,)) - stop
    return tuple(
        commit for sha, commit in history.items() if sha in mine and len(commit.parents) < 2
    )


def _reached(history: History, tips: Iterable[Sha]) -> set[Sha]:
    seen: set[Sha] = set()
    stack = list(tips)
    while stack:
        sha = stack.pop()
        if sha in history and sha not in seen:
            seen.add(sha)
            stack.extend(history[sha].parents)
    return seen


def sole_author(commits: Sequence[Commit]) -> Identity | None:
    """Who made all of them; None where that is nobody or more than one."""
    authors = {commit.author for commit in commits}
    return authors.pop() if len(authors) == 1 else None
