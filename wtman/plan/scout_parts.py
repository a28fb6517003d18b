"""The parts of a repository that scouts look at. Pure."""

from collections.abc import Sequence

from wtman.formats.gitignore import matches
from wtman.formats.test_paths import TESTS
from wtman.model.changes import TrackedFile
from wtman.model.scout import ScoutPart
from wtman.plan.part_names import part_names
from wtman.plan.partition import partition, words_of

_SHARE = 60_000  # bytes of source that one scout looks at, where there are scouts enough
_FILES = 8
_PROSE = (".md", ".rst", ".txt")
_PATHS = 200  # of a part that are journalled
_HEAVY = 200_000  # bytes: a file of more is rather data


def scout_parts(files: Sequence[TrackedFile], request: str, most: int) -> tuple[ScoutPart, ...]:
    """At most `most` parts, by folders; only those that the request names, if it names any."""
    weights = {
        item.path: 1 + min(item.size, _HEAVY)
        for item in files
        if not item.opaque and item.ending not in _PROSE and not matches(TESTS, item.path)
    }
    if not weights or most <= 0:
        return ()
    number = min(most, max(1 + sum(weights.values()) // _SHARE, -(-len(weights) // _FILES)))
    cut = partition(weights, {}, number)
    owner = {path: at for at, paths in enumerate(cut) for path in paths}
    names = part_names(owner, weights)
    parts = [
        ScoutPart(name.id, tuple(paths[:_PATHS])) for name, paths in zip(names, cut, strict=True)
    ]
    wanted = {word for text in request.split() for word in words_of(text) if len(word) > 3}
    told = [
        part for part in parts if wanted & {word for path in part.paths for word in words_of(path)}
    ]
    return tuple(told or parts)
