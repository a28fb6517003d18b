"""Two versions of a file against a third: where each changed it, and what both together give.

Pure. A file is a list of lines with their ends; one that is no text (binary, symbolic
link, submodule) is a list of one token, and none at all is an empty list. Promises that
what `weave` takes from one side the other left as the base has it, that hunks which touch
each other never pass as independent, and that `fit` accepts, where both inserted, only
what keeps every line of both. Refuses to compare: which lines changed is git's to say.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from wtman.model.changes import Comparison, Lines, Span


def same(lines: Lines) -> Comparison:
    """A file that did not change."""
    return Comparison(lines, lines, ())


def whole(old: Lines, new: Lines) -> Comparison:
    """A file of which nothing is comparable: all of it changed."""
    return Comparison(old, new, (Span(0, len(old), 0, len(new)),) if old or new else ())


def token(mode: str, oid: str) -> list[bytes]:
    """What stands for the content of something that has no lines. No line looks like it."""
    kind = "100" if mode.startswith("100") else mode
    return [f"\0{kind} {oid}".encode()]


def is_token(lines: Lines) -> bool:
    return len(lines) == 1 and lines[0].startswith(b"\0") and not lines[0].endswith(b"\n")


KEPT, OURS, THEIRS, BOTH, CLASH = "kept", "ours", "theirs", "both", "clash"


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the base: what became of it on our side and on theirs.

    `who` changed it: nobody, one side, both in the same way, or both differently. `hunks`
    are the numbers of their hunks in it.
    """

    who: str
    o0: int
    o1: int
    t0: int
    t1: int
    hunks: range = range(0)
    inserts: bool = False  # nothing of the base lies here: both only inserted


def weave(ours: Comparison, theirs: Comparison) -> list[Piece]:
    """Cut the base into pieces; `ours` and `theirs` have the same `old`."""
    pieces: list[Piece] = []
    left, right = ours.spans, theirs.spans
    i = j = at = to_ours = to_theirs = 0
    while i < len(left) or j < len(right):
        first_i, first_j = i, j
        starts = [spans[n].a0 for spans, n in ((left, i), (right, j)) if n < len(spans)]
        low = high = min(starts)
        # Hunks that only touch are one place: git takes them for a conflict, and so do we.
        while True:
            if i < len(left) and left[i].a0 <= high and (i == first_i or j > first_j):
                high = max(high, left[i].a1)
                i += 1
            elif j < len(right) and right[j].a0 <= high and (j == first_j or i > first_i):
                high = max(high, right[j].a1)
                j += 1
            else:
                break
        _keep(pieces, at, low, to_ours, to_theirs)
        o0, t0 = low + to_ours, low + to_theirs
        to_ours += sum(_growth(item) for item in left[first_i:i])
        to_theirs += sum(_growth(item) for item in right[first_j:j])
        o1, t1 = high + to_ours, high + to_theirs
        if first_j == j:
            who = OURS
        elif first_i == i:
            who = THEIRS
        else:
            who = BOTH if ours.new[o0:o1] == theirs.new[t0:t1] else CLASH
        pieces.append(Piece(who, o0, o1, t0, t1, range(first_j, j), low == high))
        at = high
    _keep(pieces, at, len(ours.old), to_ours, to_theirs)
    return pieces


def _keep(pieces: list[Piece], at: int, end: int, to_ours: int, to_theirs: int) -> None:
    if at < end:
        piece = Piece(KEPT, at + to_ours, end + to_ours, at + to_theirs, end + to_theirs)
        pieces.append(piece)


def _growth(span: Span) -> int:
    return (span.b1 - span.b0) - (span.a1 - span.a0)


def woven(pieces: Sequence[Piece], ours: Lines, theirs: Lines) -> list[bytes]:
    """What the pieces give; where they clash, what ours has and then what theirs has."""
    lines: list[bytes] = []
    for piece in pieces:
        if piece.who != THEIRS:
            lines += ours[piece.o0 : piece.o1]
        if piece.who in (THEIRS, CLASH):
            lines += theirs[piece.t0 : piece.t1]
    return lines


Fill = tuple[int, int]  # the lines of the result that are in the place of a clash


def fit(
    pieces: Sequence[Piece], ours: Lines, theirs: Lines, result: Lines, *, free: bool = False
) -> list[Fill] | None:
    """Where in `result` each clash went, if all else is there and in its place; None if not.

    A clash may hold anything where `free`, else only both insertions, nothing lost.
    """
    chains: dict[int, tuple[Fill, ...]] = {0: ()}
    fixed: list[bytes] = []
    for piece in pieces:
        if piece.who == CLASH:
            chains = _across(chains, fixed, result)
            chains = _filled(chains, piece, ours, theirs, result, free)
            fixed = []
        elif piece.who == THEIRS:
            fixed += theirs[piece.t0 : piece.t1]
        else:
            fixed += ours[piece.o0 : piece.o1]
    chains = _across(chains, fixed, result)
    found = chains.get(len(result))
    return None if found is None else list(found)


def _across(
    chains: dict[int, tuple[Fill, ...]], fixed: Lines, result: Lines
) -> dict[int, tuple[Fill, ...]]:
    size = len(fixed)
    if not size:
        return chains
    return {
        at + size: chain
        for at, chain in chains.items()
        if at < len(result) and result[at] == fixed[0] and result[at : at + size] == fixed
    }


def _filled(
    chains: dict[int, tuple[Fill, ...]],
    piece: Piece,
    ours: Lines,
    theirs: Lines,
    result: Lines,
    free: bool,
) -> dict[int, tuple[Fill, ...]]:
    one, two = ours[piece.o0 : piece.o1], theirs[piece.t0 : piece.t1]
    if not (piece.inserts or free):
        return {}
    found: dict[int, tuple[Fill, ...]] = {}
    for at, chain in chains.items():
        least = at if free else at + max(len(one), len(two))
        most = len(result) if free else min(len(result), at + len(one) + len(two))
        for end in range(least, most + 1):
            if end not in found and (free or _keeps_both(one, two, result[at:end])):
                found[end] = (*chain, (at, end))
    return found


def _keeps_both(one: Lines, two: Lines, fill: Lines) -> bool:
    """Whether the fill has all lines of both in order, and none that neither has."""
    if list(fill) in ([*one, *two], [*two, *one]):
        return True
    surplus = Counter(fill) - (Counter(one) + Counter(two))
    return not surplus and _within(one, fill) and _within(two, fill)


def _within(part: Lines, whole: Lines) -> bool:
    rest = iter(whole)
    return all(line in rest for line in part)
