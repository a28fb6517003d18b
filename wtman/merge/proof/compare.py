"""One file of one member's change, held against what came out.

Pure. A claim says which four versions belong together; here their contents are read, and
the three-way rule says what the result must be: as it was where the branch changed
nothing, the branch's lines where it did. A clash, where both sides changed one place in
different ways, is right only where nothing of either was lost, or somebody declared it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import field

from wtman.formats.three_way import CLASH, Piece, weave
from wtman.merge.proof.expected import ExpectedChanges, FileChange, expected, merged_mode
from wtman.merge.proof.three_way import Fill, fit, is_token, same, token, whole, woven
from wtman.model.changes import Comparison, Entry, Lines, Pair
from wtman.model.values import dataclass

_ALIKE = 0.5  # of the lines, for a rename that nothing else makes known

# --- contents -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Contents:
    pairs: Mapping[Pair, Comparison | None]
    known: Mapping[str, Lines]

    def lines(self, entry: Entry | None) -> Lines:
        """Lines of a file, or the token of what has none."""
        if entry is None:
            return []
        lines = self.known.get(entry.oid) if entry.regular else None
        return token(entry.mode, entry.oid) if lines is None else lines

    def compared(self, old: Entry | None, new: Entry | None) -> Comparison:
        """Two entries; those that are no text differ as a whole."""
        one, two = self.lines(old), self.lines(new)
        if one == two:
            return same(one)
        texts = not is_token(one) and not is_token(two)
        pair = (old.oid if old else "", new.oid if new else "")
        found = self.pairs.get(pair) if texts else None
        if found is not None:
            return found
        return whole(_token(old), _token(new))

    def sides(
        self, base: Entry | None, prev: Entry | None, head: Entry | None
    ) -> tuple[Comparison, Comparison]:
        """base -> prev and base -> head, both by lines or neither."""
        ours, theirs = self.compared(base, prev), self.compared(base, head)
        if any(is_token(item) for one in (ours, theirs) for item in (one.old, one.new)):
            return _by_name(base, prev), _by_name(base, head)
        return ours, theirs


def _by_name(old: Entry | None, new: Entry | None) -> Comparison:
    one, two = _token(old), _token(new)
    return same(one) if one == two else whole(one, two)


def _token(entry: Entry | None) -> list[bytes]:
    return token(entry.mode, entry.oid) if entry else []


def contents_of(comparisons: Mapping[Pair, Comparison | None]) -> Contents:
    known: dict[str, Lines] = {}
    for (old, new), found in comparisons.items():
        if found is not None:
            known.setdefault(old, found.old)
            known.setdefault(new, found.new)
    return Contents(comparisons, known)


# --- trials ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trial:
    """A claim held against the contents. Without `pieces` the member left the lines alone."""

    claim: FileChange
    right: bool
    clash: bool = False
    ours: Comparison = field(default_factory=lambda: same(()))
    theirs: Comparison = field(default_factory=lambda: same(()))
    pieces: Sequence[Piece] | None = None
    fills: Sequence[Fill] = ()
    result: Lines = ()
    decided: bool = False  # something else than the three-way rule says what a clash holds
    union: bool = False  # all lines of both sides are to be in it


def is_move(contents: Contents, plan: ExpectedChanges, claim: FileChange) -> bool:
    """Whether the claim may be read as a rename: source gone, content recognisable."""
    source = plan.claims[claim.path]
    if claim.path != claim.to and source.next is not None:
        return False
    moved = claim.head if claim.path != claim.to_path else claim.prev
    if claim.base is None or moved is None:
        return False
    if claim.base.oid == moved.oid:
        return True
    compared = contents.compared(claim.base, moved)
    if is_token(compared.old) or is_token(compared.new):
        return False
    stayed = len(compared.old) - sum(span.a1 - span.a0 for span in compared.spans)
    explains = claim.prev not in (claim.base, None) or claim.head is not None
    longest = max(len(compared.old), len(compared.new))
    return stayed > 0 if explains and claim.prev != claim.base else stayed >= _ALIKE * longest


def held(
    contents: Contents, claim: FileChange, *, free: bool = False, union: bool = False
) -> Trial:
    """The claim against what came out; a clash may hold anything where `free`, see `fit`."""
    base, head, prev, after = claim.base, claim.head, claim.prev, claim.next
    if (base and not head and prev not in (None, base)) or (base and head and not prev):
        return Trial(claim, right=free, clash=True, decided=free)
    known, entry = expected(claim)
    right = after == entry
    if base and head and base.oid == head.oid and base.regular == head.regular:
        mode = merged_mode(claim)
        if not known and after and prev:
            right = after.oid == prev.oid and (mode == after.mode or (free and mode is None))
        return Trial(claim, right)
    ours, theirs = contents.sides(claim.common, prev, head)
    pieces = weave(ours, theirs, coarse=True)
    if known:
        return Trial(claim, right, False, ours, theirs, pieces)
    result = contents.lines(after)
    clash = any(piece.who == CLASH for piece in pieces)
    fills: list[Fill] | None = []
    if clash:
        fills = fit(pieces, ours, theirs, result, free=free, union=union)
        right = fills is not None
    else:
        right = woven(pieces, ours.new, theirs.new) == list(result)
    mode = merged_mode(claim)
    right = right and after is not None and (mode == after.mode or (free and mode is None))
    return Trial(claim, right, clash, ours, theirs, pieces, fills or (), result, free, union)
