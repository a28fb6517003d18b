"""What the changes of two sides to a file give together, and whether a result is that.

Pure. A file is a list of lines with their ends; one that is no text (binary, symbolic
link, submodule) is a list of one token, and none at all is an empty list. Promises that
hunks which touch each other never pass as independent, and that `fit` accepts of a clash
only what has all that either side wrote, in its place, none of what either removed, and
nothing else: every line of both where both inserted, else each line or word of a side
that the other left as it was. Which lines of a file changed is git's to say; finer than
that it is looked at here.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from wtman.formats.three_way import CLASH, THEIRS, Piece, beside, weave
from wtman.formats.tokens import SIZES, compared, entries, lines_of, tokens, wider, within
from wtman.model.changes import Comparison, Lines, Span


def same(lines: Lines) -> Comparison:
    """A file that did not change."""
    return Comparison(lines, lines, ())


def whole(old: Lines, new: Lines) -> Comparison:
    """A file of which nothing is comparable: all of it changed."""
    return Comparison(old, new, (Span(0, len(old), 0, len(new)),) if old or new else ())


def token(mode: str, oid: str) -> list[bytes]:
    """What stands for the content of something that has no lines. No line looks like it."""
    kind = "100" if mode.startswith("100") else mode
    return [f"\0{kind} {oid}".encode()]


def is_token(lines: Lines) -> bool:
    return len(lines) == 1 and lines[0].startswith(b"\0") and not lines[0].endswith(b"\n")


def woven(pieces: Sequence[Piece], ours: Lines, theirs: Lines) -> list[bytes]:
    """What the pieces give; where they clash, what ours has and then what theirs has."""
    lines: list[bytes] = []
    for piece in pieces:
        if piece.who != THEIRS:
            lines += ours[piece.o0 : piece.o1]
        if piece.who in (THEIRS, CLASH):
            lines += theirs[piece.t0 : piece.t1]
    return lines


Fill = tuple[int, int]  # the lines of the result that are in the place of a clash

_CLASHES = 4  # within one line


def fit(
    pieces: Sequence[Piece],
    ours: Comparison,
    theirs: Comparison,
    result: Lines,
    *,
    free: bool = False,
    union: bool = False,
) -> list[Fill] | None:
    """Where in `result` each clash went, if all else is there and in its place; None if not.

    A clash may hold anything where `free`; where `union`, all lines of both sides, whatever
    they took away; else only what loses nothing of either side's change.
    """

    def filled(piece: Piece, at: int) -> Iterator[int]:
        one, two = ours.new[piece.o0 : piece.o1], theirs.new[piece.t0 : piece.t1]
        if free:
            yield from range(at, len(result) + 1)
        elif piece.inserts or union:
            yield from _with_both(one, two, result, at)
        else:
            yield from _finely(ours.old[piece.b0 : piece.b1], one, two, result, at)

    found = _chains(pieces, ours.new, theirs.new, result, 0, filled).get(len(result))
    return None if found is None else list(found)


Filled = Callable[[Piece, int], Iterable[int]]  # where what fills a clash may end


def _chains(
    pieces: Sequence[Piece], ours: Lines, theirs: Lines, result: Lines, start: int, filled: Filled
) -> dict[int, tuple[Fill, ...]]:
    """Where the pieces can end in `result` from `start` on, with what each clash holds."""
    chains: dict[int, tuple[Fill, ...]] = {start: ()}
    fixed: list[bytes] = []
    for piece in pieces:
        if piece.who == CLASH:
            found: dict[int, tuple[Fill, ...]] = {}
            for at, chain in _across(chains, fixed, result).items():
                for end in filled(piece, at):
                    found.setdefault(end, (*chain, (at, end)))
            chains, fixed = found, []
        elif piece.who == THEIRS:
            fixed += theirs[piece.t0 : piece.t1]
        else:
            fixed += ours[piece.o0 : piece.o1]
    return _across(chains, fixed, result)


def _across(
    chains: dict[int, tuple[Fill, ...]], fixed: Lines, result: Lines
) -> dict[int, tuple[Fill, ...]]:
    size = len(fixed)
    if not size:
        return chains
    return {
        at + size: chain
        for at, chain in chains.items()
        if at < len(result) and result[at] == fixed[0] and result[at : at + size] == fixed
    }


def _with_both(one: Lines, two: Lines, result: Lines, at: int) -> Iterator[int]:
    """Ends of a fill that has all lines of both in order, and none that neither has."""
    room = Counter(one) + Counter(two)
    i = j = 0
    for end in range(at, len(result)):
        line = result[end]
        if not room[line]:
            return
        room[line] -= 1
        i += i < len(one) and one[i] == line
        j += j < len(two) and two[j] == line
        if i == len(one) and j == len(two):
            yield end + 1


# --- where a side has changed lines of the base ---------------------------------------------------


def _finely(base: Lines, one: Lines, two: Lines, result: Lines, at: int) -> Iterable[int]:
    """Ends of a fill in which each side's change of the base is, line by line or in words."""
    ours, theirs = compared(base, one), compared(base, two)
    if ours is None or theirs is None:
        return ()

    def filled(piece: Piece, start: int) -> Iterator[int]:
        mine, yours = one[piece.o0 : piece.o1], two[piece.t0 : piece.t1]
        if piece.inserts:
            yield from _with_both(mine, yours, result, start)
            return
        for lines in _in_words(base[piece.b0 : piece.b1], mine, yours):
            if result[start : start + len(lines)] == lines:
                yield start + len(lines)

    return _chains(weave(ours, theirs, beside), one, two, result, at, filled)


