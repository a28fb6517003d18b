"""Who wrote each line of the train, carried along from member to member.

A fold: `post` enters one file of one member's change. Afterwards every line of a file has
its owners (the target, hunks of members; several where they wrote the same), every hunk
knows who took its lines away, and every line that the target lost has the member that
removed it. Files that no member touched are not opened.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import field

from wtman.formats.three_way import BOTH, CLASH, THEIRS, Piece
from wtman.merge.proof.compare import Trial
from wtman.merge.proof.three_way import is_token, woven
from wtman.model.changes import Comparison, Lines
from wtman.model.values import dataclass

Owners = tuple[int, ...]
TARGET = 0  # every other owner is the number of a hunk
_OF_TARGET: Owners = (TARGET,)


@dataclass(slots=True)
class Hunk:
    """One change of a member: `added` lines are its, `removed` were there before.

    `gone` counts its lines that later members took away, `undone` are members that put
    back what it removed.
    """

    member: int
    added: int
    removed: Lines
    gone: Counter[int] = field(default_factory=Counter)
    undone: set[int] = field(default_factory=set)
    adapted: bool = False

    @property
    def successors(self) -> set[int]:
        return set(self.gone) | self.undone


@dataclass(slots=True)
class Ledger:
    """`files` are the owners of each line, by path; `taken` lines of the target by member."""

    hunks: list[Hunk] = field(default_factory=lambda: [Hunk(-1, 0, ())])
    files: dict[str, list[Owners]] = field(default_factory=dict)
    plain: set[str] = field(default_factory=set)  # files that are no text
    modes: dict[str, int] = field(default_factory=dict)
    removals: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    external: Counter[int] = field(default_factory=Counter)
    total: int = 0  # lines of the target in the files that were opened

    @property
    def kept(self) -> int:
        """Lines of the target in those files that are still there."""
        return sum(
            owners.count(_OF_TARGET) + sum(TARGET in item for item in owners if len(item) > 1)
            for path, owners in self.files.items()
            if path not in self.plain
        )


@dataclass(frozen=True, slots=True)
class ExpectedFile:
    """What a file must hold after a member, and whose each line is (unknown where shorter)."""

    lines: Lines
    owners: list[Owners]

    def owner(self, at: int) -> int:
        """The last who wrote it."""
        return (self.owners[at] or _OF_TARGET)[-1] if at < len(self.owners) else TARGET


def post(ledger: Ledger, member: int, earlier: frozenset[int], trial: Trial) -> ExpectedFile:
    """Enter the change of `member` to the lines of a file.

    `earlier` are the members that its start had already. Without `fills` a clash has all of
    both sides.
    """
    claim, pieces, ours, theirs = trial.claim, trial.pieces or (), trial.ours, trial.theirs
    before = _opened(ledger, claim.at, ours.new)
    first = len(ledger.hunks)
    for span in theirs.spans:
        removed = theirs.old[span.a0 : span.a1]
        ledger.hunks.append(Hunk(member, span.b1 - span.b0, removed))
    text = not is_token(ours.new)
    lines = trial.result if trial.fills else woven(pieces, ours.new, theirs.new)
    owners: list[Owners] = []
    waiting = iter(trial.fills)
    for piece in pieces:
        mine = before[piece.o0 : piece.o1]
        own: Owners = (first + piece.hunks.start,)
        if piece.who == THEIRS:
            _take(ledger, member, mine, text)
            owners += [own] * (piece.t1 - piece.t0)
        elif piece.who == BOTH:
            owners += _shared(mine, piece, theirs, first)
        elif piece.who == CLASH:
            for number in piece.hunks:
                ledger.hunks[first + number].adapted = True
            if trial.fills:
                made = trial.result[slice(*next(waiting))]
                sides = ours.new[piece.o0 : piece.o1], theirs.new[piece.t0 : piece.t1]
                owners += _clashed(ledger, member, sides, mine, made, own)
            else:
                owners += mine + [own] * (piece.t1 - piece.t0)
        else:
            owners += mine
    added = [theirs.new[span.b0 : span.b1] for span in theirs.spans]
    _restored(ledger, earlier, member, claim.to, added)
    ledger.removals[claim.to] += [
        first + n for n, span in enumerate(theirs.spans) if span.b0 == span.b1 and span.a0 < span.a1
    ]
    store(ledger, claim.at, claim.to, owners, text=not is_token(lines))
    return ExpectedFile(lines, owners)


def store(ledger: Ledger, at: str, to: str, owners: list[Owners], *, text: bool) -> None:
    """The file `at` is now `to`, with these owners."""
    carry(ledger, at, to)
    ledger.files[to] = owners
    (ledger.plain.discard if text else ledger.plain.add)(to)


def carry(ledger: Ledger, at: str, to: str) -> None:
    """The file `at` is now `to`, else unchanged."""
    if at == to:
        return
    if at in ledger.files:
        ledger.files[to] = ledger.files.pop(at)
    if at in ledger.modes:
        ledger.modes[to] = ledger.modes.pop(at)
    if at in ledger.removals:
        ledger.removals[to] += ledger.removals.pop(at)
    if at in ledger.plain:
        ledger.plain.remove(at)
        ledger.plain.add(to)


def drop(ledger: Ledger, member: int, path: str) -> None:
    """The file is gone, and with it what lines it still had."""
    _take(ledger, member, ledger.files.pop(path, ()), path not in ledger.plain)
    ledger.plain.discard(path)


def post_mode(ledger: Ledger, member: int, path: str) -> None:
    """Enter that `member` changed a file's mode."""
    ledger.hunks.append(Hunk(member, 0, ()))
    earlier = ledger.modes.get(path)
    if earlier is not None:
        ledger.hunks[earlier].gone[member] += 1
    ledger.modes[path] = len(ledger.hunks) - 1


