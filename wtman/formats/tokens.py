"""Text cut into tokens, and lists compared with each other: finer than git's lines.

Pure. Promises that tokens put together are the text again, and that of several places
where a hunk could be the last is said, so that two insertions that look alike are at one
place. Refuses to compare what is large: then it says nothing, and lines have to do.
"""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from wtman.formats.three_way import SideHunk
from wtman.model.changes import Comparison, Span

_MOST = 800  # tokens or lines of a side that differ
_NEAR = 2  # tokens between hunks

_STRING = rb"\"\"\"|'''|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'"
# A number of a version is one thing: from 1.2.0, 1.3.0 and 1.2.1 nothing comes but a clash.
_WORD = rb"\d\w*(?:[.+-]\w+)+|v\d+(?:[.+-]\w+)+|[\w\x80-\xff]+"
_SIGN = rb"[ \t]+|\r?\n|[-+*/%&|^<>=!~:]+|."
_COARSE = re.compile(rb"|".join((_STRING, _WORD, _SIGN)), re.DOTALL)
_FINE = re.compile(rb"|".join((_WORD, _SIGN)), re.DOTALL)
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")
_MEANT = re.compile(rb"[\w\x80-\xff]")

# What stands between two things of a list, a sum or a chain.
_BETWEEN = frozenset(b", ; | || & && + and or .".split())
_QUOTES = frozenset(b"( ) [ ] { } \" ' `".split())
_COMMENTS = frozenset(b"# // --".split())
_PAIRS = {b"(": b")", b"[": b"]", b"{": b"}"}

SIZES = (_COARSE, _FINE)  # a string is one token, or is made of some


def tokens(text: bytes, size: re.Pattern[bytes]) -> list[bytes]:
    return size.findall(text)


def lines_of(text: bytes) -> list[bytes]:
    """The lines of a text with their ends, as git counts them."""
    return _LINE.findall(text)


def means(part: Sequence[bytes]) -> bool:
    """Whether there is more than blanks and signs."""
    return any(_MEANT.search(item) for item in part)


def begins(part: Sequence[bytes]) -> bool:
    """Whether it may follow anything: a comma or the like, or a new line, comes first."""
    return _parts(part) and _is_between(part)


def ends(part: Sequence[bytes]) -> bool:
    """Whether anything may follow: a comma or the like, or a new line, comes last."""
    return _parts(part) and _is_between(part[::-1])


def _is_between(part: Sequence[bytes]) -> bool:
    first = next((item for item in part if item.strip(b" \t")), b"")
    return first in _BETWEEN or first.endswith(b"\n")


def begins_entry(part: Sequence[bytes]) -> bool:
    """Whether it is an entry of a list, or a line: a comma or a new line comes first."""
    return _parts(part) and _is_comma(part)


def ends_entry(part: Sequence[bytes]) -> bool:
    """The same of one that the comma or the new line follows."""
    return _parts(part) and _is_comma(part[::-1])


def _is_comma(part: Sequence[bytes]) -> bool:
    first = next((item for item in part if item.strip(b" \t")), b"")
    return first == b"," or first.endswith(b"\n")


def comments(part: Sequence[bytes]) -> bool:
    """Whether it may begin a comment that the end of its line ends, and does not end that line."""
    opened = False
    for item in part:
        opened = (opened or item in _COMMENTS) and not item.endswith(b"\n")
    return opened


def _parts(part: Sequence[bytes]) -> bool:
    """Whether it is whole: every bracket is closed again, every quote ended."""
    open_: list[bytes] = []
    for item in part:
        if item in _PAIRS:
            open_.append(_PAIRS[item])
        elif item in _PAIRS.values() and (not open_ or open_.pop() != item):
            return False
        elif item in (b'"', b"'", b"`", b'"""', b"'''"):
            return False
    return not open_


def entries(
    old: Sequence[bytes], at: int, one: Sequence[bytes], two: Sequence[bytes]
) -> list[bytes] | None:
    """Both as entries of brackets that were empty, a comma between; None elsewhere."""
    if not 0 < at < len(old) or _PAIRS.get(old[at - 1]) != old[at]:
        return None
    first = list(one)
    while first and not first[-1].strip():
        first.pop()
    second = [item for item in two if item.strip()]
    if not (first and second and _parts(one) and _parts(two)) or b"," in (first[-1], second[0]):
        return None
    line = two[0].endswith(b"\n")
    return [*first, *([b","] if line else [b",", b" "]), *two]


def wider(
    old: Sequence[bytes], at: int, one: Sequence[bytes], two: Sequence[bytes]
) -> list[bytes] | None:
    """The wider of two blanks within a line, as of columns that both aligned; None for more.

    `old` is the base up to the end of its own blank, which begins at `at`.
    """
    blanks = [b"".join(item) for item in (old[at:], one, two)]
    inside = at > 0 and not old[at - 1].endswith(b"\n")
    if not inside or any(not blank or blank.strip(b" \t") for blank in blanks):
        return None
    return list(max(one, two, key=lambda part: len(b"".join(part))))


