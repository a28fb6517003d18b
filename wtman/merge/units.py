"""Units in the search of a merge: each is one member, which lands whole or not at all.

The search knows nothing of parts: it is run over members of which one stands for all parts of
a unit, and whatever it asks and hears is translated here. Parts follow each other in the order
of assembly. Once it is known which unit stays behind, `guilty` looks for the part in it that
is the reason, within a bound; what it finds is told, and decides nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from wtman.journal.events import CandidateJudged, Conflict, Excluded
from wtman.merge.culprits import Culprit, Key, Steps, T, conflicts_in, first_fault
from wtman.merge.selection import Member, MemberOrder, arrange
from wtman.model.graph import cycle, order
from wtman.model.ids import TaskId
from wtman.model.plan import Task
from wtman.model.values import dataclass

# Candidates that naming one guilty part may take, beyond some for each doubling of the branches.
_LEAST_LOOKS = 8
_MOST_LOOKS = 4


@dataclass(frozen=True, slots=True)
class Units:
    """`wholes` are the members of the search, `leaves` the branches that they are made of.

    `parts` of a member are its branches in the order of assembly; `unit` of a branch is the
    member that it belongs to, itself where it stands alone.
    """

    wholes: tuple[Member, ...]
    leaves: MemberOrder
    parts: dict[TaskId, Key]
    unit: dict[TaskId, TaskId]

    def key(self, names: Iterable[TaskId]) -> Key:
        """The branches of these members, in the order of assembly."""
        return tuple(part for name in names for part in self.parts[name])

    def of(self, branches: Iterable[TaskId]) -> Key:
        """The members that these branches belong to."""
        return tuple(dict.fromkeys(self.unit.get(name, name) for name in branches))

    def run(self, walk: Steps[T]) -> Steps[T]:
        """A search over the members as one over branches."""
        try:
            batch = next(walk)
            while True:
                keys = {names: self.key(names) for names in batch}
                answers = yield tuple(keys.values())
                batch = walk.send(
                    {names: self._seen(names, answers[key]) for names, key in keys.items()}
                )
        except StopIteration as stop:
            found: T = stop.value
        return found

    def _seen(self, names: Key, candidate: CandidateJudged) -> CandidateJudged:
        conflict = candidate.conflict
        return replace(
            candidate,
            members=names,
            suspects=self.of(candidate.suspects),
            conflict=self._met(conflict) if conflict is not None else None,
            conflicts=tuple(map(self._met, candidate.conflicts)),
        )

    def _met(self, conflict: Conflict) -> Conflict:
        task = self.of((conflict.task,))[0]
        others = tuple(name for name in self.of(conflict.others) if name != task)
        return replace(conflict, task=task, others=others)

    def guilty(self, name: TaskId, culprit: Culprit, width: int) -> Steps[Culprit | None]:
        """The clash of branches that is behind one of members, `name` among them.

        None where it cannot be told with few candidates, or where a part alone shows nothing.
        """
        found: Sequence[Culprit]
        key = self.key(culprit.candidate)
        own = self.parts[name]
        if culprit.kind == "conflict":
            found = conflicts_in((yield (key,))[key])
            found = [item for item in found if frozenset(self.of(item.members)) == culprit.members]
        elif key == culprit.candidate:
            return replace(culprit)
        else:
            rest = [part for part in key if part not in own]
            line = [*rest, *own]
            leaves = replace(self.leaves, line=tuple(line))
            walk = first_fault(leaves, line, [frozenset(rest)], 1, width)
            most = _LEAST_LOOKS + _MOST_LOOKS * len(line).bit_length()
            found = yield from _bounded(walk, most)
        return next((item for item in found if item.members & frozenset(own)), None)


def left_with(part: TaskId, unit: TaskId, guilty: Sequence[TaskId]) -> Excluded:
    """A part that does not land because others of its unit do not."""
    do = "does" if len(guilty) == 1 else "do"
    why = f"{unit} lands whole or not at all, and {', '.join(guilty)} {do} not"
    return Excluded(part, "unverified", tuple(guilty), evidence=why, unit=unit, follows=True)


def _bounded(
    walk: Steps[tuple[tuple[Culprit, ...], MemberOrder]], most: int
) -> Steps[tuple[Culprit, ...]]:
    """What the walk finds, unless it asks for more than so many candidates."""
    seen: set[Key] = set()
    try:
        batch = next(walk)
        while len(seen.union(batch)) <= most:
            seen.update(batch)
            batch = walk.send((yield batch))
    except StopIteration as stop:
        found: tuple[Culprit, ...] = stop.value[0]
        return found
    return ()


def grouped(members: Sequence[Member]) -> Units:
    """The members, which come in dependency order, with each unit as one.

    Units that need each other by different parts are one.
    """
    unit = {member.id: member.unit or member.id for member in members}
    if all(name == whole for name, whole in unit.items()):
        return Units(tuple(members), arrange(members), {name: (name,) for name in unit}, unit)
    while True:
        wholes = _wholes(members, unit)
        ring = cycle(wholes)
        if not ring:
            break
        unit = {name: ring[0] if whole in ring else whole for name, whole in unit.items()}
    needs = {task.id: task.needs for task in wholes}
    parts: dict[TaskId, list[Member]] = {name: [] for name in order(wholes)}
    for member in members:
        parts[unit[member.id]].append(replace(member, unit=unit[member.id]))
    line = [member for inside in parts.values() for member in inside]
    return Units(
        tuple(
            replace(inside[-1], id=name, needs=needs[name], unit=name, size=len(inside))
            for name, inside in parts.items()
        ),
        arrange(line),
        {name: tuple(member.id for member in inside) for name, inside in parts.items()},
        unit,
    )


def _wholes(members: Sequence[Member], unit: Mapping[TaskId, TaskId]) -> tuple[Task, ...]:
    """Each unit as a task that needs others."""
    needs: dict[TaskId, dict[TaskId, None]] = {}
    for member in members:
        wanted = (unit[need] for need in member.needs if need in unit)
        needs.setdefault(unit[member.id], {}).update(dict.fromkeys(wanted))
    return tuple(
        Task(name, "", needs=tuple(need for need in wanted if need != name))
        for name, wanted in needs.items()
    )
