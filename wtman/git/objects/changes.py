"""What changed between trees, entry by entry: read for many pairs in one process."""

from collections.abc import Sequence

from wtman.formats.git_output import raw_changes
from wtman.git.control_dir import Control, call
from wtman.git.objects.history import trees_of
from wtman.model.changes import Changes


def changes(ctl: Control, a: str, b: str) -> Changes:
    """What changed between two commits or trees; a rename is a deletion and an addition."""
    return changes_many(ctl, ((a, b),))[0]


def changes_many(
    ctl: Control, pairs: Sequence[tuple[str, str]], *, folders: bool = False
) -> tuple[Changes, ...]:
    """What changed between the commits or trees of each pair.

    `folders`: every folder above a changed path is there too, so that a folder that came or
    went is seen.
    """
    distinct = tuple(dict.fromkeys(pairs))
    if not distinct:
        return ()
    flat = trees_of(ctl, [item for pair in distinct for item in pair])
    headers = [f"{a} {b}\n".encode() for a, b in zip(flat[0::2], flat[1::2], strict=True)]
    args = ["diff-tree", "--stdin", "-r", "-z", "--raw", "--no-renames", "--no-abbrev"]
    out = call(ctl, [*args, *(["-t"] if folders else [])], input=b"".join(headers)).out
    found = dict(zip(distinct, raw_changes(out, headers), strict=True))
    return tuple(found[pair] for pair in pairs)
