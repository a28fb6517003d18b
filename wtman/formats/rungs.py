"""One place where two sides clash, and the texts that a person might make of it.

Pure. The rungs, each tried where the one before says nothing: both insertions kept
(`union`); each side's own lines taken where they only lie beside each other (`adjacent
lines`); each side's own words taken within lines that both changed (`same line`).
Promises that whatever either side wrote is in every text, and what either removed is not.
Refuses what only somebody who knows what is meant can decide: two changes of one word, an
edit of what the other side removed, one name given two meanings, two terms at one point of a
line, whose order nobody has chosen.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from wtman.formats.three_way import CLASH, THEIRS, beside, weave
from wtman.formats.tokens import (
    SIZES,
    begins_entry,
    comments,
    compared,
    ends_entry,
    entries,
    lines_of,
    means,
    tokens,
    wider,
    within,
)
from wtman.model.changes import Comparison, Lines
from wtman.model.values import dataclass
from wtman.text.late_pattern import late

UNION, BESIDE, WITHIN = RUNGS = ("union", "adjacent lines", "same line")

# The order of two insertions: ours first, theirs first, or what they share only once.
FORWARD, BACKWARD, SHARED = ORDERS = range(3)


@dataclass(frozen=True, slots=True)
class Clash:
    """Lines of the three versions; the base's are none where both sides only inserted.

    `whole`: this is a file that both sides added.
    """

    base: Lines
    ours: Lines
    theirs: Lines
    whole: bool = False


@dataclass(frozen=True, slots=True)
class JoinedText:
    lines: Lines
    rung: str


def texts(parts: Sequence[Lines | Clash]) -> Iterator[JoinedText]:
    """The whole of a file with all its clashes joined: a text for each order that matters."""
    seen: set[bytes] = set()
    for order in ORDERS:
        found = _text(parts, order)
        if found is None:
            return  # what has no text in one order has none in another
        if (key := b"".join(found.lines)) not in seen:
            seen.add(key)
            yield found


def _text(parts: Sequence[Lines | Clash], order: int) -> JoinedText | None:
    lines: list[bytes] = []
    rung = UNION
    for part in parts:
        if not isinstance(part, Clash):
            lines += part
            continue
        found = join(part, order)
        if found is None or (lines and not lines[-1].endswith(b"\n")):
            return None
        lines += found.lines
        rung = max(rung, found.rung, key=RUNGS.index)
    whole = all(line.endswith(b"\n") for line in lines[:-1])
    return JoinedText(lines, rung) if whole else None


def join(clash: Clash, order: int) -> JoinedText | None:
    """The text of this order, None where there is none."""
    if clash.whole:
        return _added(clash.ours, clash.theirs, order)
    if not clash.base:
        made = _both(clash.ours, clash.theirs, order)
        return None if made is None else JoinedText(made, UNION)
    return _beside(clash, order)


def _added(ours: Lines, theirs: Lines, order: int) -> JoinedText | None:
    """The text of a file that both sides added: what they begin and end with is there once."""
    low = _common(ours, theirs)
    while low and not (_outermost(ours, low) and _outermost(theirs, low)):
        low -= 1
    one, two = ours[low:], theirs[low:]
    tail = _common(one[::-1], two[::-1])
    while tail and not (tail < min(len(one), len(two)) and _outermost(one, -tail)):
        tail -= 1
    made = _both(one[: len(one) - tail], two[: len(two) - tail], order)
    return (
        None if made is None else JoinedText([*ours[:low], *made, *one[len(one) - tail :]], UNION)
    )


def _common(one: Lines, two: Lines) -> int:
    size = 0
    while size < min(len(one), len(two)) and one[size] == two[size]:
        size += 1
    return size


def _outermost(lines: Lines, at: int) -> bool:
    """Whether a thing of its own begins there, or the file ends."""
    return at == len(lines) or re.match(rb"[^\s)\]}]", lines[at]) is not None


def _beside(clash: Clash, order: int) -> JoinedText | None:
    sides = _sides(clash.base, clash.ours, clash.theirs)
    if sides is None:
        return None
    lines: list[bytes] = []
    rung = BESIDE
    for piece in weave(*sides, beside):
        one, two = clash.ours[piece.o0 : piece.o1], clash.theirs[piece.t0 : piece.t1]
        made: Lines | None = two if piece.who == THEIRS else one
        if piece.who == CLASH and piece.inserts:
            made = _both(one, two, order)
        elif piece.who == CLASH:
            rung = WITHIN
            made = _within(clash.base[piece.b0 : piece.b1], one, two, order)
        if made is None:
            return None
        lines += made
    return JoinedText(lines, rung)


def _sides(base: Lines, ours: Lines, theirs: Lines) -> tuple[Comparison, Comparison] | None:
    one, two = compared(base, ours), compared(base, theirs)
    return None if one is None or two is None else (one, two)


# --- lines that both inserted -----------------------------------------------------------------


def _both(one: Lines, two: Lines, order: int) -> Lines | None:
    """Both insertions, one that is in the other already taken once."""
    if holds(one, two):
        return one
    if holds(two, one):
        return two
    if _contested(one, two) or _both_leave(one, two):
        return None
    if order == BACKWARD:
        one, two = two, one
    if order == SHARED:
        return _shared(one, two)
    whole = [*one, *two]
    if _items(one) and _items(two):
        there = Counter(line for line in one if means([line]))
        once = [*one, *(line for line in two if not _taken(there, line))]
        rest = iter(once)
        if all(line in rest for line in two):
            return once
    return whole


def _taken(there: Counter[bytes], line: bytes) -> bool:
    """Whether there is one more of it, which is then taken."""
    there[line] -= 1
    return there[line] >= 0


def holds(lines: Lines, block: Lines) -> bool:
    """Whether the block is in the lines as it is; one that is blank says nothing."""
    size = len(block)
    return any(line.strip() for line in block) and any(
        lines[at : at + size] == block for at in range(len(lines) - size + 1)
    )


def _items(lines: Lines) -> bool:
    """Whether each line is a thing by itself: an import, an entry of a list."""
    full = [line for line in lines if line.strip()]
    depths = {len(line) - len(line.lstrip()) for line in full}
    return len(depths) == 1 and not any(_OPENS.search(line) for line in full)


def _contested(one: Lines, two: Lines) -> bool:
    """Whether both give one name a meaning, and not the same."""
    mine, yours = _meanings(one), _meanings(two)
    return any(mine[name] != yours[name] for name in mine.keys() & yours.keys())


def _meanings(lines: Lines) -> dict[bytes, list[bytes]]:
    """What the outermost lines define, by name: these and the lines below them.

    What is decorated may have a name that something else has too.
    """
    full = [line for line in lines if line.strip()]
    depth = min((len(line) - len(line.lstrip()) for line in full), default=0)
    found: dict[bytes, list[bytes]] = {}
    block: list[bytes] = []
    for line in full:
        named = None
        if len(line) - len(line.lstrip()) == depth:
            named = _DEFINES.match(line, depth) or _KEY.match(line, depth)
        name = named[named.lastindex or 0] if named is not None else b""
        if name and name not in _NO_NAME and block[-1:] != [b"@"]:
            block = found.setdefault(name, [])
        elif line.lstrip().startswith(b"@"):
            block = [b"@"]
            continue
        block.append(line.strip().rstrip(b","))
    return found


def _both_leave(one: Lines, two: Lines) -> bool:
    """Whether both leave the block, so that what stands second would never run.

    Also where both first ask the same question, and each leaves by a way of its own.
    """
    mine, yours = _ways_out(one), _ways_out(two)
    return any(mine[guard] != yours[guard] for guard in mine.keys() & yours.keys())


def _ways_out(lines: Lines) -> dict[bytes, list[bytes]]:
    """The lines up to the way out, by the condition that they begin with; b"" where none."""
    full = [line for line in lines if line.strip()]
    depth = min((len(line) - len(line.lstrip()) for line in full), default=0)
    found: dict[bytes, list[bytes]] = {}
    guard = b""
    for at, line in enumerate(full):
        outermost = len(line) - len(line.lstrip()) == depth
        if at == 0 and _ASKS.match(line):
            guard = line.strip()
        elif outermost:
            guard = b""
        if (outermost or guard) and _LEAVES.match(line):
            found.setdefault(guard, [item.strip() for item in full[: at + 1]])
    return found


_ASKS = late(rb"\s*if\b.*[:{]\s*$")
_LEAVES = late(rb"\s*(?:return|raise|throw|break|continue)(?:[\s;(]|$)")

_DEFINES = late(
    rb"(?:(?:export|default|pub(?:\([^)]*\))?|async|abstract|public|private|protected|final|static)\s+)*"
    rb"(?:def|function\*?|func|fn|class|struct|enum|trait|interface|type|const|let|mod)\s+"
    rb"((?:\([^)]*\)\s*)?[\w$]+)"
    rb"|(?=([\w$]+)\s*\(.*\{\s*$)"
)
_KEY = late(rb"[\"']?([\w$.-]+)[\"']?\s*:(?!:)\s*\S.*,\s*$")
_NO_NAME = frozenset({b"_", b"if", b"for", b"while", b"switch", b"catch", b"match", b"with"})

_OPENS = late(rb"[:({\[\\]\s*$|^\s*@")


def _shared(one: Lines, two: Lines) -> Lines:
    """Both insertions where what they have in common is there once, as git's own union does."""
    found = compared(one, two)
    if found is None:
        return [*one, *two]
    lines: list[bytes] = []
    at = 0
    for span in found.spans:
        lines += [*one[at : span.a1], *two[span.b0 : span.b1]]
        at = span.a1
    return [*lines, *one[at:]]


