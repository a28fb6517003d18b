"""What branches that wtman did not make stand on, from their commits alone.

Pure. One branch may contain another, and one may contain a commit that landed earlier
under another name (a squash). Both are ground it stands on: its own change begins there,
not where it left the target.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

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
    seen: set[Sha] = set()
    for tip in tips:
        if tip in seen:
            found.append((tip,))
            continue
        seen.add(tip)
        left = holds.get(tip, 0) & ~bit.get(tip, 0)
        below = [marks[number] for number in _bits(left)]
        for sha in below:
            if left & bit[sha]:
                left &= ~holds[sha] | bit[sha]
        found.append(tuple(sha for sha in below if left & bit[sha]))
    return found


def _bits(number: int) -> Iterator[int]:
    """The places of the bits that are set, from the lowest."""
    while number:
        lowest = number & -number
        yield lowest.bit_length() - 1
        number ^= lowest


def left_target(history: History) -> dict[Sha, frozenset[Sha]]:
    """For each commit those of the target that it was grown on: with one, it is the merge base.

    Empty where a commit has no history in common with the target.
    """
    found: dict[Sha, frozenset[Sha]] = {}
    for sha, commit in history.items():
        known = [
            found[parent] if parent in found else frozenset((parent,)) for parent in commit.parents
        ]
        found[sha] = known[0] if len(known) == 1 else frozenset[Sha]().union(*known)
    return found


def places(history: History) -> dict[Sha, int]:
    """The place of each commit in the history."""
    return {sha: number for number, sha in enumerate(history)}


def own(
    history: History, place: Mapping[Sha, int], tip: Sha, below: Iterable[Sha]
) -> tuple[Commit, ...]:
    """The commits of `tip` above the commits `below`, oldest first, without merges.

    `place` is that of the history, see `places`.
    """
    mine = _reached(history, (tip,)) - _reached(history, below)
    line = (history[sha] for sha in sorted(mine, key=place.__getitem__))
    return tuple(commit for commit in line if len(commit.parents) < 2)


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
