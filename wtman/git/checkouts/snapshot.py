"""Files to tree and tree to files, between a worktree and the object database.

Promises: the tree holds every file of the worktree that is not ignored, whatever a
session did to its own index, exclude file or configuration; what cannot be read is an
error, or left out and named. Live worktrees may be snapshotted: nothing is locked or
changed there. A nested repository is left out and named. Submodules stay what they are in
the parent commit.

An index kept between calls is only a cache of file states, as trustworthy as git's own
(size, times, inode); each call works on a copy and replaces it at the end.
"""

import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import field, replace

from wtman import files
from wtman.errors import ExternalError, OutsideError, WorktreeError
from wtman.formats.git_output import raw, text
from wtman.git.control_dir import Control, call, oid, own_index, scratch, scratch_file
from wtman.git.trees import folders_of
from wtman.model.ids import Sha
from wtman.model.values import dataclass

_GITLINK = "160000"
# What git passes over with no more than a word on stderr.
_SHUT = re.compile(r"^warning: could not open directory '(.+?)/?': (.+)$", re.MULTILINE)
_ODD = re.compile(r"^(?:Ignoring path |fatal: Unable to process path )(.+)$", re.MULTILINE)
_STAYS = re.compile(r"^warning: unable to (?:unlink|rmdir) '?(.+?)'?: (.+)$", re.MULTILINE)
_FEW = 200  # paths that git is asked about one by one
_MOST_ODD = 20  # paths that git does not take, found one by one
_TOTAL = 5  # times the most for one file, what all new and changed ones may have together


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`nested` are the folders with a `.git` of their own, relative to the worktree.

    `left` says of each path that was not taken why: the tree has it as the parent commit does.
    `submodules` are those that are initialised.
    """

    tree: Sha
    nested: tuple[str, ...] = ()
    left: Mapping[str, str] = field(default_factory=dict)
    submodules: tuple[str, ...] = ()


def checkout(ctl: Control, worktree: str, index: str, commit: str) -> None:
    """Make the worktree's tracked files equal to `commit`, and `index` say so.

    WorktreeError where a file cannot be taken away.
    """
    os.makedirs(worktree, exist_ok=True)
    with _working(ctl, worktree, index) as working:
        said = _load(ctl, worktree, working, ["--reset", "-u", oid(commit)])
    _require_gone(said)
    show(ctl, worktree, index)


def move(ctl: Control, worktree: str, index: str, was: str, to: str) -> None:
    """The same from one commit to another, where the index says what `was` holds.

    What the two have in common is not looked at. WorktreeError where a file stays.
    """
    with _working(ctl, worktree, index) as working:
        args = ["read-tree", "--reset", "-u", oid(was), oid(to)]
        said = call(ctl, args, worktree=worktree, index=working).err
    _require_gone(said)
    show(ctl, worktree, index)


def _require_gone(said: str) -> None:
    if stays := _STAYS.search(said):
        raise WorktreeError(f"{stays[1]} cannot be taken away ({stays[2]})")


def snapshot(
    ctl: Control,
    worktree: str,
    index: str,
    parent_commit: str,
    *,
    largest: int = 0,
    leave: bool = False,
    forced: Sequence[str] = (),
) -> Snapshot:
    """The tree of everything in the worktree that is not ignored, and of the `forced` paths.

    A new or changed file of more than `largest` bytes (0: none) is a WorktreeError, and so
    is what cannot be read or has a name that git does not take. With `leave` it is left out,
    and so are the largest ones where all together are too much: hashing takes a bounded
    time, whatever a session left there.
    """
    with _working(ctl, worktree, index) as working:
        _load(ctl, worktree, working, ["--reset", oid(parent_commit)])
        tracked, others, left, links = _listed(ctl, worktree, working)
        nested, others = _without_nested(worktree, tracked, others)
        others += forced
        gone, changed = _changed(ctl, worktree, working)
        left |= _unreadable(worktree, changed + others)
        if largest:
            wanted = [path for path in changed + others if path not in left]
            left |= _too_large(worktree, wanted, largest, together=leave)
        if not leave:
            _refuse(left)
        if gone:
            _update(ctl, worktree, working, ["--force-remove"], gone)
        wanted = [path for path in changed + others if path not in left]
        left |= _added(ctl, worktree, working, wanted)
        if not leave:
            _refuse(left)
        written = call(ctl, ["write-tree"], worktree=worktree, index=working).out
    submodules = (path for path in links if os.path.lexists(os.path.join(worktree, path, ".git")))
    return Snapshot(Sha(written.decode().strip()), nested, left, tuple(submodules))


def snapshot_changed(
    ctl: Control, worktree: str, index: str, base: str, changed: Sequence[str]
) -> Snapshot:
    """The tree that the index `base` has, with the files at `changed` as they are now.

    For who knows that everything else is as it was when that index was written, and that what
    is there at `changed` are plain files and links that git is to have.
    """
    with _working(ctl, worktree, index, base) as working:
        _refuse(_added(ctl, worktree, working, list(changed)))
        written = call(ctl, ["write-tree"], worktree=worktree, index=working).out
    return Snapshot(Sha(written.decode().strip()))


def ignored(ctl: Control, worktree: str, index: str, named: Sequence[str] = ()) -> list[str]:
    """Untracked paths that are ignored, as of the last snapshot; `named` narrows the question.

    A folder without anything tracked in it is one path, which ends with `/`.
    """
    args = ["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory", *named]
    kept = own_index(ctl, worktree, index)
    listed = call(ctl, args, worktree=worktree, index=kept).out
    paths = [text(item) for item in listed.split(b"\0") if item]
    folders = {path.rstrip("/") for path in paths if path.endswith("/")}
    # A folder whose files are ignored one by one is listed, and they are, too.
    return [path for path in paths if not folders_of([path.rstrip("/")], "/") & folders]


@dataclass(frozen=True, slots=True)
class Since:
    """What some paths of a worktree are beyond its last snapshot or checkout.

    `tree` is what that saw; `changed`: a file that it has is another now, or gone. What it does
    not have is `ignored` or `untracked`; a folder without anything that it has ends with `/`.
    """

    tree: Sha
    changed: bool = False
    ignored: tuple[str, ...] = ()
    untracked: tuple[str, ...] = ()


def since(ctl: Control, worktree: str, index: str, paths: Sequence[str]) -> Since | None:
    """What has come of these paths since then; None where there was no such look."""
    kept = own_index(ctl, worktree, index)
    if not os.path.exists(kept):
        return None
    written = call(ctl, ["write-tree"], worktree=worktree, index=kept).out
    tree = Sha(written.decode().strip())
    named = ["--", *(path.rstrip("/") for path in paths)] if len(paths) <= _FEW else []
    args = ["ls-files", "-z", "-t", "--others", "--directory", "--modified", "--deleted", *named]
    told = call(ctl, args, worktree=worktree, index=kept).out.split(b"\0")
    others = [text(item[2:]) for item in told if item.startswith(b"? ")]
    changed = any(item and not item.startswith(b"? ") for item in told)
    hidden = ignored(ctl, worktree, index, named) if others else []
    unseen = frozenset(hidden)
    untracked = tuple(path for path in others if path not in unseen)
    return Since(tree, changed, tuple(hidden), untracked)


def show(ctl: Control, worktree: str, index: str) -> None:
    """Give the worktree's own index what the last snapshot or checkout saw."""
    kept = own_index(ctl, worktree, index)
    if index and index != kept:
        files.copy(kept, index)


