"""Combinations: branches that are red by themselves, tried together before they are given up.

One may need another that lands, or several that were given up may need each other, so
after the search those that are out are tried again: all at once, each with what lands, a few at a
time, and in exchange for somebody included where more land that way. Promises that nothing
lands without a green candidate of exactly that set, that never fewer land than before, and
that the tries are few: failing tests that stay the same in larger combinations show who is
beyond help, and without these there is a budget.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from itertools import combinations, islice

from wtman.journal.events import CandidateJudged, Excluded
from wtman.merge.culprits import (
    Culprit,
    Failures,
    Group,
    Key,
    Steps,
    conflicts_in,
    culprit_of_last,
    explain,
    failures,
    is_good,
)
from wtman.merge.selection import MemberOrder, kept
from wtman.model.ids import TaskId
from wtman.model.values import dataclass

# Tries of several together that nothing speaks for but that they were not tried yet.
_MOST_TRIES = 8
# Where one in three is red alone, and these are many, others are an unlikely cure: then only
# so many are tried, one by one.
_DENSE = 3


@dataclass(frozen=True, slots=True)
class Decision:
    """Who lands, a candidate that passed or nobody; with all clashes known by now.

    `needs`: whom a branch turned out to need though its plan did not say so.
    """

    landing: Key
    culprits: tuple[Culprit, ...] = ()
    needs: dict[str, tuple[TaskId, ...]] = field(default_factory=dict)
    excluded: tuple[Excluded, ...] = ()


def retried(
    order: MemberOrder, landing: Key, culprits: Sequence[Culprit], out: Iterable[TaskId], width: int
) -> Steps[Decision]:
    """Try whoever is red alone in combination; `out` are never tried."""
    tries = _Tries(order, landing, list(culprits), frozenset(out))
    yield from tries.known()
    while batch := tuple(islice(tries.next(), width)):
        answers = yield batch
        tries.learn({key: answers[key] for key in batch})
    included = frozenset(tries.landing)
    for name in order.key(tries.freed() - tries.out):
        line = [other for other in order.line if other in included]
        tries.culprits.append((yield from culprit_of_last(order, [*line, name], width)))
    needs: dict[str, tuple[TaskId, ...]] = {}
    cured = order.key(tries.alone() & included)
    for name in cured:
        needs[name] = yield from _combination_for(
            order, name, tries.landing, frozenset(cured), width
        )
    return Decision(tries.landing, tuple(tries.culprits), needs)


class _Tries:
    """What is to be tried next, and what the tries have shown."""

    def __init__(
        self, order: MemberOrder, landing: Key, culprits: list[Culprit], out: Group
    ) -> None:
        self.order, self.landing, self.culprits, self.out = order, landing, culprits, out
        self._failures: dict[TaskId, Failures] = {}
        self._hopeless: list[tuple[TaskId, Group]] = []  # red in all of this combination, too
        self._tried: set[Group] = {frozenset(landing)}
        self._queue: deque[Group] = deque()
        self._rest: Iterator[Group] = iter(())
        self._begin()

    def known(self) -> Steps[None]:
        """Look up what each fails by itself; these sets were judged before."""
        alone = [culprit for culprit in self.culprits if culprit.kind == "failed"]
        if alone:
            answers = yield tuple(culprit.candidate for culprit in alone)
            for culprit in alone:
                self._failures.setdefault(culprit.task, failures(answers[culprit.candidate]))

    def alone(self) -> Group:
        """Who is red by itself."""
        return frozenset(
            name
            for culprit in self.culprits
            if culprit.kind == "failed"
            for name in culprit.members
        )

    def next(self) -> Iterator[Key]:
        """The sets that are worth a try, the likeliest first."""
        while True:
            wanted = self._queue.popleft() if self._queue else next(self._rest, None)
            if wanted is None:
                return
            for chosen in self._sets(wanted):
                if self._worth(chosen):
                    self._tried.add(chosen)
                    yield self.order.key(chosen)

    def learn(self, answers: dict[Key, CandidateJudged]) -> None:
        """Take in the answers; the largest green set is what lands now."""
        for key, candidate in sorted(answers.items(), key=lambda item: -self.order.size(item[0])):
            if candidate.conflict is not None:
                self.culprits += conflicts_in(candidate)
                self._begin()
            elif not is_good(candidate):
                self._learn_red(frozenset(key), failures(candidate))
            elif self.order.size(key) > self.order.size(self.landing):
                self.landing = key
                self._begin()

    def _learn_red(self, chosen: Group, failing: Failures) -> None:
        mine = self._open() & chosen
        beyond = {
            name
            for name in mine
            for failure in self._failures.get(name, frozenset()) & failing
            if not any(failure in self._failures.get(other, ()) for other in mine - {name})
        }
        self._hopeless += [(name, chosen) for name in sorted(beyond)]
        left = mine - beyond
        if beyond and left:
            self._queue.appendleft(left)

    def _open(self) -> Group:
        return (self.alone() | self.freed()) - frozenset(self.landing) - self.out

    def freed(self) -> Group:
        """Who stayed behind only with what it needs, which is included by now."""
        accused = frozenset().union(*(culprit.members for culprit in self.culprits))
        included = frozenset(self.landing)
        others = frozenset(self.order.ids) - accused - included
        return frozenset(name for name in others if self.order.below[name] - {name} <= included)

    def _begin(self) -> None:
        """Line up the tries again, for another set lands now or more is known."""
        waiting = self._open()
        names = [name for name in self.order.line if name in waiting]
        everybody = [frozenset(names)] if names else []
        each = [frozenset({name}) for name in names]
        if len(names) > _MOST_TRIES and _DENSE * len(names) >= len(self.order.ids):
            # The last ones: who was looked at alone was tried with no other yet.
            self._queue, self._rest = deque([*everybody, *each[-_MOST_TRIES:]]), iter(())
            return
        self._queue = deque([*everybody, *each])
        self._rest = islice(self._together(names), min(len(names) + 1, _MOST_TRIES))

    def _together(self, names: Sequence[TaskId]) -> Iterator[Group]:
        """Several of those given up, with and without others that stay behind."""
        included = frozenset(self.landing)
        others = [
            name
            for name in self.order.line
            if name not in included and name not in names and name not in self.out
        ]
        if len(names) > 1:
            yield from (frozenset({*names, other}) for other in others)
        yield from (frozenset({name, other}) for name in names for other in others)
        for size in range(2, len(names)):
            yield from map(frozenset, combinations(names, size))

    def _sets(self, wanted: Group) -> Iterator[Group]:
        """As many as can land with `wanted`; and what lands now with no other added."""
        order = self.order
        forced: Group = frozenset().union(*(order.below[name] for name in wanted))
        stay = (self._open() - forced) | self.out
        clashes = [
            culprit.members - forced
            for culprit in self.culprits
            if not (
                culprit.kind == "failed" and culprit.members <= forced | frozenset(self.landing)
            )
        ]
        if not all(clashes) or forced & stay:
            return
        chosen = kept(order, clashes, stay)
        if forced <= chosen:
            yield chosen
        plain = frozenset(self.landing) | forced
        if plain != chosen and not any(clash <= plain for clash in clashes):
            yield plain

    def _worth(self, chosen: Group) -> bool:
        return (
            self.order.size(chosen) > self.order.size(self.landing)
            and chosen not in self._tried
            and not any(name in chosen and chosen <= group for name, group in self._hopeless)
        )


def _combination_for(
    order: MemberOrder, name: TaskId, landing: Key, cured: Group, width: int
) -> Steps[tuple[TaskId, ...]]:
    """The smallest combination out of what lands in which `name` is green."""
    own, included = order.below[name], frozenset(landing)
    # Others that need others themselves would hide who it is: first without them.
    needy = frozenset().union(*(order.above[other] for other in cured - {name})) - own
    for combination in (included - needy, included & needy):
        closed = own.union(*(order.below[other] for other in combination))
        if closed == own:
            continue
        key = order.key(closed)
        answers = yield (key,)
        if is_good(answers[key]):
            break
    else:
        key = landing
    line = [other for other in order.line if other in key]
    found, _ = yield from explain(order, own, line, is_good, key, width)
    return (yield from _without_idle(order, own, found))


def _without_idle(
    order: MemberOrder, own: Group, found: tuple[TaskId, ...]
) -> Steps[tuple[TaskId, ...]]:
    """The combination without those who are not needed in it."""
    needed = list(found)
    for name in found:
        rest = [other for other in needed if other != name]
        if rest:
            key = order.key(own.union(*(order.below[other] for other in rest)))
            answers = yield (key,)
            if is_good(answers[key]):
                needed = rest
    return order.key(needed)
