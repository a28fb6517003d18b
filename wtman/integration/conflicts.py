"""Textual conflicts of a train, all at once: which branches cannot merge with which.

One assembly that fails is enough to know every branch that conflicts with the target
and every pair that conflicts with each other, so that the choice of who stays behind
is made once. Promises that what it names was merged and failed: alone, as a pair, or
(where nobody conflicts in pairs) as the fewest that fail together. A pair that does
merge together with the rest of the train is not named. Blocking.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from wtman.git.merges import sequence
from wtman.git.merges.ladder import Ladder
from wtman.git.merges.sequence import AppliedSequence
from wtman.git.objects import history
from wtman.git.objects.writer import Objects
from wtman.journal.events import Conflict
from wtman.model.changes import Changes, meeting
from wtman.model.ids import Sha, TaskId
from wtman.model.plan import Identity
from wtman.model.values import dataclass

# Beyond these a train of hundreds that all change one file would be looked at for minutes.
_MOST_PAIRS = 10_000

_INVENTED = re.compile(r"~(?:[0-9a-f]{64}|[0-9a-f]{40})(?:_\d+)?$")

Side = tuple[Sha, Sha]  # start of the branch, and the tree that it conflicts with
Found = tuple[Conflict, Side]


@dataclass(frozen=True, slots=True)
class Part:
    """One branch of a train: its change, and the commit that it is to become."""

    task: TaskId
    start: Sha
    head: Sha
    needs: tuple[TaskId, ...]
    message: str
    author: Identity | None = None  # None: whoever the train's commits are by


def conflicts_of(
    objects: Objects,
    on: Sha,
    parts: Sequence[Part],
    changes: Sequence[Changes],
    failed: tuple[int, tuple[str, ...]],
) -> tuple[Found, ...]:
    """All conflicts that can be told; `failed` is the part that did not join, and where."""
    look = _Look(objects, on, parts)
    number, paths = failed
    alone = look.walk([look.below(at) for at in range(len(parts))])
    found = _with_target(parts, look, alone)
    fine = [at for at, walked in enumerate(alone) if walked.at is None]
    pairs = _pairs_to_try(objects, on, parts, changes, look, alone)
    wanted = [(one, two) for one, two in pairs if one in fine and two in fine and two >= number][
        :_MOST_PAIRS
    ]
    found += _in_pairs(parts, look, wanted)
    if not found:
        return (_plainly(_several(parts, look, number, paths)),)
    mine = [at for at, (conflict, _) in enumerate(found) if conflict.task == parts[number].task]
    if len(mine) == 1:
        # Where it was seen: another branch may have moved the file.
        conflict, side = found[mine[0]]
        found[mine[0]] = replace(conflict, paths=paths), side
    first = sorted(found, key=lambda item: item[0].task != parts[number].task)
    return tuple(_plainly(item) for item in first)


def _plainly(found: Found) -> Found:
    """The conflict with paths that there are, for git invents one where it has no place for both.

    A file that another branch has made a folder is `name~<commit>` to it.
    """
    conflict, side = found
    real = tuple(dict.fromkeys(_INVENTED.sub("", path) for path in conflict.paths))
    if real == conflict.paths:
        return found
    clash = "not the same kind of thing on both sides, such as a file and a folder"
    return replace(conflict, paths=real, clash=clash), side


class _Look:
    """The parts by number, what each needs, and walks of chosen ones on the target."""

    def __init__(self, objects: Objects, on: Sha, parts: Sequence[Part]) -> None:
        self._objects, self._on, self._parts = objects, on, parts
        self._ladder = Ladder(objects, on)
        place = {part.task: number for number, part in enumerate(parts)}
        self._below: list[frozenset[int]] = []
        for number, part in enumerate(parts):
            needs = [self._below[place[need]] for need in part.needs if need in place]
            self._below.append(frozenset({number}).union(*needs))

    def below(self, *numbers: int) -> list[int]:
        """These parts and all they need, in order."""
        return sorted(frozenset[int]().union(*(self._below[number] for number in numbers)))

    def walk(self, lines: Iterable[Sequence[int]]) -> tuple[AppliedSequence, ...]:
        steps = [[(self._parts[at].start, self._parts[at].head) for at in line] for line in lines]
        return sequence.walk_many(self._objects, self._on, steps, self._ladder)


def _with_target(
    parts: Sequence[Part], look: _Look, alone: Sequence[AppliedSequence]
) -> list[Found]:
    """Those that conflict with the target, or with what they themselves need."""
    found: dict[int, Found] = {}
    for number, walked in enumerate(alone):
        if walked.at is not None:
            at = look.below(number)[walked.at]
            part = parts[at]
            conflict = Conflict(part.task, (), walked.conflicts, walked.clash)
            found.setdefault(at, (conflict, (part.start, walked.tree)))
    return [found[at] for at in sorted(found)]


def _pairs_to_try(
    objects: Objects,
    on: Sha,
    parts: Sequence[Part],
    changes: Sequence[Changes],
    look: _Look,
    alone: Sequence[AppliedSequence],
) -> list[tuple[int, int]]:
    """Pairs that touch a common path, as they were made or as they are on the target."""
    moved = [
        number
        for number, walked in enumerate(alone)
        if walked.at is None and parts[number].start != on
    ]
    ends = [(on, alone[number].tree) for number in moved]
    there = history.changes_many(objects.ctl, ends, folders=True)
    groups = [[change] for change in changes]
    for number, change in zip(moved, there, strict=True):
        groups[number].append(change)
    return [
        (one, two)
        for one, two in meeting(groups)
        if one not in look.below(two) and two not in look.below(one)
    ]


def _in_pairs(parts: Sequence[Part], look: _Look, pairs: Sequence[tuple[int, int]]) -> list[Found]:
    lines = [look.below(*pair) for pair in pairs]
    torn: dict[tuple[int, int], Found] = {}
    for pair, line, walked in zip(pairs, lines, look.walk(lines), strict=True):
        one, two = pair
        # Where it fails earlier, what the two need cannot be merged together, and is a pair itself.
        if walked.at is not None and line[walked.at] == two:
            conflict = Conflict(parts[two].task, (parts[one].task,), walked.conflicts, walked.clash)
            torn[pair] = conflict, (parts[two].start, walked.tree)
    return [
        found
        for (one, two), found in torn.items()
        if not any(
            (low, high) != (one, two) and (min(low, high), max(low, high)) in torn
            for low in look.below(one)
            for high in look.below(two)
        )
    ]


def _several(parts: Sequence[Part], look: _Look, number: int, paths: tuple[str, ...]) -> Found:
    """The fewest earlier ones with which a part conflicts: renames can hide who they are."""
    own = look.below(number)
    earlier = [at for at in range(number) if at not in own]
    singles = look.walk([look.below(at, number) for at in earlier])
    last = AppliedSequence(Sha(""), None)
    for at, walked in zip(earlier, singles, strict=True):
        line = look.below(at, number)
        if walked.at is not None and line[walked.at] == number:
            earlier, last = [at], walked
            break
    else:
        (last,) = look.walk([look.below(*earlier, number)])
        for at in tuple(earlier):
            smaller = [other for other in earlier if at not in look.below(other)]
            line = look.below(*smaller, number)
            (walked,) = look.walk([line])
            if walked.at is not None and line[walked.at] == number:
                earlier, last = smaller, walked
    tops = [
        at for at in earlier if not any(at in look.below(other) for other in earlier if other != at)
    ]
    others = tuple(parts[at].task for at in tops)
    conflict = Conflict(parts[number].task, others, paths, last.clash)
    return conflict, (parts[number].start, last.tree)
