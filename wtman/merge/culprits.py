"""Which branches break the merge: the sets to judge next so that few check runs say it.

Two searches, both generators that yield batches of sets and receive verdicts:
`first_fault` walks along a line of branches until all of it is green or one clash
is known; `explain` finds the smallest combination in which a branch shows something
(red, or green). They take verdicts as monotone (whatever contains a red set is red,
facts/merging A2) and only get slower where that does not hold: nothing is called
green that was not judged green. Whom the failing tests of a red candidate point at
(`CandidateJudged.suspects`) is looked at first: where that is right one run lands the others, where
it is wrong it costs a run or two.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Generator, Mapping, Sequence
from itertools import accumulate
from typing import TypeVar

from wtman.journal.events import CandidateJudged
from wtman.merge.selection import MemberOrder, suspecting
from wtman.model.check import Verdict
from wtman.model.ids import Sha, TaskId
from wtman.model.values import dataclass

Key = tuple[TaskId, ...]  # a set of branches, in the order of assembly
Group = frozenset[TaskId]
T = TypeVar("T")
Steps = Generator[tuple[Key, ...], Mapping[Key, CandidateJudged], T]

_MOST_NAMES = 200  # a result that names as many does not name all
# A failing test, with its check; without a name the check as a whole.
Failures = frozenset[tuple[str, str]]

# How much more often the first suspect is taken to be the culprit than one that is none; the
# next one half as much, and so on.
_SUSPICION = 20.0
# Red candidates of one fault that may say whom to look at: they may point at ever another one.
_MOST_HINTS = 3


@dataclass(frozen=True, slots=True)
class Culprit:
    """A clash with its proof. `candidate` is the smallest set that was seen to fail.

    `kind` is conflict, red (one branch, by itself) or interaction (several, only
    together). `task` is the one that was found last.
    """

    kind: str
    members: Group
    candidate: Key
    task: TaskId
    paths: tuple[str, ...] = ()
    side: Sha = Sha("")  # what plain git conflicts with
    clash: str = ""  # what meets there, where it is not two changes of one file
    pointed: bool = False  # found by its failing tests, which says nothing of how rare it is


def is_red(candidate: CandidateJudged) -> bool:
    """The checks refused the tree."""
    return candidate.conflict is None and candidate.verdict is Verdict.RED


def is_good(candidate: CandidateJudged) -> bool:
    """The set could be assembled and its checks had nothing against it."""
    return candidate.conflict is None and candidate.verdict is not Verdict.RED


def first_fault(
    order: MemberOrder, line: Sequence[TaskId], greens: list[Group], faults: int, width: int
) -> Steps[tuple[tuple[Culprit, ...], MemberOrder]]:
    """Judge prefixes of `line` until the whole is green (nothing) or a clash is explained.

    `greens` are sets that were judged green, and grows; `faults` is how many clashes
    the checks have shown so far by chance. The order that comes back has the suspects later.
    """
    low, high = cleared(line, greens), 0
    weights: Mapping[TaskId, float] = {}
    hints, fresh = 0, False
    hoping = width == 1 and not faults
    while True:
        if hoping and high - low == 2:
            hoping = False
            culprit = yield from _one_of_two(order, line, low, greens)
            if culprit is not None:
                return (culprit,), order
            # Green within what is red: then verdicts are not monotone here.
            low = min(max(low, cleared(line[:high], greens)), high - 1)
        if high and high - low == 1:
            return ((yield from culprit_of_last(order, line[:high], width)),), order
        if high:
            # The first cut behind a hint is likely the last: others beside it would be wasted.
            cuts = _between(line, low, high, 1 if fresh else width, weights)
            fresh = False
        else:
            known = _known(line, low, greens)
            cuts = (known,) if known > low + 1 else _ahead(low, len(line), faults, width)
        answers = yield tuple(order.key(line[:cut]) for cut in cuts)
        for cut in cuts:
            candidate = answers[order.key(line[:cut])]
            if candidate.conflict is not None:
                return conflicts_in(candidate), order
            if is_red(candidate):
                high = cut
                if candidate.suspects and hints < _MOST_HINTS:
                    hints, fresh = hints + 1, True
                    weights = _weights(candidate)
                    order, line = suspecting(order, line, low, high, candidate.suspects)
                    if hints == 1:
                        culprits = yield from _alone(order, candidate, frozenset(line[:low]))
                        if culprits:
                            return culprits, order
                break
            remember(greens, frozenset(line[:cut]))
            low = max(low, cut)
        if not high:
            if low >= len(line):
                return (), order
            continue
        if low >= high:
            low = 0  # red within what was taken for green: verdicts are not monotone here


def _alone(
    order: MemberOrder, candidate: CandidateJudged, green: Group
) -> Steps[tuple[Culprit, ...]]:
    """The suspects of a red candidate by themselves: who is red needs no further search.

    As long as that is so, and failing tests are left that none of them explains, the next
    one is looked at. Who needs more than what is `green` may be red because of that.
    """
    culprits: list[Culprit] = []
    left = failures(candidate)
    for name in candidate.suspects:
        if not left or not order.below[name] <= green | {name}:
            break
        key = order.key(order.below[name])
        answers = yield (key,)
        if not is_red(answers[key]):
            break
        culprits.append(Culprit("failed", frozenset({name}), key, name, pointed=True))
        left -= failures(answers[key])
    return tuple(culprits)


def failures(candidate: CandidateJudged) -> Failures:
    """What failed, test by test where that is known."""
    found: set[tuple[str, str]] = set()
    for result in candidate.results:
        if result.verdict is Verdict.RED:
            names = result.new_failures
            told = names if 0 < len(names) < _MOST_NAMES else ("",)
            found.update((result.command, name) for name in told)
    return frozenset(found)


def _one_of_two(
    order: MemberOrder, line: Sequence[TaskId], low: int, greens: list[Group]
) -> Steps[Culprit | None]:
    """One of the two behind `low` turned all red: try the whole without the one, or the other.

    Where there is only one fault, one of these is what lands, and needs no run any more.
    """
    wholes = []
    for suspect in (line[low + 1], line[low]):
        whole = [name for name in line if name not in order.above[suspect]]
        if not whole:
            return None
        answers = yield (order.key(whole),)
        candidate = answers[order.key(whole)]
        if is_good(candidate):
            remember(greens, frozenset(whole))
            break
        if candidate.conflict is not None:
            return None
        wholes.append(whole)
    else:
        return None
    suspect = line[low]
    if not wholes or len(order.above[suspect].intersection(wholes[0])) > 1:
        # What is green now clears all before the later one; or whoever needs this one
        # left with it, and may be the culprit.
        return None
    # All without the later one is red, all without this one is not.
    rest = [name for name in wholes[0] if name != suspect]
    found, proof = yield from explain(
        order, order.below[suspect], rest, is_red, order.key(wholes[0]), 1
    )
    return (yield from _smallest(order, frozenset({suspect, *found}), proof, suspect))


def culprit_of_last(order: MemberOrder, line: Sequence[TaskId], width: int) -> Steps[Culprit]:
    """The last of `line` turns it red: alone, or with whom?"""
    last = line[-1]
    found, proof = yield from explain(
        order, order.below[last], line[:-1], is_red, order.key(line), width
    )
    return (yield from _smallest(order, frozenset({last, *found}), proof, last))


def _smallest(order: MemberOrder, members: Group, proof: Key, task: TaskId) -> Steps[Culprit]:
    """The culprit of `members`, of which `proof` is red; fewer where fewer are red already.

    One that needs others is red in every smaller set, whoever else is in it, and would
    take those along. So each is left out once, the combination of the others being green.
    """
    for name in order.key(members):
        smaller = frozenset(other for other in members if name not in order.below[other])
        if not smaller:
            continue
        key = order.key(frozenset().union(*(order.below[other] for other in smaller)))
        answers = yield (key,)
        if is_red(answers[key]):
            last = task if task in smaller else order.key(smaller)[-1]
            return (yield from _smallest(order, smaller, key, last))
    kind = "interaction" if len(members) > 1 else "failed"
    return Culprit(kind, members, proof, task)


def conflicts_in(candidate: CandidateJudged) -> tuple[Culprit, ...]:
    """All textual conflicts that the assembly told of; they cost no check run."""
    assert candidate.conflict is not None
    included = frozenset(candidate.members)
    told = candidate.conflicts or (candidate.conflict,)
    sides = candidate.sides or (Sha(""),) * len(told)
    return tuple(
        Culprit(
            "conflict",
            frozenset({conflict.task, *conflict.others}) & included,
            candidate.members,
            conflict.task,
            conflict.paths,
            side,
            conflict.clash,
        )
        for conflict, side in zip(told, sides, strict=True)
    )


def explain(
    order: MemberOrder,
    chosen: Group,
    line: Sequence[TaskId],
    shows: Callable[[CandidateJudged], bool],
    known: Key,
    width: int,
) -> Steps[tuple[tuple[TaskId, ...], Key]]:
    """The smallest combination out of `line` in which `chosen` shows it, and the set that did.

    `known`, which is `chosen` with all of `line`, does. Each round finds the shortest
    prefix that still shows it: its last one is needed, and all behind it are not. What
    a branch needs comes with it and is not blamed.
    """
    found: list[TaskId] = []
    answers = yield (known,)
    weights = _weights(answers[known])
    near = frozenset().union(*(order.below[name] for name in weights if name in order.below))
    # Those that the failing tests point at come first, with all that they need.
    rest = sorted((name for name in line if name not in chosen), key=lambda name: name not in near)
    while rest:
        key = order.key(chosen)
        answers = yield (key,)
        if shows(answers[key]):
            return tuple(found), key
        low, high = 0, len(rest)
        while high - low > 1:
            cuts = _between(rest, low, high, 1 if near else width, weights)
            near = frozenset()
            keys = {cut: order.key(chosen.union(rest[:cut])) for cut in cuts}
            answers = yield tuple(keys.values())
            for cut in cuts:
                if shows(answers[keys[cut]]):
                    high, known = cut, keys[cut]
                    break
                low = cut
        partner = rest[high - 1]
        found.append(partner)
        chosen |= order.below[partner]
        rest = [name for name in rest[: high - 1] if name not in chosen]
    return tuple(found), known


# --- where to cut -----------------------------------------------------------------------------


def _ahead(low: int, total: int, faults: int, width: int) -> tuple[int, ...]:
    """How far to reach when nothing is known to be red: everything, while faults are rare.

    Where they are frequent a block that is green half the time tells most (facts/merging
    A2). The first fault says nothing of the rate.
    """
    if faults <= 1 or low >= total:
        return (total,)
    step = max(1, int(math.log(2) * (low + faults) / (faults - 1)))
    if step * 1.5 >= total - low:
        return (total,)
    return tuple(dict.fromkeys(min(low + step * number, total) for number in range(1, width + 1)))


def _known(line: Sequence[TaskId], low: int, greens: Sequence[Group]) -> int:
    """Up to where each behind `low` was seen green by itself."""
    alone = {name for green in greens if len(green) == 1 for name in green}
    while low < len(line) and line[low] in alone:
        low += 1
    return low


def _weights(candidate: CandidateJudged) -> dict[TaskId, float]:
    """How likely each suspect of a red candidate is the culprit; any other weighs 1."""
    return {name: 1.0 + _SUSPICION / 2**number for number, name in enumerate(candidate.suspects)}


def _between(
    line: Sequence[TaskId], low: int, high: int, width: int, weights: Mapping[TaskId, float]
) -> tuple[int, ...]:
    """At most `width` cuts that part line[low:high] into pieces of equal suspicion."""
    sums = list(accumulate(weights.get(name, 1.0) for name in line[low:high]))
    cuts: list[int] = []
    for number in range(1, width + 1):
        aim = sums[-1] * number / (width + 1)
        place = bisect_left(sums, aim)
        # The nearer edge of the piece that the aim falls into.
        if place and aim - sums[place - 1] < sums[place] - aim:
            place -= 1
        cut = min(max(low + place + 1, low + 1), high - 1)
        if cut not in cuts:
            cuts.append(cut)
    return tuple(sorted(cuts))


def cleared(line: Sequence[TaskId], greens: Sequence[Group]) -> int:
    """Length of the longest prefix that lies within a green set."""
    best = 0
    for green in greens:
        length = 0
        while length < len(line) and line[length] in green:
            length += 1
        best = max(best, length)
    return best


def remember(greens: list[Group], green: Group) -> None:
    """Keep only what says more than the others do."""
    greens[:] = [other for other in greens if not other <= green]
    greens.append(green)
