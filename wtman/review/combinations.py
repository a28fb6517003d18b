"""Which branches a reproducer is run on together, to find the smallest set that is to blame.

Pure. All that a claim names are tried first, for that is what it is about. Only where they fail
together, or do not even merge, smaller sets are: of a few branches every one, by size, so
that the smallest is found; of many one branch is taken away after the other.
"""

from collections.abc import Iterable, Sequence
from itertools import combinations
from math import comb

from wtman.model.finding import Cell
from wtman.model.ids import TaskId
from wtman.review.matrix import Below, combined, holds, judge

_FEW = 4  # branches of which every set is tried
_MOST_PAIRS = 10
_MOST = 24  # branches that are taken away one by one

Sets = tuple[tuple[TaskId, ...], ...]


def wanted(cells: Sequence[Cell], members: Sequence[TaskId], below: Below) -> Sets:
    """The sets of branches to run it on next; none: what there is says all."""
    if len(members) < 2:
        return ()
    at = {cell.tree: cell for cell in cells}
    whole = at.get(combined(members))
    if whole is None:
        return (tuple(members),)
    if whole.result == "passed" or whole.flickers or len(members) == 2:
        return ()
    if judge(cells, members, below).kind == "regression":
        return ()
    return _by_size(cells, members, below) or _one_less(cells, members, below)


def _by_size(cells: Sequence[Cell], members: Sequence[TaskId], below: Below) -> Sets:
    """All sets of a size that are not known yet, the smallest size first."""
    if comb(len(members), 2) > _MOST_PAIRS:
        return ()
    for size in range(2, len(members) if len(members) <= _FEW else 3):
        shown = judge(cells, members, below)
        if shown.kind == "interaction" and len(shown.culprits) < size:
            return ()
        if new := _unknown(cells, combinations(members, size), below):
            return new
    return ()


def _unknown(cells: Sequence[Cell], sets: Iterable[tuple[TaskId, ...]], below: Below) -> Sets:
    known = {holds(cell.tree, below) for cell in cells}
    return tuple(item for item in sets if holds(combined(item), below) not in known)


def _one_less(cells: Sequence[Cell], members: Sequence[TaskId], below: Below) -> Sets:
    """What is left without one branch, as long as that is still spoilt."""
    shown = judge(cells, members, below)
    if len(members) <= _FEW or (shown.kind == "interaction" and len(shown.culprits) == 2):
        return ()
    bad = {holds(cell.tree, below) for cell in cells if cell.bad}
    good = {holds(cell.tree, below) for cell in cells if cell.result == "passed"}
    left = tuple(members)
    if holds(combined(left), below) not in bad:
        return ()  # they do not merge: what fails of them cannot be told this way
    for name in members[:_MOST]:
        less = tuple(one for one in left if one != name)
        if len(less) < 2:
            break
        if new := _unknown(cells, [less], below):
            return new
        held = holds(combined(less), below)
        if held in bad and any(smaller < held for smaller in good):
            left = less
    return ()
