"""Company: branches that are red by themselves, tried together before they are given up.

One may need another that lands, or several that were given up may need each other, so
after the search who is out is tried again: all at once, each with what lands, a few at a
time, and in exchange for somebody aboard where more land that way. Promises that nothing
boards without a green probe of exactly that set, that never fewer land than before, and
that the tries are few: failing tests that stay the same in larger company show who is
beyond help, and without these there is a budget.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, islice

from wtman.journal.events import CandidateJudged
from wtman.merge.culprits import (
    Culprit,
    Failures,
    Group,
    Key,
    Steps,
    blame_last,
    conflicts_in,
    explain,
    failures,
    is_good,
)
from wtman.merge.selection import MemberOrder, kept
from wtman.model.ids import TaskId

# Tries of several together that nothing speaks for but that they were not tried yet.
_MOST_TRIES = 8
# Where one in three is red alone, and these are many, company is an unlikely cure: then only
# so many are tried, one by one.
_DENSE = 3


@dataclass(frozen=True, slots=True)
class Gathered:
    """Who lands after all, with all clashes known by now, and who needs whom for it."""

    board: Key
    blames: tuple[Culprit, ...]
    needs: dict[str, tuple[TaskId, ...]] = field(default_factory=dict)


def gathered(
    order: MemberOrder, board: Key, blames: Sequence[Culprit], out: Iterable[TaskId], width: int
) -> Steps[Gathered]:
    """Try whoever is red alone in company; `out` are never tried."""
    tries = _Tries(order, board, list(blames), frozenset(out))
    yield from tries.known()
    while batch := tuple(islice(tries.next(), width)):
        answers = yield batch
        tries.learn({key: answers[key] for key in batch})
    aboard = frozenset(tries.board)
    for name in order.key(tries.freed() - tries.out):
        line = [other for other in order.line if other in aboard]
        tries.blames.append((yield from blame_last(order, [*line, name], width)))
    needs: dict[str, tuple[TaskId, ...]] = {}
    cured = order.key(tries.alone() & aboard)
    for name in cured:
        needs[name] = yield from _company(order, name, tries.board, frozenset(cured), width)
    return Gathered(tries.board, tuple(tries.blames), needs)


class _Tries:
    """What is to be tried next, and what the tries have shown."""

    def __init__(self, order: MemberOrder, board: Key, blames: list[Culprit], out: Group) -> None:
        self.order, self.board, self.blames, self.out = order, board, blames, out
        self._failures: dict[TaskId, Failures] = {}
        self._hopeless: list[tuple[TaskId, Group]] = []  # red in all of this company, too
        self._tried: set[Group] = {frozenset(board)}
        self._queue: deque[Group] = deque()
        self._rest: Iterator[Group] = iter(())
        self._begin()

    def known(self) -> Steps[None]:
        """Look up what each fails by itself; these sets were probed before."""
        alone = [blame for blame in self.blames if blame.kind == "failed"]
        if alone:
            answers = yield tuple(blame.probe for blame in alone)
            for blame in alone:
                self._failures.setdefault(blame.task, failures(answers[blame.probe]))

    def alone(self) -> Group:
        """Who is red by itself."""
        return frozenset(
            name for blame in self.blames if blame.kind == "failed" for name in blame.members
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
        """Take in the answers; the largest green set is the new board."""
        for key, probe in sorted(answers.items(), key=lambda item: -len(item[0])):
            if probe.conflict is not None:
                self.blames += conflicts_in(probe)
                self._begin()
            elif not is_good(probe):
                self._learn_red(frozenset(key), failures(probe))
            elif len(key) > len(self.board):
                self.board = key
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
        return (self.alone() | self.freed()) - frozenset(self.board) - self.out

    def freed(self) -> Group:
        """Who stayed behind only with what it needs, which is aboard by now."""
        accused = frozenset().union(*(blame.members for blame in self.blames))
        aboard = frozenset(self.board)
        return frozenset(
            name
            for name in self.order.ids
            if name not in accused | aboard and self.order.below[name] - {name} <= aboard
        )

    def _begin(self) -> None:
        """Line up the tries again, for the board is another or more is known."""
        names = [name for name in self.order.line if name in self._open()]
        everybody = [frozenset(names)] if names else []
        each = [frozenset({name}) for name in names]
        if len(names) > _MOST_TRIES and _DENSE * len(names) >= len(self.order.ids):
            # The last ones: who was looked at alone has had no company yet.
            self._queue, self._rest = deque([*everybody, *each[-_MOST_TRIES:]]), iter(())
            return
        self._queue = deque([*everybody, *each])
        self._rest = islice(self._together(names), min(len(names) + 1, _MOST_TRIES))

    def _together(self, names: Sequence[TaskId]) -> Iterator[Group]:
        """Several of those given up, with and without others that stay behind."""
        aboard = frozenset(self.board)
        others = [
            name
            for name in self.order.line
            if name not in aboard and name not in names and name not in self.out
        ]
        if len(names) > 1:
            yield from (frozenset({*names, other}) for other in others)
        yield from (frozenset({name, other}) for name in names for other in others)
        for size in range(2, len(names)):
            yield from map(frozenset, combinations(names, size))

    def _sets(self, wanted: Group) -> Iterator[Group]:
        """As many as can ride with `wanted`; and the board with nobody else added."""
        order = self.order
        forced: Group = frozenset().union(*(order.below[name] for name in wanted))
        stay = (self._open() - forced) | self.out
        clashes = [
            blame.members - forced
            for blame in self.blames
            if not (blame.kind == "failed" and blame.members <= forced | frozenset(self.board))
        ]
        if not all(clashes) or forced & stay:
            return
        chosen = kept(order, clashes, stay)
        if forced <= chosen:
            yield chosen
        plain = frozenset(self.board) | forced
        if plain != chosen and not any(clash <= plain for clash in clashes):
            yield plain

    def _worth(self, chosen: Group) -> bool:
        return (
            len(chosen) > len(self.board)
            and chosen not in self._tried
            and not any(name in chosen and chosen <= group for name, group in self._hopeless)
        )


def _company(
    order: MemberOrder, name: TaskId, board: Key, cured: Group, width: int
) -> Steps[tuple[TaskId, ...]]:
    """The smallest company on the board in which `name` is green."""
    own, aboard = order.below[name], frozenset(board)
    # Others that need company themselves would hide who it is: first without them.
    needy = frozenset().union(*(order.above[other] for other in cured - {name})) - own
    for company in (aboard - needy, aboard & needy):
        closed = own.union(*(order.below[other] for other in company))
        if closed == own:
            continue
        key = order.key(closed)
        answers = yield (key,)
        if is_good(answers[key]):
            break
    else:
        key = board
    line = [other for other in order.line if other in key]
    found, _ = yield from explain(order, own, line, is_good, key, width)
    return (yield from _without_idle(order, own, found))


def _without_idle(
    order: MemberOrder, own: Group, found: tuple[TaskId, ...]
) -> Steps[tuple[TaskId, ...]]:
    """The company without those who are not needed in it."""
    needed = list(found)
    for name in found:
        rest = [other for other in needed if other != name]
        if rest:
            key = order.key(own.union(*(order.below[other] for other in rest)))
            answers = yield (key,)
            if is_good(answers[key]):
                needed = rest
    return order.key(needed)