def _in_words(base: Lines, one: Lines, two: Lines) -> Iterator[list[bytes]]:
    """All texts that hold both sides' words: where both inserted, the one first or the other."""
    for size in SIZES:
        sides = [tokens(b"".join(lines), size) for lines in (base, one, two)]
        ours, theirs = compared(sides[0], sides[1]), compared(sides[0], sides[2])
        if ours is None or theirs is None:
            continue
        pieces = weave(ours, theirs, within)
        clashes = [
            piece for piece in pieces if piece.who == CLASH and not _blank(piece, ours, theirs)
        ]
        if len(clashes) > _CLASHES or not all(piece.inserts for piece in clashes):
            continue
        for text in _texts(pieces, ours, theirs):
            yield lines_of(b"".join(text))


def _texts(pieces: Sequence[Piece], ours: Comparison, theirs: Comparison) -> list[list[bytes]]:
    texts: list[list[bytes]] = [[]]
    for piece in pieces:
        one, two = ours.new[piece.o0 : piece.o1], theirs.new[piece.t0 : piece.t1]
        if piece.who != CLASH:
            ways = [two if piece.who == THEIRS else one]
        elif blank := _blank(piece, ours, theirs):
            ways = [blank]
        else:
            ways = [[*one, *two], [*two, *one]]
            ways += [more for less, more in ((one, two), (two, one)) if _run_in(less, more)]
            # The one thing that nobody wrote: a comma between entries of what was empty.
            listed = entries(ours.old, piece.b0, one, two), entries(ours.old, piece.b0, two, one)
            ways += [way for way in listed if way is not None]
        texts = [[*text, *way] for text in texts for way in ways]
    return texts


def _blank(piece: Piece, ours: Comparison, theirs: Comparison) -> list[bytes] | None:
    """What is there of two blanks that both changed: the wider."""
    one, two = ours.new[piece.o0 : piece.o1], theirs.new[piece.t0 : piece.t1]
    return wider(ours.old[: piece.b1], piece.b0, one, two)


def _run_in(less: Lines, more: Lines) -> bool:
    """Whether a side has inserted all that the other did, and as it did."""
    size = len(less)
    return any(more[at : at + size] == less for at in range(len(more) - size + 1))
