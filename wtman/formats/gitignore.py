"""Which paths a list of gitignore-style patterns owns, and whether two lists can own one path.

Paths are relative to the repository and POSIX. Each pattern means what it means
to git; what names a folder also owns all below it. In a list the last pattern
that matches the path, or a folder that it lies in, wins; so `["src/**",
"!src/gen/**"]` leaves `src/gen` out. (git's own rule, that nothing below an
excluded folder can come back, would make that negation do nothing.) Without a
negation the answers are those of `git check-ignore`. An empty list owns all.

`can_both_match` decides exactly, with one assumption: a pattern that ends in
the name of a source file (`*.md`, `Makefile`) names files, not folders, unless
the other pattern spells that folder out.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import lru_cache

from wtman.formats.gitignore_intersection import segments_matching
from wtman.formats.gitignore_pattern import ANY, DEEP, Pattern, compiled, flaw, literal_text

__all__ = ["beyond", "can_both_match", "flaw", "matches", "outside", "owned"]

_MOST_STATES = 20_000

Negations = frozenset[tuple[int, int]]  # (which negated pattern, how many steps are behind)
Move = tuple[str, int]  # what the next segment has to match, and the place behind it


def matches(patterns: tuple[str, ...], path: str) -> bool:
    """Whether the patterns own a path."""
    if not patterns:
        return True
    for pattern in reversed(_list(patterns)):
        if pattern.regex.fullmatch(path):
            return not pattern.negated
    return False


def outside(owns: tuple[str, ...], paths: Iterable[str]) -> tuple[str, ...]:
    """The paths that the patterns do not own, in the order given."""
    return tuple(path for path in paths if not matches(owns, path)) if owns else ()


def owned(owns: tuple[str, ...], files: Sequence[str]) -> frozenset[str]:
    """Which of the sorted files the patterns own; for a hundred tasks and 100,000 files."""
    if not owns:
        return frozenset(files)
    found: set[str] = set()
    for pattern in _list(owns):
        if pattern.negated:
            continue
        start = bisect_left(files, pattern.prefix)
        end = bisect_left(files, pattern.prefix + "\U0010ffff") if pattern.prefix else len(files)
        match, part = pattern.regex.fullmatch, pattern.part
        found.update(path for path in files[start:end] if part in path and match(path))
    return frozenset(found if len(owns) == 1 else (path for path in found if matches(owns, path)))


def can_both_match(a: tuple[str, ...], b: tuple[str, ...]) -> str | None:
    """A path that both lists own, or None where there can be none."""
    for one, without_one in _positives(a or (DEEP,)):
        for other, without_other in _positives(b or (DEEP,)):
            if _apart(one, other):
                continue
            example = _meeting(one, other, without_one + without_other)
            if example is not None:
                return example
    return None


def beyond(owns: tuple[str, ...], allowed: Sequence[tuple[str, ...]]) -> str | None:
    """A path that `owns` has and none of the `allowed` lists, or None where there is none.

    It may name one too many, where lists with negations would only together have all of a
    pattern; it never misses one.
    """
    if any(not item for item in allowed):
        return None
    if len(allowed) == 1:
        return _beyond_all(owns, allowed)
    plain = (item for item in allowed if not any(text.startswith("!") for text in item))
    lists = [*allowed, tuple(text for item in plain for text in item)]
    whole = owns or (DEEP,)
    for place, text in enumerate(whole):
        if text.startswith("!"):
            continue
        taken = (later for later in whole[place + 1 :] if later.startswith("!"))
        example = _beyond_all((text, *taken), lists)
        if example is not None:
            return example
    return None


def _beyond_all(owns: tuple[str, ...], lists: Sequence[tuple[str, ...]]) -> str | None:
    """A path of `owns` that is in no list, if each of them lacks one."""
    example: str | None = None
    for item in lists:
        flipped = (t.removeprefix("!") if t.startswith("!") else f"!{t}" for t in item)
        example = can_both_match(owns, (DEEP, *flipped))
        if example is None:
            return None
    return example


@lru_cache(maxsize=4096)
def _list(patterns: tuple[str, ...]) -> tuple[Pattern, ...]:
    return tuple(compiled(pattern) for pattern in patterns)


@lru_cache(maxsize=4096)
def _positives(patterns: tuple[str, ...]) -> tuple[tuple[Pattern, tuple[Pattern, ...]], ...]:
    """Each pattern that adds paths, with the later ones that take some away again.

    A path is owned exactly if one of them matches it and none of its negations does.
    """
    whole = _list(patterns)
    return tuple(
        (pattern, tuple(later for later in whole[number + 1 :] if later.negated))
        for number, pattern in enumerate(whole)
        if not pattern.negated
    )


def _apart(one: Pattern, other: Pattern) -> bool:
    """Quickly true for most pairs that cannot meet."""
    if not (one.prefix.startswith(other.prefix) or other.prefix.startswith(one.prefix)):
        return True
    if not (one.file_like and other.file_like):
        return False
    if one.suffix.endswith(other.suffix) or other.suffix.endswith(one.suffix):
        return False
    return not (_reaches_below(one, other) or _reaches_below(other, one))


def _meeting(one: Pattern, other: Pattern, negations: tuple[Pattern, ...]) -> str | None:
    """Walk both patterns segment by segment, breadth first, to a path that both own."""
    left = _moves(one, _reaches_below(one, other))
    right = _moves(other, _reaches_below(other, one))
    negated = tuple(_moves(pattern, True) for pattern in negations)
    start = (0, 0, frozenset((number, 0) for number in range(len(negations))))
    seen = {start}
    level: list[tuple[tuple[int, int, Negations], tuple[str, ...]]] = [(start, ())]
    while level:
        following = []
        for (i, j, barred), path in level:
            for need_one, after_one in left[i]:
                for need_other, after_other in right[j]:
                    for then, text in _steps(need_one, need_other, barred, negated):
                        if _sunk(then, negations):
                            continue
                        state = (after_one, after_other, then)
                        if state in seen:
                            continue
                        longer = (*path, text)
                        if _ends(one, after_one) and _ends(other, after_other):
                            if not any(_ends(negations[n], at) for n, at in then):
                                return "/".join(longer)
                        seen.add(state)
                        following.append((state, longer))
        if negations and len(seen) > _MOST_STATES:
            return _meeting(one, other, ())
        level = following
    return None


def _steps(
    need_one: str,
    need_other: str,
    barred: Negations,
    negated: tuple[tuple[tuple[Move, ...], ...], ...],
) -> Iterable[tuple[Negations, str]]:
    """Each way to take one more segment: where the negations then stand, and an example of it."""
    required = tuple(sorted({need_one, need_other} - {ANY})) or (ANY,)
    moves = [(n, need, after) for n, at in barred for need, after in negated[n][at]]
    optional = tuple(sorted({need for _, need, _ in moves if need != ANY}))
    for held, text in segments_matching(required, optional):
        yield frozenset((n, after) for n, need, after in moves if need == ANY or need in held), text


@lru_cache(maxsize=16384)
def _moves(pattern: Pattern, below: bool) -> tuple[tuple[Move, ...], ...]:
    """The moves from each place in a pattern; the last two are *named* and *below*."""
    count = len(pattern.steps)
    sink: tuple[Move, ...] = ((ANY, count + 1),)
    table: list[tuple[Move, ...]] = [sink, sink if below else ()]
    for place in range(count - 1, -1, -1):
        step = pattern.steps[place]
        if step == DEEP:
            table.append(((ANY, place), *table[-1]))
        else:
            table.append(((step, place + 1),))
    return tuple(reversed(table))


def _ends(pattern: Pattern, place: int) -> bool:
    count = len(pattern.steps)
    return place == count + 1 or (place == count and not pattern.folder_only)


def _sunk(barred: Negations, negations: tuple[Pattern, ...]) -> bool:
    return any(at == len(negations[n].steps) + 1 for n, at in barred)


def _reaches_below(pattern: Pattern, other: Pattern) -> bool:
    """Whether what a pattern names may be a folder, as far as the other one is concerned."""
    if not pattern.file_like:
        return True
    return literal_text(pattern.steps[-1]) in other.prefix.split("/")[:-1]