def works(ctl: Control) -> bool:
    """Whether git can do here what a snapshot asks of it, with a folder that nobody has touched."""
    with scratch(ctl) as folder:
        place, aside = os.path.join(folder, "tree"), os.path.join(folder, "objects")
        os.mkdir(place)
        os.mkdir(aside)
        ctl = replace(ctl, aside=aside)
        files.replace(os.path.join(place, "file"), b"file\n")
        index = os.path.join(folder, "index")
        try:
            call(ctl, ["read-tree", "--empty"], worktree=place, index=index)
            _listed(ctl, place, index)
            _changed(ctl, place, index)
            _update(ctl, place, index, ["--add"], ["file"])
            call(ctl, ["write-tree"], worktree=place, index=index)
        except ExternalError:
            return False
    return True


@contextmanager
def _working(ctl: Control, worktree: str, index: str, base: str = "") -> Iterator[str]:
    """A copy of the index, or of `base`, to work with; it takes the index's place at the end."""
    kept = own_index(ctl, worktree, index)
    with scratch_file(ctl) as working:
        with suppress(FileNotFoundError):
            # With its time: git compares file times with it to see edits within one tick.
            shutil.copy2(base or kept, working)
        yield working
        files.copy(working, kept)


def _load(ctl: Control, worktree: str, working: str, args: list[str]) -> str:
    try:
        return call(ctl, ["read-tree", *args], worktree=worktree, index=working).err
    except OutsideError:
        raise
    except ExternalError:
        if not os.path.exists(working):
            raise
        # A power cut may leave half an index; it is only a cache.
        os.unlink(working)
        return call(ctl, ["read-tree", *args], worktree=worktree, index=working).err