# --- words that both changed ------------------------------------------------------------------


def _within(base: Lines, ours: Lines, theirs: Lines, order: int) -> Lines | None:
    for size in SIZES:
        parts = [tokens(b"".join(lines), size) for lines in (base, ours, theirs)]
        sides = _sides(*parts)
        quoted = size is not SIZES[0]
        made = _words(sides, order, quoted) if sides is not None else None
        # Where two words would become one, they were not to stand beside each other.
        if made is not None and tokens(b"".join(made), size) == made:
            return lines_of(b"".join(made))
    return None


def _words(sides: tuple[Comparison, Comparison], order: int, quoted: bool) -> list[bytes] | None:
    ours, theirs = sides
    if any(map(_rewritten, sides)) or (quoted and any(map(_quotes, sides))):
        return None
    out: list[bytes] = []
    for piece in weave(ours, theirs, within):
        one, two = ours.new[piece.o0 : piece.o1], theirs.new[piece.t0 : piece.t1]
        if piece.who != CLASH:
            out += two if piece.who == THEIRS else one
        elif (blank := wider(ours.old[: piece.b1], piece.b0, one, two)) is not None:
            out += blank
        elif not (piece.inserts and _addable(one, two)):
            return None
        elif (made := _runs(ours.old, piece.b0, one, two, order)) is not None:
            out += made
        else:
            return None
    return out


