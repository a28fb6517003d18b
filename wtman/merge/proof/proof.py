"""The conservation proof: nobody's work was lost when branches landed together.

Pure. For every member the tip before it, the tip after it, and its own change are held
against each other, path by path and hunk by hunk, by a three-way rule of its own: outside
of what the branch changed the tip is as it was, and where the branch changed something
the tip has the branch's lines. Since that holds for each step it holds for the whole: a
line that is gone was removed by a hunk of a branch that had it, and that is its author.
A clash that came out right is listed as adapted; one that nobody declared is right only
where all that either side wrote is kept and all that either removed is gone, each in its
place: whole lines, or the words of a line that both changed. Everything else is a violation,
and with one nothing may land.

Refuses to trust how the train was made: it knows trees and contents only.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field

from wtman.formats.three_way import CLASH
from wtman.merge.proof.blame import (
    TARGET,
    ExpectedFile,
    Hunk,
    Ledger,
    Owners,
    carry,
    drop,
    post,
    post_mode,
    store,
)
from wtman.merge.proof.compare import Contents, Trial, contents_of, held, is_move
from wtman.merge.proof.expected import (
    ExpectedChanges,
    FileChange,
    MemberStep,
    expected,
    merged_mode,
)
from wtman.merge.proof.three_way import is_token
from wtman.merge.proof.violations import Violation, line_faults, shown
from wtman.model.changes import Comparison, Pair
from wtman.model.ids import TaskId
from wtman.model.values import dataclass
from wtman.text.terminal import count

_LINES = 5  # violations told of one path in one step
_MOST = 100  # and of a whole train


@dataclass(frozen=True, slots=True)
class Superseded:
    """So many hunks were changed or undone by a later member, who had them in its base."""

    by: TaskId
    hunks: int


@dataclass(frozen=True, slots=True)
class Account:
    """What became of one member's change.

    `added` and `removed` are lines of its own diff; `deleted` are lines that the target
    lost to it, `deleted_files` the target's files that it took away.
    """

    task: TaskId
    hunks: int
    present: int
    superseded: int
    superseded_by: tuple[Superseded, ...]
    adapted: int
    added: int
    removed: int
    deleted: int
    deleted_files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Adaptation:
    """A file of a member that came out otherwise than it left it.

    `how`: `union` (both insertions are there), `adjacent lines` or `same line` (what each
    side changed there is), or `resolved`. `lost` are lines of either side that are not in the
    result, `repeated` counts lines that both sides wrote and that are there twice.
    """

    task: TaskId
    path: str
    how: str
    lost: tuple[str, ...]
    repeated: int


@dataclass(frozen=True, slots=True)
class Proof:
    """The proof as numbers. Lines are those of the target's files that the train changed.

    `more` counts violations beyond those listed.
    """

    proven: bool
    hunks: int
    present: int
    superseded: int
    adapted: int
    lines: int
    kept: int
    deleted: int
    members: tuple[Account, ...]
    adaptations: tuple[Adaptation, ...]
    violations: tuple[Violation, ...]
    more: int


def judge(
    claims: Sequence[ExpectedChanges],
    comparisons: Mapping[Pair, Comparison | None],
    *,
    resolved: Mapping[TaskId, Collection[str]] | None = None,
    unions: Collection[str] = (),
    broken: Iterable[Violation] = (),
) -> Proof:
    """The proof of a train, of the `claims` of its steps and the comparisons of their pairs.

    A comparison is None where one side is no text.
    `resolved` are paths in which something other than the three-way rule decided a clash,
    `unions` those of which the target's attributes want all lines of both sides kept;
    `broken` is what was wrong before anything could be compared.
    """
    steps = [plan.step for plan in claims]
    order = [step.task for step in steps]
    numbers = {task: at for at, task in enumerate(order)}
    book = _Book(order, contents_of(comparisons), violations=list(broken))
    for number, plan in enumerate(claims):
        book.number, book.earlier = number, _earlier(steps, numbers, number)
        free = frozenset((resolved or {}).get(plan.step.task, ()))
        _step(book, plan, free, frozenset(unions))
    return _proof(book)


# --- one step -------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Book:
    """`number` is the member whose step is entered, built on the `earlier` ones."""

    order: Sequence[TaskId]
    contents: Contents
    ledger: Ledger = field(default_factory=Ledger)
    violations: list[Violation] = field(default_factory=list)
    more: int = 0
    adaptations: list[Adaptation] = field(default_factory=list)
    files: dict[str, int] = field(default_factory=dict)  # the target's, by who deleted them
    own: Counter[tuple[int, bool]] = field(default_factory=Counter)  # lines (member, added)
    number: int = 0
    earlier: frozenset[int] = frozenset()

    @property
    def task(self) -> TaskId:
        return self.order[self.number]


def _step(book: _Book, plan: ExpectedChanges, free: frozenset[str], unions: frozenset[str]) -> None:
    done: set[str] = set()
    for claim in plan.moves:
        paths = {claim.path, claim.to_path, claim.to}
        if paths & done or not is_move(book.contents, plan, claim):
            continue
        trial = held(book.contents, claim, free=claim.to in free, union=claim.to in unions)
        if trial.right:
            done |= paths
            _enter(book, trial)
    for path, claim in plan.claims.items():
        if path not in done:
            _enter(book, held(book.contents, claim, free=path in free, union=path in unions))
    for change in plan.strays:
        if change.path not in done:
            where = (change.path,) * 4
            claim = FileChange(*where, change.old, change.old, change.old, change.new)
            _enter(book, held(book.contents, claim))


def _enter(book: _Book, trial: Trial) -> None:
    """Write the trial into the ledger, and what is wrong with it into the book."""
    claim, ledger, number = trial.claim, book.ledger, book.number
    hunks = len(ledger.hunks)
    made = ExpectedFile((), [])
    if trial.pieces is not None:
        made = post(ledger, number, book.earlier, trial)
        for span in trial.theirs.spans if not is_token(trial.theirs.new) else ():
            book.own[number, True] += span.b1 - span.b0
            book.own[number, False] += span.a1 - span.a0
    else:
        carry(ledger, claim.at, claim.to)
    if claim.base and claim.head and claim.base.mode != claim.head.mode:
        post_mode(ledger, number, claim.to)
    own = claim.base != claim.head or claim.path != claim.to_path
    if own and len(ledger.hunks) == hunks:
        # A file renamed as it is, or an empty one that came: a change without lines.
        ledger.hunks.append(Hunk(number, 0, ()))
    if trial.right and trial.clash:
        book.adaptations.append(_adapted(book.task, trial))
        if trial.pieces is None:
            for hunk in ledger.hunks[hunks:]:
                hunk.adapted = True
    if not trial.right:
        _wrong(book, trial, made)
    if claim.next is None:
        drop(ledger, number, claim.to)
        if claim.prev is not None and claim.base is not None:
            book.files[claim.to] = number
    else:
        book.files.pop(claim.to, None)


def _adapted(task: TaskId, trial: Trial) -> Adaptation:
    lost: list[bytes] = []
    repeated = 0
    clashes = [piece for piece in trial.pieces or () if piece.who == CLASH]
    inserts = bool(clashes) and (trial.union or all(piece.inserts for piece in clashes))
    whole = True
    for piece, fill in zip(clashes, trial.fills, strict=True):
        one = Counter(trial.ours.new[piece.o0 : piece.o1])
        two = Counter(trial.theirs.new[piece.t0 : piece.t1])
        made = Counter(trial.result[fill[0] : fill[1]])
        whole = whole and not made - (one + two)
        lost += ((one | two) - made).elements() if trial.decided else ()
        repeated += sum(
            min(made[line] - max(one[line], two[line]), two[line])
            for line in one
            if line in two and line.strip() and made[line] > max(one[line], two[line])
        )
    if lost or (trial.decided and not inserts):
        how = "resolved"
    else:
        how = "union" if inserts else "adjacent lines" if whole else "same line"
    return Adaptation(task, trial.claim.to, how, tuple(map(shown, lost[:20])), repeated)


# --- what is wrong --------------------------------------------------------------------------------


def _wrong(book: _Book, trial: Trial, made: ExpectedFile) -> None:
    claim = trial.claim
    # Whatever the words for it are, what is not right is never proven.
    found = list(_faults(book, trial, made)) or [Violation("foreign", book.task, claim.to, "", "")]
    room = max(0, min(_LINES, _MOST - len(book.violations)))
    book.violations += found[:room]
    book.more += len(found[room:])
    if claim.next is None or (trial.pieces is None and claim.to not in book.ledger.files):
        return
    # The next member meets the tip as it is, not as it should be.
    lines = book.contents.lines(claim.next)
    pool: dict[bytes, list[Owners]] = {}
    for line, owners in zip(made.lines, made.owners, strict=True):
        pool.setdefault(line, []).append(owners)
    kept = [pool[line].pop(0) if pool.get(line) else () for line in lines]
    store(book.ledger, claim.to, claim.to, kept, text=not is_token(lines))


def _faults(book: _Book, trial: Trial, made: ExpectedFile) -> Iterator[Violation]:
    claim, task = trial.claim, book.task
    path, after, ledger = claim.to, claim.next, book.ledger
    if trial.clash:
        yield Violation("clash", task, path, "", "")
        if trial.pieces is None:
            return
    known, entry = expected(claim)
    if known and entry is None:
        yield Violation("back" if claim.base else "foreign", task, path, "", "")
        return
    if after is None:
        yield Violation("lost", task, path, "", "" if claim.prev else task)
        return
    if merged_mode(claim) != after.mode:
        yield Violation("mode", task, path, "", "")
    if known and entry is not None and entry.oid == after.oid:
        return
    lines = book.contents.lines(after)
    if trial.pieces is None:
        made = ExpectedFile(book.contents.lines(claim.prev), ledger.files.get(claim.at, []))
    if made.lines == lines:
        return
    removed = {line for hunk in ledger.hunks for line in hunk.removed}

    def owner(number: int) -> str:
        return "" if number == TARGET else book.order[ledger.hunks[number].member]

    yield from line_faults(task, path, made, lines, owner, removed)


# --- in numbers -----------------------------------------------------------------------------------


def _earlier(
    steps: Sequence[MemberStep], numbers: Mapping[TaskId, int], number: int
) -> frozenset[int]:
    """Numbers of the members that a member was built on."""
    found: set[int] = set()
    stack = list(steps[number].needs)
    while stack:
        at = numbers.get(stack.pop())
        if at is not None and at not in found:
            found.add(at)
            stack += steps[at].needs
    return frozenset(found)


def _proof(book: _Book) -> Proof:
    ledger = book.ledger
    hunks: list[list[Hunk]] = [[] for _ in book.order]
    for hunk in ledger.hunks[1:]:
        hunks[hunk.member].append(hunk)
    files: list[list[str]] = [[] for _ in book.order]
    for path, who in book.files.items():
        files[who].append(path)
    accounts = tuple(_account(book, at, own, files[at]) for at, own in enumerate(hunks))
    deleted = sum(ledger.external.values())
    kept = ledger.kept
    violations = book.violations
    if ledger.total != kept + deleted and not violations:
        violations = [Violation("lost", book.order[-1], "", "", "")]
    return Proof(
        proven=not violations,
        hunks=sum(item.hunks for item in accounts),
        present=sum(item.present for item in accounts),
        superseded=sum(item.superseded for item in accounts),
        adapted=sum(item.adapted for item in accounts),
        lines=ledger.total,
        kept=kept,
        deleted=deleted,
        members=accounts,
        adaptations=tuple(book.adaptations),
        violations=tuple(violations),
        more=book.more,
    )


def _account(book: _Book, at: int, hunks: Sequence[Hunk], files: Sequence[str]) -> Account:
    adapted = [hunk for hunk in hunks if hunk.adapted]
    changed = [hunk for hunk in hunks if hunk.successors and not hunk.adapted]
    by = Counter(other for hunk in changed for other in hunk.successors)
    return Account(
        task=book.order[at],
        hunks=len(hunks),
        present=len(hunks) - len(adapted) - len(changed),
        superseded=len(changed),
        superseded_by=tuple(Superseded(book.order[other], by[other]) for other in sorted(by)),
        adapted=len(adapted),
        added=book.own[at, True],
        removed=book.own[at, False],
        deleted=book.ledger.external[at],
        deleted_files=tuple(sorted(files)),
    )


def summary(proof: Proof) -> str:
    """The proof in one line."""
    if not proof.proven:
        number = len(proof.violations) + proof.more
        return f"Integrity check failed: {count(number, 'violation')}"
    parts = [f"{proof.present} of {count(proof.hunks, 'hunk')} merged"]
    if proof.superseded:
        parts.append(f"{proof.superseded} superseded by a later branch")
    if proof.adapted:
        parts.append(f"{proof.adapted} adapted")
    return f"Integrity check passed: {', '.join(parts)}, no unrelated line removed"
