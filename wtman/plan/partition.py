"""A tree of files cut into parts of about one weight, as a person would: by its folders.

Each folder gets as many parts as its weight is worth. One that is worth more than one is cut
inside; those that are worth less, and loose files, are joined with their neighbours: first with
what they import, then with what is named alike. Pure, the same for the same input.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import field
from posixpath import basename, commonprefix

from wtman.model.values import dataclass

_SLACK = 1.25  # how far over its share a part may grow to keep together what belongs together
_CRUMB = 0.25  # of a share: what is lighter is no work of its own
_MOST = 400  # neighbours that are joined by what they have in common; more are taken in order


@dataclass(slots=True)
class _Piece:
    """Neighbours that stay together: a folder, or files of one."""

    paths: list[str]
    weight: int
    folder: bool
    words: Counter[str] = field(default_factory=Counter)


def partition(
    weights: Mapping[str, int],
    links: Mapping[tuple[str, str], int],
    parts: int,
    *,
    crumbs: bool = False,
) -> list[list[str]]:
    """The paths in at most `parts` parts, at least 1. `links`: how often one path uses another.

    Without `crumbs` what is left of a folder and too little for a part goes with a neighbour.
    """
    if not weights:
        return []
    found = _divided(sorted(weights), 0, max(parts, 1), weights, links)
    if crumbs:
        return found
    least = sum(weights.values()) / max(parts, 1) * _CRUMB
    return _without_crumbs(found, least, weights, links)


def _divided(
    paths: list[str],
    depth: int,
    parts: int,
    weights: Mapping[str, int],
    links: Mapping[tuple[str, str], int],
) -> list[list[str]]:
    """These paths, which have their first `depth` characters in common, in so many parts."""
    if parts <= 1 or len(paths) == 1:
        return [paths]
    below: dict[str, list[str]] = {}
    for path in paths:
        head, slash, _ = path[depth:].partition("/")
        below.setdefault(head + slash if slash else f"{head}\0", []).append(path)
    if len(below) == 1:
        (head,) = below
        return _divided(paths, depth + len(head), parts, weights, links)
    heavy = {head: sum(weights[path] for path in held) for head, held in below.items()}
    share = sum(heavy.values()) / parts
    large = [head for head in below if heavy[head] > share]
    small = [head for head in below if heavy[head] <= share]
    shares = [heavy[head] for head in large]
    if small:
        shares.append(sum(heavy[head] for head in small))
    # One file is one part, however heavy.
    most = [len(below[head]) for head in large] + [len(small)] * bool(small)
    seats = _seats(shares, most, parts)
    found = []
    for head, number in zip(large, seats, strict=False):
        found += _divided(below[head], depth + len(head), number, weights, links)
    if small:
        pieces = [_piece(head, below[head], heavy[head]) for head in small]
        found += _joined(pieces, seats[-1], links)
    return found


def _seats(shares: Sequence[int], most: Sequence[int], parts: int) -> list[int]:
    """So many parts given out by weight, one to each at least and `most` to each at most."""
    seats = [1] * len(shares)
    while sum(seats) < min(parts, sum(most)):
        # Where a part is heaviest (the method of d'Hondt).
        free = [at for at in range(len(seats)) if seats[at] < most[at]]
        seats[max(free, key=lambda at: (shares[at] / seats[at], -at))] += 1
    return seats


def _without_crumbs(
    parts: list[list[str]],
    least: float,
    weights: Mapping[str, int],
    links: Mapping[tuple[str, str], int],
) -> list[list[str]]:
    """Parts lighter than `least` joined with the neighbour that they have most to do with."""
    heavy = [sum(weights[path] for path in part) for part in parts]
    while len(parts) > 1 and min(heavy) < least:
        at = heavy.index(min(heavy))
        mine = set(parts[at])
        rest = [other for other in range(len(parts)) if other != at]

        def near(other: int, mine: set[str] = mine) -> tuple[int, int, int]:
            held = set(parts[other])
            bound = sum(
                times
                for (user, used), times in links.items()
                if (user in mine and used in held) or (user in held and used in mine)
            )
            shared = max(len(commonprefix([min(mine), path])) for path in held)
            return bound, shared, -heavy[other]

        best = max(rest, key=near)
        parts[best] = sorted([*parts[best], *parts[at]])
        heavy[best] += heavy[at]
        del parts[at], heavy[at]
    return parts


def _piece(head: str, paths: list[str], weight: int) -> _Piece:
    return _Piece(paths, weight, head.endswith("/"), Counter(set(words_of(head.rstrip("\0/")))))


def words_of(name: str) -> list[str]:
    """`bash_completionsV2.go` -> bash, completion, v2: without endings, plurals as one."""
    stem = basename(name).lstrip("._").split(".")[0]
    split = re.sub(r"([a-z])([A-Z])", r"\1 \2", stem)
    words = re.findall(r"[a-z]+[0-9]*|[0-9]+", split.lower())
    return [word[:-1] if len(word) > 3 and word.endswith("s") else word for word in words]


def _joined(
    pieces: list[_Piece], parts: int, links: Mapping[tuple[str, str], int]
) -> list[list[str]]:
    """Join the lightest piece with what it has most to do with, until there are few enough."""
    pieces = _chunks(pieces)
    share = sum(piece.weight for piece in pieces) / max(parts, 1)
    home = {path: at for at, piece in enumerate(pieces) for path in piece.paths}
    bound: list[Counter[int]] = [Counter() for _ in pieces]
    for (user, used), times in links.items():
        one, other = home.get(user), home.get(used)
        if one is not None and other is not None and one != other:
            bound[one][other] += times
            bound[other][one] += times
    alive = set(range(len(pieces)))
    while len(alive) > max(parts, 1):
        light = min(alive, key=lambda at: (pieces[at].weight, at))
        mine = pieces[light]
        rest = sorted(alive - {light})
        best = min(
            rest,
            key=lambda at: (
                pieces[at].weight + mine.weight > share * _SLACK,
                -bound[light][at],
                -(mine.words & pieces[at].words).total(),
                pieces[at].folder is not mine.folder,
                pieces[at].weight,
                at,
            ),
        )
        joined = pieces[best]
        joined.paths = [*joined.paths, *mine.paths]
        joined.weight += mine.weight
        joined.folder = joined.folder and mine.folder
        joined.words += mine.words
        for other, times in bound[light].items():
            if other != best:
                bound[best][other] += times
                bound[other][best] += times
            bound[other].pop(light, None)
        bound[best].pop(light, None)
        alive.discard(light)
    return [sorted(pieces[at].paths) for at in sorted(alive)]


def _chunks(pieces: list[_Piece]) -> list[_Piece]:
    """Very many neighbours, those that follow each other taken as one."""
    size = -(-len(pieces) // _MOST)
    if size <= 1:
        return pieces
    groups = [pieces[at : at + size] for at in range(0, len(pieces), size)]
    return [
        _Piece(
            [path for piece in group for path in piece.paths],
            sum(piece.weight for piece in group),
            all(piece.folder for piece in group),
            sum((piece.words for piece in group), Counter()),
        )
        for group in groups
    ]