def _rewritten(side: Comparison) -> bool:
    """Whether nothing is left of the base: what the other side wrote there stood beside words
    that are gone."""
    old = list(side.old)
    for span in reversed(side.spans):
        del old[span.a0 : span.a1]
    return not means(old)


def _quotes(side: Comparison) -> bool:
    """Whether something beyond what a string says has changed."""
    return any(
        item in _QUOTES
        for span in side.spans
        for item in (*side.old[span.a0 : span.a1], *side.new[span.b0 : span.b1])
    )


_QUOTES = frozenset((b'"', b"'", b"`", b"\\", b"(", b")", b"[", b"]", b"{", b"}"))


def _addable(one: Lines, two: Lines) -> bool:
    """Whether each is something, and they are not two values of one name."""
    if not (means(one) and means(two)):
        return False
    mine, yours = (dict(_VALUE.findall(b"".join(words))) for words in (one, two))
    return not any(mine[name] != yours[name] for name in mine.keys() & yours.keys())


_VALUE = late(
    rb"(?:^|[,({\n])\s*([\w$.-]+|\"[^\"]*\"|'[^']*')\s*(?:(?<!:):(?!:)|=(?![=>]))([^,\n]*)"
)


def _runs(old: Lines, at: int, one: Lines, two: Lines, order: int) -> Lines | None:
    """What both inserted there, where it can stand side by side."""
    if holds(one, two):
        return one
    if holds(two, one):
        return two
    if order == BACKWARD:
        one, two = two, one
    listed = entries(old, at, one, two)
    if listed is not None:
        return listed
    # Of terms, calls and words that follow each other nobody has chosen the order; of what a
    # comment says the end is that of the line.
    if comments(one) or comments(two):
        return None
    apart = (begins_entry(one) and begins_entry(two)) or (ends_entry(one) and ends_entry(two))
    return [*one, *two] if apart else None
