"""What each landed branch asked for, path by path, and what it got.

Pure, and about names of contents only: no file is read here. Follows the train from the
target on, so that for every path the four versions are known that a proof compares: the
branch's start (`base`), its head, and the tip before and after it landed (`prev`, `next`).
Where one side renamed a file that the other changed there are several ways to read it;
all are listed, and only contents can say which one is true.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace

from wtman.model.changes import Change, Entry, Pair
from wtman.model.ids import TaskId
from wtman.model.values import dataclass

_CANDIDATES = 40


@dataclass(frozen=True, slots=True)
class MemberStep:
    """One member: its own change, what it did to the tip, and start -> target for its start."""

    task: TaskId
    needs: tuple[TaskId, ...]
    own: tuple[Change, ...]
    landed: tuple[Change, ...]
    moved: Mapping[str, Change]


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file of a member's change. The paths differ where somebody renamed it.

    `path` and `to_path` are the branch's, `at` is where the tip had it, `to` where the
    tip must have it now.
    """

    path: str
    to_path: str
    at: str
    to: str
    base: Entry | None
    head: Entry | None
    prev: Entry | None
    next: Entry | None

    @property
    def common(self) -> Entry | None:
        """What both sides changed; nothing where both made a file of something else."""
        base, head, prev = self.base, self.head, self.prev
        files = head is not None and head.regular and prev is not None and prev.regular
        return None if base and files and not base.regular else base

    @property
    def pairs(self) -> Iterator[Pair]:
        """The contents that have to be compared to judge it."""
        yield from _pair(self.common, self.head)
        yield from _pair(self.common, self.prev)
        if self.next not in (self.head, self.prev):
            yield from _pair(self.prev, self.next)


@dataclass(frozen=True, slots=True)
class ExpectedChanges:
    """A step's claims. `moves` are readings as a rename, the likeliest first.

    `strays` are paths of the tip that changed though the branch has no change there.
    """

    step: MemberStep
    claims: dict[str, FileChange]
    moves: tuple[FileChange, ...] = ()
    strays: tuple[Change, ...] = ()
    pairs: frozenset[Pair] = field(default=frozenset())


def plans(steps: Sequence[MemberStep]) -> list[ExpectedChanges]:
    """The claims of each step, in order."""
    tip = _Tip()
    found = []
    for step in steps:
        found.append(_plan(tip, step))
        tip.advance(step)
    return found


def expected(claim: FileChange) -> tuple[bool, Entry | None]:
    """(known by name alone, what must be there): the three-way rule on whole entries."""
    base, head, prev = claim.base, claim.head, claim.prev
    if base == prev:
        return True, head
    if prev in (base, head) or head == base:
        return True, prev
    if base is None or head is None or prev is None:
        return False, None
    mode, oid = merged_mode(claim), _three(base.oid, head.oid, prev.oid)
    if mode is None or oid is None:
        return False, None
    return True, Entry(mode, oid)


def merged_mode(claim: FileChange) -> str | None:
    """The mode that both sides together give; None where they differ."""
    modes = [item.mode if item else "" for item in (claim.base, claim.head, claim.prev)]
    return _three(*modes) or None


def _three(base: str, head: str, prev: str) -> str | None:
    if base == prev or head == prev:
        return head
    return prev if base == head else None


@dataclass(slots=True)
class _Tip:
    """Where the train stands: only paths that it changed, and what the target had there."""

    now: dict[str, Entry | None] = field(default_factory=dict)
    first: dict[str, Entry | None] = field(default_factory=dict)

    def advance(self, step: MemberStep) -> None:
        for change in step.landed:
            self.first.setdefault(change.path, change.old)
            self.now[change.path] = change.new

    def at(self, step: MemberStep, path: str, base: Entry | None) -> Entry | None:
        """The tip's entry, for a path that the start has as `base`."""
        if path in self.now:
            return self.now[path]
        moved = step.moved.get(path)
        return moved.new if moved else base

    def base_of(self, step: MemberStep, path: str, prev: Entry | None) -> Entry | None:
        """The start's entry, for a path that the branch left alone."""
        moved = step.moved.get(path)
        return moved.old if moved else self.first.get(path, prev)


def _plan(tip: _Tip, step: MemberStep) -> ExpectedChanges:
    landed = {change.path: change for change in step.landed}
    claims: dict[str, FileChange] = {}
    for change in step.own:
        path = change.path
        prev = tip.at(step, path, change.old)
        after = landed[path].new if path in landed else prev
        claims[path] = FileChange(path, path, path, path, change.old, change.new, prev, after)
    _apart(claims)
    strays = tuple(change for path, change in landed.items() if path not in claims)
    moves = tuple(_moves(tip, step, claims, strays))
    pairs = {pair for claim in (*claims.values(), *moves) for pair in claim.pairs}
    pairs |= {pair for change in strays for pair in _pair(change.old, change.new)}
    return ExpectedChanges(step, claims, moves, strays, frozenset(pairs))