def within(one: SideHunk, two: SideHunk) -> bool:
    """Whether two hunks of tokens that touch are one place.

    They are not where one inserts a thing of its own beside what the other changed.
    """
    if one.kind == "change" and two.kind == "insert":
        return not begins(two.new)
    if one.kind == "insert" and two.kind == "change":
        return not ends(one.new)
    if {one.kind, two.kind} == {"insert", "remove"}:
        # Entries of one list: the one is gone, the other came.
        gone, came = (one.old, two.new) if two.new else (two.old, one.new)
        return not any(_listed(gone[::way]) and _listed(came[::way]) for way in (1, -1))
    return True


def _listed(part: Sequence[bytes]) -> bool:
    """Whether it begins with a comma, and has all brackets and quotes that belong to it."""
    first = next((item for item in part if item.strip()), b"")
    return first == b"," and not any(item in _QUOTES for item in part)


def compared(old: Sequence[bytes], new: Sequence[bytes]) -> Comparison | None:
    """How `new` differs from `old`; None where that is too much to say."""
    # A blank is a blank: how wide it is says nothing of which word is which.
    left, right = (
        [b" " if not item.strip(b" \t") else item for item in side] for side in (old, new)
    )
    low, short = 0, min(len(old), len(new))
    while low < short and left[low] == right[low]:
        low += 1
    tail = 0
    while tail < short - low and left[-1 - tail] == right[-1 - tail]:
        tail += 1
    one, two = left[low : len(old) - tail], right[low : len(new) - tail]
    if max(len(one), len(two)) > _MOST:
        return None
    codes = SequenceMatcher(None, one, two, autojunk=False).get_opcodes() if one or two else []
    changed = [(a0, a1, b0, b1) for kind, a0, a1, b0, b1 in codes if kind != "equal"]
    spans = [Span(low + a0, low + a1, low + b0, low + b1) for a0, a1, b0, b1 in changed]
    spans = _with_blanks(old, new, spans)
    return Comparison(old, new, tuple(_settled(old, new, _joined(old, spans))))


def _with_blanks(old: Sequence[bytes], new: Sequence[bytes], spans: Sequence[Span]) -> list[Span]:
    """The hunks, and between them the blanks that are wider or narrower now."""
    out: list[Span] = []
    a = b = 0
    for span in (*spans, Span(len(old), len(old), len(new), len(new))):
        for at in range(span.a0 - a):
            if old[a + at] != new[b + at]:
                out.append(Span(a + at, a + at + 1, b + at, b + at + 1))
        out.append(span)
        a, b = span.a1, span.b1
    return out[:-1]


def _joined(old: Sequence[bytes], spans: Sequence[Span]) -> list[Span]:
    """Hunks with nothing but a blank or a sign between them are one, unless both insert."""
    out: list[Span] = []
    for span in spans:
        last = out[-1] if out else None
        if (
            last is not None
            and (span.a0 == last.a1 or last.a0 != last.a1 or span.a0 != span.a1)
            and span.a0 - last.a1 <= _NEAR
            and not means(old[last.a1 : span.a0])
        ):
            out[-1] = Span(last.a0, span.a1, last.b0, span.b1)
        else:
            out.append(span)
    return out


def _settled(old: Sequence[bytes], new: Sequence[bytes], spans: Sequence[Span]) -> list[Span]:
    """The hunks; one that could be at several places is whole lines, else as late as it can be."""
    out: list[Span] = []
    for number, span in enumerate(spans):
        low = out[-1].a1 + 1 if out else 0
        high = spans[number + 1].a0 - 1 if number + 1 < len(spans) else len(old)
        size = max(span.a1 - span.a0, span.b1 - span.b0)
        if span.a0 != span.a1 and span.b0 != span.b1:
            out.append(span)
            continue
        # What came, or went, with what is around it.
        text, at = (new, span.b0) if span.a0 == span.a1 else (old, span.a0)
        shift = at - span.a0
        first = last = at
        while first - shift > low and text[first - 1] == text[first - 1 + size]:
            first -= 1
        while last - shift + span.a1 - span.a0 < high and _same(text, last, size):
            last += 1
        best = next((n for n in range(last, first - 1, -1) if _whole(text, n, size)), last)
        move = best - at
        out.append(Span(span.a0 + move, span.a1 + move, span.b0 + move, span.b1 + move))
    return out


def _same(text: Sequence[bytes], at: int, size: int) -> bool:
    return at + size < len(text) and text[at] == text[at + size]


def _whole(text: Sequence[bytes], at: int, size: int) -> bool:
    """Whether these are lines from their beginning to their end."""
    return text[at + size - 1].endswith(b"\n") and (at == 0 or text[at - 1].endswith(b"\n"))