def _listed(
    ctl: Control, worktree: str, working: str
) -> tuple[list[str], list[str], dict[str, str], list[str]]:
    """Tracked paths, and untracked ones that are not ignored; `x/` is a nested repository.

    The third: the folders that git could not look into, and why. The fourth: of the tracked
    paths the submodules.
    """
    args = ["ls-files", "-z", "-t", "--stage", "--cached", "--others", "--exclude-standard"]
    tracked: list[str] = []
    others: list[str] = []
    links: list[str] = []
    answer = call(ctl, args, worktree=worktree, index=working)
    for item in answer.out.split(b"\0"):
        if item.startswith(b"? "):
            others.append(text(item[2:]))
        elif item:
            facts, _, name = item.partition(b"\t")
            tracked.append(text(name))
            if facts[2:].startswith(_GITLINK.encode()):
                links.append(tracked[-1])
    shut = {
        path: f"cannot be read ({why})"
        for path, why in _SHUT.findall(answer.err)
        # A live session may have removed it. A name that is no UTF-8 cannot be looked for.
        if "\ufffd" in path or os.path.lexists(os.path.join(worktree, path))
    }
    return tracked, others, shut, links


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


def _too_large(worktree: str, paths: list[str], largest: int, *, together: bool) -> dict[str, str]:
    """The files beyond the caps, the smallest ones being taken first."""
    found: dict[str, str] = {}
    total = 0
    for size, path in sorted(_sizes(worktree, paths)):
        total += size
        if size > largest or (together and total > _TOTAL * largest):
            found[path] = f"has {size >> 20} MiB; a file may have {largest >> 20} MiB"
    return found


def _unreadable(worktree: str, paths: list[str]) -> dict[str, str]:
    """The files that this user may not read: git would end at the first."""
    found: dict[str, str] = {}
    for path in paths:
        place = os.path.join(worktree, path)
        try:
            facts = os.lstat(place)
        except PermissionError as error:
            found[path] = f"cannot be read ({error.strerror})"
        except OSError:
            continue
        else:
            if stat.S_ISREG(facts.st_mode) and not os.access(place, os.R_OK):
                found[path] = f"cannot be read (mode {stat.S_IMODE(facts.st_mode):03o})"
    return found


def _refuse(left: Mapping[str, str]) -> None:
    if left:
        raise WorktreeError(why_left(left), hint="mend, remove or ignore it (.gitignore)")


def why_left(left: Mapping[str, str]) -> str:
    """What was not taken, in one line."""
    (path, why), *others = sorted(left.items())
    return f"{path} {why}" + (f", and {len(others)} more" if others else "")


def _sizes(worktree: str, paths: list[str]) -> Iterator[tuple[int, str]]:
    for path in paths:
        try:
            yield os.lstat(os.path.join(worktree, path)).st_size, path
        except OSError:
            continue


def _added(ctl: Control, worktree: str, working: str, paths: list[str]) -> dict[str, str]:
    """Put the files into the index; gives those that git does not take, and why.

    It ends at some and passes over others: then it is asked again without them.
    """
    flags, odd = ["--add", "--remove", "--replace"], dict[str, str]()
    while paths:
        try:
            said = _update(ctl, worktree, working, flags, paths)
        except OutsideError:
            raise
        except ExternalError as error:
            found = [path for path in _ODD.findall(error.stderr) if path in set(paths)]
            if not found or len(odd) >= _MOST_ODD:
                raise
            lines = [line for line in error.stderr.splitlines() if line.startswith("error: ")]
            odd |= dict.fromkeys(found, f"is not taken by git ({'; '.join(lines[:1])[7:]})")
            paths = [path for path in paths if path not in odd]
        else:
            return odd | dict.fromkeys(_ODD.findall(said), "has a name that git does not take")
    return odd


def _update(ctl: Control, worktree: str, working: str, flags: list[str], paths: list[str]) -> str:
    script = b"".join(raw(path) + b"\0" for path in paths)
    args = ["update-index", "-z", *flags, "--stdin"]
    return call(ctl, args, worktree=worktree, index=working, input=script).err