def _apart(claims: dict[str, FileChange]) -> None:
    """Both sides moved a file to one place, and one put something of another kind in its stead.

    The newcomer has nothing in common with what was there: it is an addition. Git's merge reads
    it so too (merge-ort.c, process_renames: "this was really a double rename").
    """
    moved = {
        it.head.oid for it in claims.values() if not it.base and it.head and it.head == it.prev
    }
    for path, claim in claims.items():
        newcomer = claim.head or claim.prev
        only = claim.head is None or claim.prev is None
        if not (claim.base and claim.base.oid in moved and newcomer and only):
            continue
        if newcomer.mode[:2] != claim.base.mode[:2]:
            claims[path] = replace(claim, base=None)


def _moves(
    tip: _Tip, step: MemberStep, claims: Mapping[str, FileChange], strays: Sequence[Change]
) -> Iterator[FileChange]:
    sources = [claim for claim in claims.values() if claim.head is None and claim.base]
    adds = [claim for claim in claims.values() if claim.base is None]
    free = [item for item in adds if item.prev is None and item.head]
    known: dict[str, list[FileChange]] = {"": free} if len(free) == 1 else {}
    for item in free:
        for key in (item.head.oid if item.head else "", _name(item.path)):
            known.setdefault(key, []).append(item)
    for claim in sources:
        if claim.prev == claim.base:
            for to in _obvious(claim, known):
                yield _by_member(claim, to)
                known.pop("", None)
                for key in (to.head.oid if to.head else "", _name(to.path)):
                    known[key] = [item for item in known[key] if item is not to]
        elif claim.prev is not None:
            yield from (_by_member(claim, to) for to in _near(claim, free))
        else:
            external = [item for item in adds if item.prev not in (None, item.head)]
            for to in _near(claim, external):  # both sides moved it to the same place
                yield replace(to, path=claim.path, base=claim.base)
    lost = [item for item in claims.values() if item.base and item.head and item.prev is None]
    if lost:
        came = _appeared(tip, step, claims, strays)
        for claim in lost:
            for to in _near(claim, came):  # another branch moved it
                yield replace(claim, at=to.path, to=to.path, prev=to.prev, next=to.next)


def _by_member(source: FileChange, to: FileChange) -> FileChange:
    """The member's own rename: the tip has the file at its old place still."""
    return replace(to, path=source.path, at=source.path, base=source.base, prev=source.prev)


def _near(claim: FileChange, others: Sequence[FileChange]) -> list[FileChange]:
    """Where the file of `claim` may have gone, the likeliest first."""
    name = _name(claim.path)

    def rank(item: FileChange) -> tuple[bool, bool]:
        alike = claim.base in (item.head, item.prev) or _name(item.path) == name
        return not _unexplained(item), not alike

    return sorted(others, key=rank)[:_CANDIDATES]


def _obvious(claim: FileChange, known: Mapping[str, list[FileChange]]) -> list[FileChange]:
    """The one added file that it became, for a rename that only keeps the history of lines."""
    same = claim.base.oid if claim.base else ""
    found = known.get(same) or known.get(_name(claim.path)) or known.get("")
    return [max(found, key=lambda item: _common_end(claim.path, item.path))] if found else []


def _common_end(one: str, two: str) -> int:
    size = 0
    while size < min(len(one), len(two)) and one[-1 - size] == two[-1 - size]:
        size += 1
    return size


def _unexplained(claim: FileChange) -> bool:
    known, entry = expected(claim)
    return not known or entry != claim.next


def _appeared(
    tip: _Tip, step: MemberStep, claims: Mapping[str, FileChange], strays: Sequence[Change]
) -> list[FileChange]:
    """Files of the tip that the start did not have and the branch does not touch."""
    changed = {change.path: change.new for change in strays}
    found = []
    for path in dict.fromkeys((*changed, *tip.now, *step.moved)):
        if path in claims:
            continue
        prev = tip.at(step, path, None)
        if prev is not None and tip.base_of(step, path, prev) is None:
            after = changed.get(path, prev)
            found.append(FileChange(path, path, path, path, None, None, prev, after))
    return found


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _pair(old: Entry | None, new: Entry | None) -> Iterator[Pair]:
    """The two contents, if they differ and both have lines or are not there."""
    if old == new or (old and not old.regular) or (new and not new.regular):
        return
    pair = (old.oid if old else "", new.oid if new else "")
    if pair[0] != pair[1]:
        yield pair
