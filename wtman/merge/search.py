"""Which branches land together: the whole search of a merge, as a pure function.

`next_step` is run again from the start on every turn over the journalled verdicts,
and asks for what is missing or decides: no state is kept, so a resume is the same
call. Promises: one probe where everything is green; textual conflicts cost no check
run; what boards was probed green as exactly that set; nobody could be added to it
without completing a clash; as many land as can, unless clashes are so many that
looking for the best choice would cost more than it brings; each accused set is
smallest, and nobody else is accused. The empty set is never probed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from wtman.journal.events import CandidateJudged, Excluded
from wtman.journal.state import red_text
from wtman.merge.combinations import gathered
from wtman.merge.culprits import Culprit, Group, Key, Steps, first_fault, is_good
from wtman.merge.one_by_one import crowded, one_by_one
from wtman.merge.selection import Member, MemberOrder, arrange, kept
from wtman.model.check import Verdict
from wtman.model.ids import Sha, TaskId
from wtman.provision.command_text import by_hand


@dataclass(frozen=True, slots=True)
class Ask:
    """These sets have to be probed before the search can go on; they may run at once."""

    probes: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """Who lands. `board` is a set with a passed probe, or empty.

    `needs`: whom a branch turned out to need though its plan did not say so.
    """

    board: Key
    excluded: tuple[Excluded, ...] = ()
    flaky: tuple[str, ...] = ()
    needs: dict[str, tuple[TaskId, ...]] = field(default_factory=dict)
    blames: tuple[Culprit, ...] = ()


Search = Ask | Decision


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What the search alone knows; `next_step` puts it into words."""

    board: Key
    blames: tuple[Culprit, ...] = ()
    needs: dict[str, tuple[TaskId, ...]] = field(default_factory=dict)


def next_step(
    members: Sequence[Member],
    probes: Mapping[Key, CandidateJudged],
    width: int = 1,
    *,
    unchecked: bool = False,
) -> Search:
    """The next probes, or who lands. `members` come in dependency order.

    `width` is how many probes may run at once; `unchecked` lets a tree board that no
    check has judged.
    """
    walk = search(members, max(width, 1))
    try:
        batch = next(walk)
        while True:
            missing = tuple(dict.fromkeys(key for key in batch if key not in probes))
            if missing:
                return Ask(missing)
            if not unchecked and any(_unjudged(probes[key]) for key in batch):
                return _unverified(members)
            batch = walk.send({key: probes[key] for key in batch})
    except StopIteration as stop:
        found: SearchResult = stop.value
    excluded = _left_out(arrange(members), found, probes)
    return Decision(found.board, excluded, (), found.needs, found.blames)


def passed(probe: CandidateJudged, *, unchecked: bool = False) -> bool:
    """Whether the set of this probe may land."""
    return bool(probe.commit) and is_good(probe) and (unchecked or not _unjudged(probe))


def search(members: Sequence[Member], width: int) -> Steps[SearchResult]:
    """The search as a generator: yields batches of sets, receives their verdicts."""
    order = arrange(members)
    blames: list[Culprit] = []
    greens: list[Group] = []
    given_up: set[TaskId] = set()
    while True:
        chosen = kept(order, (blame.members for blame in blames), given_up)
        line = [name for name in order.line if name in chosen]
        if not line:
            break
        shown = sum(blame.kind != "conflict" and not blame.pointed for blame in blames)
        found, order = yield from first_fault(order, line, greens, shown, width)
        if not found:
            break
        blames += found
        if _tangled(blames, len(order.ids)):
            given_up.add(found[0].task)
        elif crowded(order, line, blames, greens):
            swept, order = yield from one_by_one(order, line, blames, greens, width)
            blames += swept
    more = yield from gathered(order, order.key(line), blames, given_up, width)
    return SearchResult(more.board, more.blames, more.needs)


def _tangled(blames: Sequence[Culprit], members: int) -> bool:
    """Whether clashes are so many that the best choice is not worth its probes any more.

    Of n branches that all clash with each other one lands whatever is tried, but each
    of the n * (n - 1) / 2 pairs would be looked at.
    """
    pairs = sum(blame.kind == "interaction" for blame in blames)
    conflicts = len({blame.probe for blame in blames if blame.kind == "conflict"})
    return pairs > 8 + members // 8 or conflicts > 8 + 4 * members


# --- in words -----------------------------------------------------------------------------------


def _unjudged(probe: CandidateJudged) -> bool:
    return probe.conflict is None and probe.verdict is Verdict.UNCHECKED


def _unverified(members: Sequence[Member]) -> Decision:
    why = "no check has judged the merged tree; --unchecked lets it land all the same"
    return Decision((), tuple(Excluded(item.id, "unverified", evidence=why) for item in members))


def _left_out(
    order: MemberOrder, found: SearchResult, probes: Mapping[Key, CandidateJudged]
) -> tuple[Excluded, ...]:
    board = frozenset(found.board)
    out: list[Excluded] = []
    for name in order.ids:
        if name in board:
            continue
        missing = order.key((order.below[name] - {name}) - board)
        blame = _reason(name, found.blames, board | order.below[name])
        if blame is None:
            out.append(Excluded(name, "unverified", missing))
        elif blame.kind == "conflict":
            instead, choice = _choice(order, name, found.blames, board)
            item = _conflicting(order, name, blame, probes)
            out.append(replace(item, instead=instead, choice=choice))
        else:
            out.append(_failing(order, name, blame, probes))
    return tuple(out)


def _reason(name: TaskId, blames: Sequence[Culprit], aboard: Group) -> Culprit | None:
    """The clash that keeps `name` off: of those with the board, the smallest."""
    mine = [blame for blame in blames if name in blame.members]
    with_board = [blame for blame in mine if blame.members <= aboard]
    return min(with_board or mine, key=lambda blame: len(blame.members), default=None)


def _choice(
    order: MemberOrder, name: TaskId, blames: Sequence[Culprit], board: Group
) -> tuple[tuple[TaskId, ...], str]:
    """Why this one of those that clash stays behind: who lands instead, or a reason."""
    mine = [blame.members - {name} for blame in blames if name in blame.members]
    others = [members for members in mine if members and members <= board]
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
    order: MemberOrder, name: TaskId, blame: Culprit, probes: Mapping[Key, CandidateJudged]
) -> Excluded:
    others = order.key(blame.members - {name})
    ours = order.member[others[-1]].head if others else probes[blame.probe].on
    theirs = order.member[name].head
    if blame.side:
        ours, theirs = blame.side, order.member[blame.task].head
    return Excluded(
        name,
        "conflict",
        others,
        blame.paths,
        reproduce=f"git merge-tree --write-tree --name-only {ours} {theirs}",
        clash=blame.clash,
        commits=(ours, theirs),
    )


def _failing(
    order: MemberOrder, name: TaskId, blame: Culprit, probes: Mapping[Key, CandidateJudged]
) -> Excluded:
    probe = probes[blame.probe]
    red = next((item for item in probe.results if item.verdict is Verdict.RED), None)
    commit = Sha(red.commit) if red is not None and red.commit else probe.commit
    return Excluded(
        name,
        blame.kind,
        order.key(blame.members - {name}),
        evidence=red_text(probe),
        reproduce=by_hand(commit, red.command if red is not None else "") if commit else "",
        commits=(commit,) if commit else (),
    )
