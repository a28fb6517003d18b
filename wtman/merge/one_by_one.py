"""Where every third branch is red by itself: each is looked at alone, for no search is cheaper.

From a share of about 0.38 on, no way of judging several at once needs fewer runs than one
a branch (facts/merging A2); as all of these may run at once, it is also over soonest.
Promises to begin only where what was looked at so far says so, and to end when what it
finds no longer does. What is green alone is then judged together, as ever.
"""

from collections.abc import Sequence
from dataclasses import replace

from wtman.merge.culprits import Culprit, Group, Steps, cleared, is_red, remember
from wtman.merge.selection import MemberOrder
from wtman.model.ids import TaskId

# One in so many has to be red, to begin and to go on; the first few say little.
_DENSE = 3
_DOUBT = 2
_MANY = 24  # branches from which on it pays


def crowded(
    order: MemberOrder, line: Sequence[TaskId], culprits: Sequence[Culprit], greens: Sequence[Group]
) -> bool:
    """Whether too many of those looked at are red by themselves to search on for the next.

    Of few branches the search costs little more, and it meets together with others whom only
    these cure (measured: 2 of 901 landings in worlds of 8 to 12).
    """
    if len(order.ids) < _MANY:
        return False
    red = _red(culprits)
    rest = [name for name in line if not order.below[name] & red]
    low = cleared(rest, greens)
    return low < len(rest) and _dense(len(red), low + len(red))


def one_by_one(
    order: MemberOrder,
    line: Sequence[TaskId],
    culprits: Sequence[Culprit],
    greens: list[Group],
    width: int,
) -> Steps[tuple[tuple[Culprit, ...], MemberOrder]]:
    """Judge by itself each of `line` that is in no green set, as long as that is worth it.

    The answer is who is red, and the order with those that are green ahead. Who needs more
    than what is known to be green is left to the search: it may be red because of that.
    `greens` grows.
    """
    found: list[Culprit] = []
    gone = _red(culprits)
    rest = [name for name in line if not order.below[name] & gone]
    red, looked = len(gone), len(gone) + cleared(rest, greens)
    left = [name for name in line if not any(name in green for green in greens)]
    while _dense(red, looked):
        left = [name for name in left if not order.below[name] & gone]
        ready = [name for name in left if _stands(order.below[name] - {name}, greens)][:width]
        if not ready:
            break
        left = [name for name in left if name not in ready]
        keys = {name: order.key(order.below[name]) for name in ready}
        answers = yield tuple(keys.values())
        for name, key in keys.items():
            looked += 1
            if is_red(answers[key]):
                red += 1
                gone |= {name}
                found.append(Culprit("failed", frozenset({name}), key, name))
            elif answers[key].conflict is None:
                remember(greens, frozenset(key))
    # Who is green alone comes next, and all of these at once.
    good = {name for name in line if any(name in green for green in greens)}
    first = [name for name in line if name in good]
    others = [name for name in order.line if name not in good]
    return tuple(found), replace(order, line=(*first, *others))


def _dense(red: int, looked: int) -> bool:
    return _DENSE * red > looked + _DOUBT


def _red(culprits: Sequence[Culprit]) -> Group:
    return frozenset(
        culprit.task for culprit in culprits if culprit.kind == "failed" and not culprit.pointed
    )


def _stands(needs: Group, greens: Sequence[Group]) -> bool:
    return not needs or any(needs <= green for green in greens)