def _opened(ledger: Ledger, path: str, lines: Lines) -> list[Owners]:
    """Owners of the file as it is; one that no member has changed is the target's."""
    owners = ledger.files.get(path)
    text = not is_token(lines)
    if owners is None:
        ledger.total += len(lines) * text
        return [_OF_TARGET] * len(lines)
    if len(owners) == len(lines):
        return owners
    # It was text and is none any more, or the other way round: lines do not compare.
    if path not in ledger.plain:
        ledger.total -= sum(TARGET in item for item in owners)
    merged = tuple(dict.fromkeys(owner for item in owners for owner in item))
    merged = tuple(owner for owner in merged if owner != TARGET or not text)
    return [merged] * len(lines)


def _take(ledger: Ledger, member: int, lost: Sequence[Owners], text: bool) -> None:
    for owners in lost:
        for owner in owners:
            if owner == TARGET:
                ledger.external[member] += text
            else:
                ledger.hunks[owner].gone[member] += 1


def _shared(mine: list[Owners], piece: Piece, theirs: Comparison, first: int) -> list[Owners]:
    """Both did the same: its lines have one owner more."""
    owners = list(mine)
    for number in piece.hunks:
        span = theirs.spans[number]
        for at in range(span.b0 - piece.t0, span.b1 - piece.t0):
            owners[at] = (*owners[at], first + number)
    return owners


def _clashed(
    ledger: Ledger,
    member: int,
    sides: tuple[Lines, Lines],
    mine: list[Owners],
    made: Lines,
    own: Owners,
) -> list[Owners]:
    """Somebody made one of two: each line goes to whoever has it, the tip first.

    A line that neither has as it is was made of one of each, and is both sides'.
    """
    pool: dict[bytes, list[int]] = defaultdict(list)
    for at in range(len(mine) - 1, -1, -1):
        pool[sides[0][at]].append(at)
    found = [pool[line].pop() if pool.get(line) else None for line in made]
    left = sorted(at for rest in pool.values() for at in rest)
    theirs = set(sides[1])
    owners: list[Owners] = []
    for place, line in zip(found, made, strict=True):
        if place is not None:
            owners.append(mine[place])
        elif left and line not in theirs:
            owners.append((*mine[left.pop(0)], *own))
        else:
            owners.append(own)
    _take(ledger, member, [mine[at] for at in left], True)
    return owners


def _restored(
    ledger: Ledger, earlier: frozenset[int], member: int, path: str, added: Sequence[Lines]
) -> None:
    """Note who put back what an earlier member, known to it, had removed here."""
    for number in ledger.removals.get(path, ()):
        hunk = ledger.hunks[number]
        if hunk.member in earlier and any(_inside(hunk.removed, lines) for lines in added):
            hunk.undone.add(member)


def _inside(part: Lines, whole: Lines) -> bool:
    size = len(part)
    return any(line.strip() for line in part) and any(
        whole[at : at + size] == part for at in range(len(whole) - size + 1)
    )
