"""Files to tree and tree to files, between a worktree and the object database.

Promises: the tree holds every file of the worktree that is not ignored, whatever a
session did to its own index, exclude file or configuration. Live worktrees may be
snapshotted: nothing is locked or changed there. A nested repository is left out and
named. Submodules stay what they are in the parent commit.

An index kept between calls is only a cache of file states, as trustworthy as git's own
(size, times, inode); each call works on a copy and replaces it at the end.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from wtman import files
from wtman.errors import DiskFullError, ExternalError
from wtman.formats.git_output import raw, text
from wtman.git.control_dir import Control, call, oid, own_index, scratch_file
from wtman.git.trees import folders_of
from wtman.model.ids import Sha

_GITLINK = "160000"
_TOTAL = 5  # times the most for one file, what all new and changed ones may have together


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`nested` are the folders with a `.git` of their own, relative to the worktree.

    `left` are files that were too large: the tree has them as the parent commit does.
    """

    tree: Sha
    nested: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def checkout(ctl: Control, worktree: str, index: str, commit: str) -> None:
    """Make the worktree's tracked files equal to `commit`, and `index` say so."""
    os.makedirs(worktree, exist_ok=True)
    with _working(ctl, worktree, index) as working:
        _load(ctl, worktree, working, ["--reset", "-u", oid(commit)])
    show(ctl, worktree, index)


def snapshot(
    ctl: Control,
    worktree: str,
    index: str,
    parent_commit: str,
    *,
    largest: int = 0,
    leave: bool = False,
) -> Snapshot:
    """The tree of everything in the worktree that is not ignored.

    A new or changed file of more than `largest` bytes is an error (0: none is). With
    `leave` it is left out, and so are the largest ones where all together are too much:
    hashing takes a bounded time, whatever a session left there.
    """
    with _working(ctl, worktree, index) as working:
        _load(ctl, worktree, working, ["--reset", oid(parent_commit)])
        tracked, others = _listed(ctl, worktree, working)
        nested, others = _without_nested(worktree, tracked, others)
        gone, changed = _changed(ctl, worktree, working)
        left: frozenset[str] = frozenset()
        if largest and leave:
            left = _too_large(worktree, changed + others, largest)
            changed = [path for path in changed if path not in left]
            others = [path for path in others if path not in left]
        elif largest:
            _refuse_large(worktree, changed + others, largest)
        if gone:
            _update(ctl, worktree, working, ["--force-remove"], gone)
        if changed or others:
            flags = ["--add", "--remove", "--replace"]
            _update(ctl, worktree, working, flags, changed + others)
        written = call(ctl, ["write-tree"], worktree=worktree, index=working).out
    return Snapshot(Sha(written.decode().strip()), nested, tuple(sorted(left)))


def ignored(ctl: Control, worktree: str, index: str) -> list[str]:
    """Untracked paths that are ignored, as of the last snapshot.

    A folder without anything tracked in it is one path, which ends with `/`.
    """
    args = ["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory"]
    kept = own_index(ctl, worktree, index)
    listed = call(ctl, args, worktree=worktree, index=kept).out
    return [text(item) for item in listed.split(b"\0") if item]


def show(ctl: Control, worktree: str, index: str) -> None:
    """Give the worktree's own index what the last snapshot or checkout saw."""
    kept = own_index(ctl, worktree, index)
    if index and index != kept:
        files.copy(kept, index)


@contextmanager
def _working(ctl: Control, worktree: str, index: str) -> Iterator[str]:
    """A copy of the index to work with, which takes its place at the end."""
    kept = own_index(ctl, worktree, index)
    with scratch_file(ctl) as working:
        with suppress(FileNotFoundError):
            # With its time: git compares file times with it to see edits within one tick.
            shutil.copy2(kept, working)
        yield working
        files.copy(working, kept)


def _load(ctl: Control, worktree: str, working: str, args: list[str]) -> None:
    try:
        call(ctl, ["read-tree", *args], worktree=worktree, index=working)
    except DiskFullError:
        raise
    except ExternalError:
        if not os.path.exists(working):
            raise
        # A power cut may leave half an index; it is only a cache.
        os.unlink(working)
        call(ctl, ["read-tree", *args], worktree=worktree, index=working)


def _listed(ctl: Control, worktree: str, working: str) -> tuple[list[str], list[str]]:
    """Tracked paths, and untracked ones that are not ignored; `x/` is a nested repository."""
    args = ["ls-files", "-z", "-t", "--cached", "--others", "--exclude-standard"]
    tracked: list[str] = []
    others: list[str] = []
    for item in call(ctl, args, worktree=worktree, index=working).out.split(b"\0"):
        if item:
            (others if item.startswith(b"? ") else tracked).append(text(item[2:]))
    return tracked, others


def _without_nested(
    worktree: str, tracked: list[str], others: list[str]
) -> tuple[tuple[str, ...], list[str]]:
    """Folders with a `.git`, and the untracked paths that are in none of the new ones.

    In a folder that the parent commit tracks, a planted `.git` hides nothing.
    """
    known = folders_of(tracked, "/")
    seen = known | folders_of(others, "/")
    with_git = {place for place in seen if os.path.lexists(os.path.join(worktree, place, ".git"))}
    nested = with_git | {path.rstrip("/") for path in others if path.endswith("/")}
    closed = nested - known
    kept = [
        path
        for path in others
        if not path.endswith("/") and not (closed and folders_of([path], "/") & closed)
    ]
    return tuple(sorted(nested)), kept


def _changed(ctl: Control, worktree: str, working: str) -> tuple[list[str], list[str]]:
    """Tracked paths that are gone, and those whose state differs from the index."""
    args = ["diff-files", "--raw", "-z", "--ignore-submodules=all", "--no-renames"]
    fields = call(ctl, args, worktree=worktree, index=working).out.split(b"\0")
    gone: list[str] = []
    changed: list[str] = []
    for meta, path in zip(fields[0::2], fields[1::2], strict=False):
        mode, status = meta[1:7].decode(), meta[-1:]
        if mode == _GITLINK:
            continue
        name = text(path)
        place = os.path.join(worktree, name)
        there = status != b"D" and (os.path.islink(place) or os.path.isfile(place))
        (changed if there else gone).append(name)
    return gone, changed


def _too_large(worktree: str, paths: list[str], largest: int) -> frozenset[str]:
    """The files beyond the caps, the smallest ones being taken first."""
    found: set[str] = set()
    total = 0
    for size, path in sorted(_sizes(worktree, paths)):
        total += size
        if size > largest or total > _TOTAL * largest:
            found.add(path)
    return frozenset(found)


def _sizes(worktree: str, paths: list[str]) -> Iterator[tuple[int, str]]:
    for path in paths:
        try:
            yield os.lstat(os.path.join(worktree, path)).st_size, path
        except OSError:
            continue


def _refuse_large(worktree: str, paths: list[str], largest: int) -> None:
    for size, path in _sizes(worktree, paths):
        if size > largest:
            raise ExternalError(
                f"{path} has {size >> 20} MiB; a file may have {largest >> 20} MiB",
                hint="add it to .gitignore",
            )


def _update(ctl: Control, worktree: str, working: str, flags: list[str], paths: list[str]) -> None:
    script = b"".join(raw(path) + b"\0" for path in paths)
    args = ["update-index", "-z", *flags, "--stdin"]
    call(ctl, args, worktree=worktree, index=working, input=script)
