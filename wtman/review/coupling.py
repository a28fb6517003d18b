"""Which branches meet: in the same paths, or where one uses what another changes.

Pure. Two branches that merge without a conflict can still be wrong together; whoever
meets gets a reviewer for the two. Imports are read from the text of changed files, for
Python and for JavaScript's relative ones; other languages meet by path only.
"""

from collections.abc import Collection, Mapping
from itertools import combinations

from wtman.formats.imports import is_used, uses
from wtman.journal.events import Coupling
from wtman.model.ids import TaskId
from wtman.model.values import dataclass
from wtman.text.words import listed

_CLUSTER = 4  # branches that one reviewer can hold together
_MOST = 40  # couplings; a thousand branches in one file are told by the first of them
_NAMED = 3


@dataclass(frozen=True, slots=True)
class BranchWork:
    """What a branch does: the paths that it changes, and the text of those it has now."""

    paths: frozenset[str]
    texts: Mapping[str, str]


def couplings(
    works: Mapping[TaskId, BranchWork], bound: Collection[frozenset[TaskId]]
) -> tuple[Coupling, ...]:
    """The branches that meet, each pair or small cluster once; `bound` are pairs of which one
    was built on the other."""
    used = {task: uses(work.texts) for task, work in works.items()}
    pairs: dict[frozenset[TaskId], str] = {}
    for one, two in combinations(works, 2):
        if (both := frozenset((one, two))) not in bound and (why := _why(one, two, works, used)):
            pairs[both] = why
    found: list[Coupling] = []
    order = {task: at for at, task in enumerate(works)}
    for group in _clusters(pairs):
        inside = [pair for pair in pairs if pair <= group]
        names = [group] if len(group) <= _CLUSTER else inside
        for name in names:
            members = tuple(sorted(name, key=order.__getitem__))
            why = "; ".join(dict.fromkeys(pairs[pair] for pair in inside if pair <= name))
            found.append(Coupling(members, why))
    found.sort(key=lambda item: [order[task] for task in item.members])
    return tuple(found[:_MOST])


def _why(
    one: TaskId,
    two: TaskId,
    works: Mapping[TaskId, BranchWork],
    used: Mapping[TaskId, frozenset[str]],
) -> str:
    both = sorted(works[one].paths & works[two].paths)
    if both:
        return f"both change {listed(both, _NAMED)}"
    for user, other in ((one, two), (two, one)):
        met = sorted(path for path in works[other].paths if is_used(path, used[user]))
        if met:
            return f"{user} uses {listed(met, _NAMED)}, which {other} changes"
    return ""


def _clusters(pairs: Collection[frozenset[TaskId]]) -> list[frozenset[TaskId]]:
    groups: list[set[TaskId]] = []
    for pair in pairs:
        meeting = [group for group in groups if group & pair]
        groups = [group for group in groups if not group & pair]
        groups.append(set(pair).union(*meeting))
    return [frozenset(group) for group in groups]
