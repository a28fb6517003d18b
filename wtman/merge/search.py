"""Which branches land together: the whole search of a merge, as a pure function.

`next_step` is run again from the start on every turn over the journalled verdicts,
and asks for what is missing or decides: no state is kept, so a resume is the same
call. Promises: one candidate where everything is green; textual conflicts cost no check
run; what lands was judged green as exactly that set; no branch could be added to it
without completing a clash; as many land as can, unless clashes are so many that
looking for the best choice would cost more than it brings; each culprit is
smallest, and no other branch is blamed. The empty set is never judged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from wtman.journal.events import CandidateJudged, Excluded
from wtman.journal.state import red_text
from wtman.merge.combinations import Decision, retried
from wtman.merge.culprits import Culprit, Group, Key, Steps, first_fault, is_good
from wtman.merge.one_by_one import crowded, one_by_one
from wtman.merge.selection import Member, MemberOrder, arrange, kept
from wtman.merge.units import Units, grouped, left_with
from wtman.model.check import Verdict
from wtman.model.ids import Sha, TaskId
from wtman.model.values import dataclass
from wtman.provision.command_text import by_hand


@dataclass(frozen=True, slots=True)
class Ask:
    """These sets have to be judged before the search can go on; they may run at once."""

    candidates: tuple[Key, ...]


def next_step(
    members: Sequence[Member],
    candidates: Mapping[Key, CandidateJudged],
    width: int = 1,
    *,
    unchecked: bool = False,
) -> Ask | Decision:
    """The next candidates, or who lands. `members` come in dependency order.

    `width` is how many candidates may run at once; `unchecked` lets a tree land that no
    check has judged.
    """
    units = grouped(members)
    walk = _told(units, max(width, 1))
    try:
        batch = next(walk)
        while True:
            missing = tuple(dict.fromkeys(key for key in batch if key not in candidates))
            if missing:
                return Ask(missing)
            if not unchecked and any(_unjudged(candidates[key]) for key in batch):
                return _unverified(members)
            batch = walk.send({key: candidates[key] for key in batch})
    except StopIteration as stop:
        found: Decision = stop.value[0]
        left = _excluded(units, found, stop.value[1], candidates)
    return replace(found, landing=units.key(found.landing), excluded=left)


def _told(units: Units, width: int) -> Steps[tuple[Decision, Mapping[TaskId, Culprit]]]:
    """The search, and for each member that does not land the branches that are the reason."""
    found = yield from units.run(search(units.wholes, width))
    order = arrange(units.wholes)
    landing = frozenset(found.landing)
    guilty: dict[TaskId, Culprit] = {}
    for name in order.ids:
        culprit = _reason(name, found.culprits, landing | order.below[name])
        if name not in landing and culprit is not None:
            named = yield from units.guilty(name, culprit, width)
            if named is not None:
                guilty[name] = named
    return found, guilty


def passed(candidate: CandidateJudged, *, unchecked: bool = False) -> bool:
    """Whether the set of this candidate may land."""
    return bool(candidate.commit) and is_good(candidate) and (unchecked or not _unjudged(candidate))


def search(members: Sequence[Member], width: int) -> Steps[Decision]:
    """The search as a generator: yields batches of sets, receives their verdicts."""
    order = arrange(members)
    culprits: list[Culprit] = []
    greens: list[Group] = []
    given_up: set[TaskId] = set()
    while True:
        chosen = kept(order, (culprit.members for culprit in culprits), given_up)
        line = [name for name in order.line if name in chosen]
        if not line:
            break
        shown = sum(culprit.kind != "conflict" and not culprit.pointed for culprit in culprits)
        found, order = yield from first_fault(order, line, greens, shown, width)
        if not found:
            break
        culprits += found
        if _tangled(culprits, len(order.ids)):
            given_up.add(found[0].task)
        elif crowded(order, line, culprits, greens):
            more, order = yield from one_by_one(order, line, culprits, greens, width)
            culprits += more
    return (yield from retried(order, order.key(line), culprits, given_up, width))


def _tangled(culprits: Sequence[Culprit], members: int) -> bool:
    """Whether clashes are so many that the best choice is not worth its candidates any more.

    Of n branches that all clash with each other one lands whatever is tried, but each
    of the n * (n - 1) / 2 pairs would be looked at.
    """
    pairs = sum(culprit.kind == "interaction" for culprit in culprits)
    conflicts = len({culprit.candidate for culprit in culprits if culprit.kind == "conflict"})
    return pairs > 8 + members // 8 or conflicts > 8 + 4 * members


# --- in words -----------------------------------------------------------------------------------


def _unjudged(candidate: CandidateJudged) -> bool:
    return candidate.conflict is None and candidate.verdict is Verdict.UNCHECKED


def _unverified(members: Sequence[Member]) -> Decision:
    why = "no check has judged the merged tree; --unchecked lets it land all the same"
    excluded = tuple(Excluded(item.id, "unverified", evidence=why) for item in members)
    return Decision((), excluded=excluded)


def _excluded(
    units: Units,
    found: Decision,
    guilty: Mapping[TaskId, Culprit],
    candidates: Mapping[Key, CandidateJudged],
) -> tuple[Excluded, ...]:
    """Every branch that does not land. Of a unit the others follow the one that is the reason."""
    order = arrange(units.wholes)
    landing = frozenset(found.landing)
    out: list[Excluded] = []
    for name in order.ids:
        if name in landing:
            continue
        own = units.parts[name]
        culprit = _reason(name, found.culprits, landing | order.below[name])
        named = guilty.get(name)
        if culprit is None:
            missing = order.key((order.below[name] - {name}) - landing)
            told = [Excluded(part, "unverified", missing, follows=True) for part in own]
        elif named is None:
            # No part is red by itself: it is the unit as a whole.
            others = order.key(culprit.members - {name})
            proof = candidates[units.key(culprit.candidate)]
            told = [_failing(part, culprit.kind, others, proof) for part in own]
        else:
            told = [_told_of(units.leaves, part, named, candidates) for part in own]
            if named.kind == "conflict":
                instead, choice = _choice(order, name, found.culprits, landing)
                told = [
                    replace(item, instead=instead, choice=choice)
                    if item.reason == "conflict"
                    else item
                    for item in told
                ]
        unit = name if own != (name,) else TaskId("")
        out += [replace(item, unit=unit) for item in told]
    return tuple(out)


def _told_of(
    order: MemberOrder, name: TaskId, culprit: Culprit, candidates: Mapping[Key, CandidateJudged]
) -> Excluded:
    """Why a branch does not land: as a part of the clash, or with one that is in its unit."""
    if name not in culprit.members:
        unit = order.member[name].unit
        mine = (other for other in culprit.members if order.member[other].unit == unit)
        return left_with(name, unit, order.key(mine))
    if culprit.kind == "conflict":
        return _conflicting(order, name, culprit, candidates)
    others = order.key(culprit.members - {name})
    return _failing(name, culprit.kind, others, candidates[culprit.candidate])


def _reason(name: TaskId, culprits: Sequence[Culprit], included: Group) -> Culprit | None:
    """The clash that excludes `name`: of those with what lands, the smallest."""
    mine = [culprit for culprit in culprits if name in culprit.members]
    with_landing = [culprit for culprit in mine if culprit.members <= included]
    return min(with_landing or mine, key=lambda culprit: len(culprit.members), default=None)


def _choice(
    order: MemberOrder, name: TaskId, culprits: Sequence[Culprit], landing: Group
) -> tuple[tuple[TaskId, ...], str]:
    """Why this one of those that clash stays behind: who lands instead, or a reason."""
    mine = [culprit.members - {name} for culprit in culprits if name in culprit.members]
    others = [members for members in mine if members and members <= landing]
    if len(others) > 1:
        return order.key(frozenset().union(*others)), ""
    if len(order.above[name] - {name}) < min(
        (len(order.above[other] - {other}) for members in others for other in members), default=0
    ):
        return (), "others need the one that stays"
    if others and all(order.ids.index(name) > order.ids.index(other) for other in others[0]):
        return (), "of those that conflict the last is excluded"
    return (), ""


def _conflicting(
    order: MemberOrder, name: TaskId, culprit: Culprit, candidates: Mapping[Key, CandidateJudged]
) -> Excluded:
    others = order.key(culprit.members - {name})
    ours = order.member[others[-1]].head if others else candidates[culprit.candidate].on
    theirs = order.member[name].head
    if culprit.side:
        ours, theirs = culprit.side, order.member[culprit.task].head
    return Excluded(
        name,
        "conflict",
        others,
        culprit.paths,
        reproduce=f"git merge-tree --write-tree --name-only {ours} {theirs}",
        clash=culprit.clash,
        commits=(ours, theirs),
    )


def _failing(
    name: TaskId, kind: str, others: tuple[TaskId, ...], candidate: CandidateJudged
) -> Excluded:
    red = next((item for item in candidate.results if item.verdict is Verdict.RED), None)
    commit = Sha(red.commit) if red is not None and red.commit else candidate.commit
    return Excluded(
        name,
        kind,
        others,
        evidence=red_text(candidate),
        reproduce=by_hand(commit, red.command if red is not None else "") if commit else "",
        commits=(commit,) if commit else (),
    )
