"""What a checkout of a commit takes on the disk, told from git alone. Blocking.

Counted are its files in whole blocks, its folders, what git-lfs fetches for its pointers, and
the two indexes that wtman keeps of it. Submodules stay empty in a checkout. What a tree takes is
kept, for git is slow to tell the sizes of very many files: the next commit costs what it changed.
"""

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from typing import Any

from wtman import files
from wtman.errors import ExternalError
from wtman.formats.git_output import tree_sizes
from wtman.formats.lfs import size_in
from wtman.git import config
from wtman.git.control_dir import Control, call, oid
from wtman.git.objects.history import changes_many, contents, sizes, tree_of
from wtman.git.trees import folders_of
from wtman.model.changes import Entry
from wtman.model.disk import DiskUse

_INDEXES = 2 * 100  # bytes a file: the entry of an index (62 and its path), twice
_POINTER = range(100, 300)  # bytes of a file that may point into LFS
_LINK, _MODULE = "120000", "160000"
_SHORT = 60  # bytes of a link that lie in its inode (ext4)
_NAME = "footprints.json"
_CAP = 1 << 16
_MOST = 20  # trees that are remembered
_FAR = 2_000  # entries that differ; from there on the whole tree is read anew


@lru_cache(maxsize=16)
def footprint(ctl: Control, commit: str, block: int) -> DiskUse:
    """The space of one checkout on a file system whose files take `block` bytes at least."""
    tree = tree_of(ctl, commit)
    settings = config.entries(ctl.repo.git_dir)
    lfs = any(item.key.startswith("filter.lfs.") for item in settings)
    place = os.path.join(ctl.repo.wtman_dir, _NAME)
    known, kind = _kept(place), f"{block}{' lfs' if lfs else ''}"
    of_kind = known.setdefault(kind, {})
    use = (
        of_kind.get(tree) or _grown(ctl, tree, block, lfs, of_kind) or _whole(ctl, tree, block, lfs)
    )
    if tree not in of_kind:
        of_kind[tree] = use
        known[kind] = dict([*of_kind.items()][-_MOST:])
        plain = {kind: {t: [u.size, u.files] for t, u in of.items()} for kind, of in known.items()}
        with suppress(OSError):
            files.replace(place, json.dumps(plain).encode())
    return use


def _whole(ctl: Control, tree: str, block: int, lfs: bool) -> DiskUse:
    listed = call(ctl, ["ls-tree", "-r", "-l", "-z", "--full-tree", oid(tree)]).out
    found = [*tree_sizes(listed)]
    folders = len(folders_of((path for path, *_ in found), b"/")) + 1
    entries = ((mode.decode(), name.decode(), size) for _, mode, name, size in found)
    return _of_files(ctl, entries, block, lfs) + DiskUse(block, 1) * folders


def _of_files(
    ctl: Control, entries: Iterable[tuple[str, str, int]], block: int, lfs: bool
) -> DiskUse:
    """What files, links and submodules take, each with its mode, name and size."""
    count = total = 0
    pointers: list[str] = []
    for mode, name, size in entries:
        count += 1
        if size in _POINTER and mode.startswith("100"):
            pointers.append(name)
        if mode != _LINK or size >= _SHORT:
            total += -(-size // block) * block
    if lfs:
        held = contents(ctl, pointers, _POINTER.stop)
        total += sum(-(-size_in(held[name]) // block) * block for name in pointers if name in held)
    return DiskUse(total + count * _INDEXES, count)


def _grown(
    ctl: Control, tree: str, block: int, lfs: bool, known: dict[str, DiskUse]
) -> DiskUse | None:
    """By what it differs from the tree that was asked about last; None where that is unknown."""
    last = next(reversed(known), None)
    if last is None:
        return None
    try:
        changed = changes_many(ctl, ((last, tree),), folders=True)[0]
    except ExternalError:  # a tree of long ago that nobody has any more
        return None
    entries = [entry for item in changed for entry in (item.old, item.new) if entry is not None]
    if len(entries) > _FAR:
        return None
    held = sizes(ctl, [entry.oid for entry in entries if not entry.is_folder])

    def of(some: Iterable[Entry | None]) -> DiskUse | None:
        there = [entry for entry in some if entry is not None]
        folders = sum(entry.is_folder for entry in there)
        plain = [entry for entry in there if not entry.is_folder]
        if any(entry.oid not in held for entry in plain if entry.mode != _MODULE):
            return None
        named = ((entry.mode, entry.oid, held.get(entry.oid, 0)) for entry in plain)
        return _of_files(ctl, named, block, lfs) + DiskUse(block, 1) * folders

    came, gone = of(item.new for item in changed), of(item.old for item in changed)
    return None if came is None or gone is None else known[last] + came - gone


def _kept(place: str) -> dict[str, dict[str, DiskUse]]:
    try:
        read: dict[str, Any] = json.loads(files.head(place, _CAP) or b"{}")
        return {
            kind: {tree: DiskUse(int(size), int(count)) for tree, (size, count) in of.items()}
            for kind, of in read.items()
        }
    except (ValueError, TypeError, AttributeError):
        return {}
