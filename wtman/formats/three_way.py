"""Two versions of something against a third: where each changed it, piece by piece.

Pure. What is compared is a list: the lines of a file, or the tokens of a few lines.
Promises that what `weave` takes from one side the other left as the base has it. How near
two changes may be to each other is for the caller to say: `touching` as git does it,
`beside` for lines that somebody else's change only touches.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence

from wtman.model.changes import Comparison, Lines, Span
from wtman.model.values import dataclass

KEPT, OURS, THEIRS, BOTH, CLASH = "kept", "ours", "theirs", "both", "clash"


@dataclass(frozen=True, slots=True)
class SideHunk:
    """One change: where in the base, what was there, and what is now."""

    span: Span
    old: Lines
    new: Lines

    @property
    def kind(self) -> str:
        if self.span.a0 == self.span.a1:
            return "insert"
        return "change" if self.new else "remove"


Meets = Callable[
    [SideHunk, SideHunk], bool
]  # whether two hunks that touch, in order, are one place


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the base: what became of it on our side and on theirs.

    `who` changed it: nobody, one side, both in the same way, or both differently. `hunks`
    are the numbers of their hunks in it.
    """

    who: str
    b0: int
    b1: int
    o0: int
    o1: int
    t0: int
    t1: int
    hunks: range = range(0)

    @property
    def inserts(self) -> bool:
        """Whether nothing of the base lies here: both only inserted."""
        return self.who != KEPT and self.b0 == self.b1


def touching(one: SideHunk, two: SideHunk) -> bool:
    """Hunks that touch are one place: git takes them for a conflict."""
    return True


def beside(one: SideHunk, two: SideHunk) -> bool:
    """Each may change its own lines, or insert beside lines that the other changed.

    Where lines were removed and others inserted nobody knows what these belonged to, unless
    each is an entry by itself.
    """
    kinds = {one.kind, two.kind}
    if kinds == {"insert", "remove"}:
        return not all(_ENTRY.match(line) for hunk in (one, two) for line in (*hunk.old, *hunk.new))
    return kinds == {"insert"}


# An import, an entry of a list, a requirement.
_ENTRY = re.compile(
    rb"\s*(?:(?:import|from|use|#include|require)\b.*[^({\[\\]|[-*] .*|[\w.\"'-][^(){}\[\]:]*,"
    rb"|[\w.-]+\s*[=~<>]=.*)\s*$"
)


def weave(
    ours: Comparison, theirs: Comparison, meets: Meets = touching, *, coarse: bool = False
) -> list[Piece]:
    """Cut the base into pieces; `ours` and `theirs` have the same `old`.

    `coarse`: hunks of ours that meet none of theirs are one piece with what lies between.
    """
    pieces: list[Piece] = []
    left, right = ours.spans, theirs.spans
    i = j = at = to_ours = to_theirs = 0
    while i < len(left) or j < len(right):
        if coarse and i < len(left):
            low = right[j].a0 if j < len(right) else len(ours.old) + 1
            if (apart := bisect_left(left, low, i, key=_end)) > i:
                last, i = left[apart - 1], apart
                o0, t0, t1 = at + to_ours, at + to_theirs, last.a1 + to_theirs
                pieces.append(Piece(OURS, at, last.a1, o0, last.b1, t0, t1))
                at, to_ours = last.a1, last.b1 - last.a1
                continue
        first_i, first_j = i, j
        starts = [spans[n].a0 for spans, n in ((left, i), (right, j)) if n < len(spans)]
        low = high = min(starts)
        if not (i < len(left) and left[i].a0 == low) or _after(left[i], right, j, low):
            high, j = right[j].a1, j + 1
        else:
            high, i = left[i].a1, i + 1
        while True:
            if i < len(left) and _joins(ours, left[i], high, theirs, right[first_j:j], meets):
                high = max(high, left[i].a1)
                i += 1
            elif j < len(right) and _joins(theirs, right[j], high, ours, left[first_i:i], meets):
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
        pieces.append(Piece(who, low, high, o0, o1, t0, t1, range(first_j, j)))
        at = high
    _keep(pieces, at, len(ours.old), to_ours, to_theirs)
    return pieces


def _end(span: Span) -> int:
    return span.a1


def _after(one: Span, others: Sequence[Span], number: int, low: int) -> bool:
    """Whether the other side's next hunk comes first: at one place insertions do."""
    return number < len(others) and others[number].a0 == low and others[number].a1 < one.a1


def _joins(
    mine: Comparison, item: Span, high: int, other: Comparison, there: Sequence[Span], meets: Meets
) -> bool:
    """Whether a hunk belongs to the place that hunks of the other side are in."""
    if not there or item.a0 > high:
        return False
    return item.a0 < high or any(
        span.a1 == high and meets(_hunk(other, span), _hunk(mine, item)) for span in there
    )


def _hunk(side: Comparison, span: Span) -> SideHunk:
    return SideHunk(span, side.old[span.a0 : span.a1], side.new[span.b0 : span.b1])


def _keep(pieces: list[Piece], at: int, end: int, to_ours: int, to_theirs: int) -> None:
    if at < end:
        ours, theirs = (at + to_ours, end + to_ours), (at + to_theirs, end + to_theirs)
        pieces.append(Piece(KEPT, at, end, *ours, *theirs))


def _growth(span: Span) -> int:
    return (span.b1 - span.b0) - (span.a1 - span.a0)
