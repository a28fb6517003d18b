"""What a branch does to a tree, entry by entry: read for many branches in one process.

Promises raw facts: paths are bytes, a rename is a deletion and an addition, and every
folder above a changed path is there too, so that a folder that came or went is seen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wtman.errors import ExternalError
from wtman.git.control_dir import Control, call
from wtman.git.objects.history import trees_of

FOLDER = b"40000"


@dataclass(frozen=True, slots=True)
class RawEntry:
    """A line of a tree. `mode` is as git writes it into one, without a leading zero."""

    mode: bytes
    oid: str

    @property
    def is_folder(self) -> bool:
        return self.mode == FOLDER


@dataclass(frozen=True, slots=True)
class RawChange:
    """One path of two trees; None where it is not there."""

    path: bytes
    old: RawEntry | None
    new: RawEntry | None

    @property
    def gone(self) -> bool:
        return self.new is None

    @property
    def inside(self) -> bool:
        """A folder in both: something below it changed."""
        return bool(self.old and self.new and self.old.is_folder and self.new.is_folder)


Changes = tuple[RawChange, ...]


def changes_many(ctl: Control, pairs: Sequence[tuple[str, str]]) -> tuple[Changes, ...]:
    """What changed between the trees of each pair of commits or trees."""
    distinct = tuple(dict.fromkeys(pairs))
    if not distinct:
        return ()
    flat = trees_of(ctl, [item for pair in distinct for item in pair])
    headers = [f"{a} {b}\n".encode() for a, b in zip(flat[0::2], flat[1::2], strict=True)]
    args = ["diff-tree", "--stdin", "-r", "-t", "-z", "--raw", "--no-renames", "--no-abbrev"]
    out = call(ctl, args, input=b"".join(headers)).out
    found: dict[tuple[str, str], Changes] = {}
    at = 0
    for pair, header in zip(distinct, headers, strict=True):
        if not out.startswith(header, at):
            raise ExternalError("git diff-tree answered in an order it was not asked in")
        records, at = _records(out, at + len(header))
        found[pair] = records
    return tuple(found[pair] for pair in pairs)


def _records(out: bytes, at: int) -> tuple[Changes, int]:
    """The records from `at` on, `:old-mode new-mode old new status NUL path NUL`."""
    found = []
    while out.startswith(b":", at):
        middle = out.index(b"\0", at)
        end = out.index(b"\0", middle + 1)
        old_mode, new_mode, old, new, _ = out[at + 1 : middle].split(b" ")
        found.append(RawChange(out[middle + 1 : end], _entry(old_mode, old), _entry(new_mode, new)))
        at = end + 1
    return tuple(found), at


def _entry(mode: bytes, oid: bytes) -> RawEntry | None:
    plain = mode.lstrip(b"0")
    return RawEntry(plain, oid.decode()) if plain else None


def meeting(groups: Sequence[Sequence[Changes]]) -> Iterator[tuple[int, int]]:
    """Pairs of groups that change one path, or one a path above or below the other's.

    Folders count only where they came, went or turned into something else.
    """
    touched = [
        {change.path for part in group for change in part if not change.inside} for group in groups
    ]
    where: dict[bytes, list[int]] = {}
    for number, paths in enumerate(touched):
        for path in paths:
            where.setdefault(path, []).append(number)
    found: set[tuple[int, int]] = set()
    for number, paths in enumerate(touched):
        for place in {place for path in paths for place in (path, *_above(path))}:
            for other in where.get(place, ()):
                if other != number:
                    found.add((min(number, other), max(number, other)))
    yield from sorted(found)


def _above(path: bytes) -> Iterator[bytes]:
    cut = path.rfind(b"/")
    while cut > 0:
        yield path[:cut]
        cut = path.rfind(b"/", 0, cut)
