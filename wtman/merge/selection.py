"""Which branches to exclude so that as many as possible land: a smallest hitting set.

A *clash* is a set of branches that cannot land together: a textual conflict, a
branch that is red, a pair or triple that is red only together. `kept` leaves out
at least one of each. Promises that nobody is excluded in vain (adding any one of
them back would complete a clash), that what a branch needs is kept with it, and
the smallest possible loss wherever a component of clashes is small enough to be
searched whole; larger ones are searched for a bounded time from a greedy answer.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from wtman.model.ids import Sha, TaskId
from wtman.model.values import dataclass

Clash = frozenset[TaskId]

# Steps of the search a component; twenty tangled branches stay below it.
_PATIENCE = 5_000


@dataclass(frozen=True, slots=True)
class Member:
    """A branch that may land: its own change is `start`..`head`.

    `needs` that name no other member are taken as being in the target already. Those of one
    `unit` land together or not at all; a member that stands for a whole unit has its `size`.
    """

    id: TaskId
    start: Sha
    head: Sha
    needs: tuple[TaskId, ...] = ()
    unit: TaskId = TaskId("")
    size: int = 1


@dataclass(frozen=True, slots=True)
class MemberOrder:
    """The members with what follows from their needs, worked out once.

    `ids` is the order of assembly; `line` the order of search, nobody before what it
    needs. `below` of a branch is itself and all it needs, `above` itself and all that
    need it.
    """

    ids: tuple[TaskId, ...]
    line: tuple[TaskId, ...]
    below: dict[TaskId, frozenset[TaskId]]
    above: dict[TaskId, frozenset[TaskId]]
    member: dict[TaskId, Member]

    def key(self, chosen: Iterable[TaskId]) -> tuple[TaskId, ...]:
        """The chosen ones in the order of assembly."""
        wanted = frozenset(chosen)
        return tuple(name for name in self.ids if name in wanted)

    def size(self, chosen: Iterable[TaskId]) -> int:
        """How many branches the chosen ones are."""
        return sum(self.member[name].size for name in chosen)


def arrange(members: Sequence[Member]) -> MemberOrder:
    """Orders and closures of `members`, which come in dependency order."""
    known = {member.id: member for member in members}
    below: dict[TaskId, frozenset[TaskId]] = {}
    above: dict[TaskId, set[TaskId]] = {member.id: {member.id} for member in members}
    for member in members:
        needs = [below[need] for need in member.needs if need in below]
        below[member.id] = frozenset({member.id}.union(*needs))
        for need in below[member.id]:
            above[need].add(member.id)
    return MemberOrder(
        ids=tuple(known),
        line=tuple(known),
        below=below,
        above={name: frozenset(users) for name, users in above.items()},
        member=known,
    )


def suspecting(
    order: MemberOrder, line: Sequence[TaskId], low: int, high: int, suspects: Sequence[TaskId]
) -> tuple[MemberOrder, list[TaskId]]:
    """The order and the line with the suspects of line[low:high] at the end of that part.

    The first of `suspects` comes last, and who needs one goes along. Whoever is not in
    `line` comes behind it.
    """
    rank = {name: len(suspects) - number for number, name in enumerate(suspects)}
    part = line[low:high]
    worst = {name: max(rank.get(need, 0) for need in order.below[name]) for name in part}
    moved = [*line[:low], *sorted(part, key=worst.__getitem__), *line[high:]]
    rest = [name for name in order.line if name not in line]
    return replace(order, line=(*moved, *rest)), moved


def kept(
    order: MemberOrder, clashes: Iterable[Clash], out: Iterable[TaskId] = ()
) -> frozenset[TaskId]:
    """The set of the most branches without a whole clash in it and without those in `out`."""
    gone: set[TaskId] = set()
    for name in out:
        gone |= order.above[name]
    # With a part of a clash its needs are included, but not the other way round.
    open_clashes = [clash for clash in dict.fromkeys(clashes) if not clash & gone]
    for component in _components(order, open_clashes):
        gone |= _smallest_drop(order, component)
    return _refill(order, open_clashes, frozenset(order.ids) - gone, frozenset(out))


def _components(order: MemberOrder, clashes: Sequence[Clash]) -> list[list[Clash]]:
    """Clashes that share no branch, not even through needs, are solved apart."""
    leader: dict[TaskId, TaskId] = {}

    def find(name: TaskId) -> TaskId:
        while leader.setdefault(name, name) != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    for clash in clashes:
        first, *_ = clash
        for name in clash:
            for other in order.above[name]:
                leader[find(other)] = find(first)
    groups: dict[TaskId, list[Clash]] = {}
    for clash in clashes:
        first, *_ = clash
        groups.setdefault(find(first), []).append(clash)
    return list(groups.values())


def _smallest_drop(order: MemberOrder, clashes: Sequence[Clash]) -> frozenset[TaskId]:
    """The cheapest way to hit every clash of a component."""
    names = order.key(frozenset().union(*clashes))
    place = {name: number for number, name in enumerate(order.line)}
    # Among equals who comes later in the search goes: what is known to be green so far
    # then stays as it is.
    taste = {name: -place[name] for name in names}
    best = _greedy_drop(order, clashes, taste)
    everyone = order.key(frozenset().union(*(order.above[name] for name in names)))
    bit: dict[TaskId, int] = {}
    taken = 0
    for name in everyone:  # as many bits as it is branches
        size = order.member[name].size
        bit[name] = ((1 << size) - 1) << taken
        taken += size
    found = _hitting(
        tuple(sum(bit[name] for name in clash) for clash in clashes),
        tuple(
            (bit[name], sum(bit[other] for other in order.above[name]))
            for name in sorted(names, key=taste.__getitem__)
        ),
        sum(bit[name] for name in best),
    )
    return frozenset(name for name in everyone if bit[name] & found)


@lru_cache(maxsize=512)
def _hitting(clashes: tuple[int, ...], drops: tuple[tuple[int, int], ...], best: int) -> int:
    """Branch and bound over sets as bits; `drops` are who may go, and who goes with it.

    Remembered, because the search of a merge asks again on every turn.
    """
    fewest = best.bit_count()
    patience = _PATIENCE
    stack = [(0, 0)]
    while stack and patience:
        patience -= 1
        gone, fixed = stack.pop()
        narrow, disjoint, covered = 0, 0, 0
        for clash in clashes:
            if clash & gone:
                continue
            if not clash & covered:
                disjoint += 1  # each of these costs one more at least
                covered |= clash
            if not narrow or (clash & ~fixed).bit_count() < (narrow & ~fixed).bit_count():
                narrow = clash
        count = gone.bit_count()
        if not narrow:
            if count < fewest:
                best, fewest = gone, count
            continue
        if count + disjoint >= fewest:
            continue
        branches = []
        for one, whole in drops:
            if one & narrow & ~fixed:
                branches.append((gone | whole, fixed))
                # Whoever was tried as the one to go is kept in the branches beside it.
                fixed |= one
        stack.extend(reversed(branches))
    return best


def _greedy_drop(
    order: MemberOrder, clashes: Sequence[Clash], taste: dict[TaskId, int]
) -> frozenset[TaskId]:
    """Drop who hits most clashes for the least loss, again and again."""
    gone: frozenset[TaskId] = frozenset()
    unhit = list(clashes)
    while unhit:
        hits = Counter(name for clash in unhit for name in clash)
        price = {
            name: (-count / order.size(order.above[name] - gone), taste[name])
            for name, count in hits.items()
        }
        gone |= order.above[min(price, key=price.__getitem__)]
        unhit = [clash for clash in unhit if not clash & gone]
    return gone


def _refill(
    order: MemberOrder, clashes: Sequence[Clash], landing: frozenset[TaskId], out: frozenset[TaskId]
) -> frozenset[TaskId]:
    """Take back whom a greedy answer, or a clash among the dropped, excluded in vain."""
    for name in order.ids:
        if name in landing or name in out or not order.below[name] - {name} <= landing:
            continue
        wider = landing | {name}
        if not any(name in clash and clash <= wider for clash in clashes):
            landing = wider
    return landing
