"""Whether one path segment can match several segment patterns at once, with an example.

The characters' half of the overlap decision: a breadth-first walk over the
product of the segments' automata, on one representative of each class of
characters that the patterns tell apart. Exact, except that a walk over very
many states forgets the `optional` patterns; that can only report an overlap
too many, never miss one.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import combinations, pairwise

from wtman.formats.gitignore_pattern import (
    Item,
    items,
    literal_end,
    literal_start,
    literal_text,
    segment_regex,
)

_MOST_STATES = 20_000
_PLEASANT = "abcdefghijklmnopqrstuvwxyz0123456789_-ABCDEFGHIJKLMNOPQRSTUVWXYZ"

Found = tuple[tuple[frozenset[str], str], ...]


@lru_cache(maxsize=65536)
def segments_matching(required: tuple[str, ...], optional: tuple[str, ...]) -> Found:
    """For each set of `optional` patterns that can match along with all `required`: an example."""
    if _apart(required):
        return ()
    if not optional:
        example = _literal_example(required)
        if example is not None:
            return ((frozenset(), example),) if example else ()
    found = _walk(required, optional)
    if found is None:
        found = _walk(required, ()) or {}
    return tuple((held, _readable(text, required, optional)) for held, text in found.items())


def matches_segment(segment: str, text: str) -> bool:
    """Whether one segment's pattern matches one segment's text."""
    return _regex(segment).fullmatch(text) is not None


@lru_cache(maxsize=16384)
def _regex(segment: str) -> re.Pattern[str]:
    return re.compile(segment_regex(segment), re.DOTALL)


def _apart(required: tuple[str, ...]) -> bool:
    """Quickly true for most patterns that differ where they start or end."""
    for one, other in combinations(required, 2):
        start, begin = literal_start(one), literal_start(other)
        if not (start.startswith(begin) or begin.startswith(start)):
            return True
        end, stop = literal_end(one), literal_end(other)
        if not (end.endswith(stop) or stop.endswith(end)):
            return True
    return False


def _literal_example(required: tuple[str, ...]) -> str | None:
    """The example where a literal decides alone, "" for none at all, None for undecided."""
    for segment in required:
        text = literal_text(segment)
        if text is not None:
            usable = text not in ("", ".", "..")
            return text if usable and all(matches_segment(s, text) for s in required) else ""
    return None


def _walk(required: tuple[str, ...], optional: tuple[str, ...]) -> dict[frozenset[str], str] | None:
    needed = [items(segment) for segment in required]
    if any(parts is None for parts in needed):
        return {}
    must = [parts for parts in needed if parts is not None]
    # What is malformed matches nothing, as an empty pattern does: no name is empty.
    may = [items(segment) or () for segment in optional]
    alphabet = _alphabet([part for parts in (*must, *may) for part in parts])
    start = (0, (0,) * len(must), tuple(_closed(parts, 1) for parts in may))
    seen = {start}
    level = [(start, "")]
    found: dict[frozenset[str], str] = {}
    most = 2 ** len(optional)
    while level and len(found) < most:
        following = []
        for (dots, at, masks), text in level:
            if dots == 3 and all(_may_end(p, k) for p, k in zip(must, at, strict=True)):
                held = frozenset(
                    s for s, p, m in zip(optional, may, masks, strict=True) if m >> len(p) & 1
                )
                found.setdefault(held, text)
            for char in alphabet:
                after = _dots(dots, char)
                then = tuple(_stepped(p, m, char) for p, m in zip(may, masks, strict=True))
                for places in _places(must, at, char):
                    state = (after, places, then)
                    if state not in seen:
                        seen.add(state)
                        following.append((state, text + char))
            if optional and len(seen) > _MOST_STATES:
                return None
        level = following
    return found


def _places(
    must: list[tuple[Item, ...]], at: tuple[int, ...], char: str
) -> Iterable[tuple[int, ...]]:
    """Where the required patterns can stand after one more character."""
    choices: list[tuple[int, ...]] = [()]
    for parts, place in zip(must, at, strict=True):
        nexts = _next_places(parts, place, char)
        choices = [(*choice, following) for choice in choices for following in nexts]
    return choices


def _next_places(parts: tuple[Item, ...], place: int, char: str) -> list[int]:
    nexts = []
    while place < len(parts):
        part = parts[place]
        if part is not None:
            if char in part:
                nexts.append(place + 1)
            break
        nexts.append(place)
        place += 1
    return nexts


def _may_end(parts: tuple[Item, ...], place: int) -> bool:
    return all(part is None for part in parts[place:])


def _closed(parts: tuple[Item, ...], mask: int) -> int:
    for place, part in enumerate(parts):
        if part is None and mask >> place & 1:
            mask |= 1 << place + 1
    return mask


def _stepped(parts: tuple[Item, ...], mask: int, char: str) -> int:
    following = 0
    for place, part in enumerate(parts):
        if mask >> place & 1:
            if part is None:
                following |= 1 << place
            elif char in part:
                following |= 1 << place + 1
    return _closed(parts, following)


def _dots(dots: int, char: str) -> int:
    """0 nothing yet, 1 ".", 2 "..", 3 a usable name."""
    return min(dots + 1, 3) if char == "." and dots < 3 else 3


def _alphabet(parts: Iterable[Item]) -> list[str]:
    """One character of each class that the sets tell apart, pleasant ones first."""
    edges = {1, ord("."), ord("/"), ord("/") + 1, 0x110000}
    for part in parts:
        for low, high in part.ranges if part is not None else ():
            edges.update((max(1, ord(low)), ord(high) + 1))
    ordered = sorted(edges)
    chosen = []
    for start, end in pairwise(ordered):
        if start != ord("/"):
            chosen.append(next((c for c in _PLEASANT if start <= ord(c) < end), chr(start)))
    return sorted(chosen, key=lambda char: (_PLEASANT + char).index(char))


def _readable(text: str, required: tuple[str, ...], optional: tuple[str, ...]) -> str:
    """An example such as "a.py" rather than ".py", where the patterns allow it."""
    longer = "a" + text
    if not text.startswith((".", "_", "-")):
        return text
    same = all(matches_segment(segment, longer) for segment in required) and all(
        matches_segment(segment, longer) == matches_segment(segment, text) for segment in optional
    )
    return longer if same else text
