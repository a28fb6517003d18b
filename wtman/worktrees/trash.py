"""Worktrees that were dropped: what no commit has is kept, and all else can be deleted.

A dropped worktree is renamed into a trash folder beside the worktrees, in one step. What is
to be kept of it moves into `tree` there, and the rest is set aside for deletion, which may
take its time. `restore` checks the commit out again and puts what was kept in its place.
Each step can be done twice; a kill between two leaves more, never less. Blocking.
"""

import json
import os
import secrets
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from wtman import files
from wtman.errors import RaceError, UsageError
from wtman.execution.removal import move, remove, set_aside
from wtman.git.checkouts import snapshot
from wtman.git.checkouts.worktrees import Worktree, aside, point, retire, settle
from wtman.git.control_dir import Control, own_index
from wtman.git.discovery import Repository
from wtman.git.disk import DiskTally
from wtman.git.trees import open_up, remove_tree
from wtman.model.values import dataclass

NOTE = "worktree.json"  # what was dropped, and what of it is kept
_WHOLE, _TREE, _ADMIN, _NEW = "whole", "tree", "admin", "new"
_CAP = 1 << 28


@dataclass(frozen=True, slots=True)
class KeptFiles:
    """What of a worktree at `commit` is kept: files, and folders as they are (`paths`).

    `deleted` are files of the commit that it does not have. With `index` its index is kept.
    """

    commit: str
    paths: Sequence[str] = ()
    deleted: Sequence[str] = ()
    index: bool = False


def drop(
    ctl: Control,
    worktree: Worktree,
    trash: str,
    kept: KeptFiles | None = None,
    tally: DiskTally | None = None,
    since: int = 0,
) -> str:
    """Move the worktree into `trash`; the answer is what restores it.

    Without `kept` everything is kept; with it also what was written after `since` (nanoseconds,
    0: nothing). `tally` is given what will be free. `trash` must be on the file system of the
    worktree. Dropping twice is harmless.
    """
    name = os.path.basename(worktree.admin)
    entry = os.path.join(trash, f"{name}-{secrets.token_hex(4)}")
    os.makedirs(entry, mode=0o700)
    note: dict[str, Any] = {"name": name, "path": worktree.path}
    if kept is not None:
        note |= {"commit": kept.commit, "kept": [*kept.paths], "deleted": [*kept.deleted]}
        note |= {"since": since}
    files.replace(os.path.join(entry, NOTE), json.dumps(note).encode())
    if os.path.isdir(worktree.admin) and not os.path.islink(worktree.admin):
        without = None if kept is None or kept.index else shutil.ignore_patterns("index")
        # Copied before anything moves: the two may be on different file systems.
        shutil.copytree(worktree.admin, os.path.join(entry, _ADMIN), symlinks=True, ignore=without)
        if tally is not None and without is not None:
            tally.add(worktree.index)
    if tally is not None:
        tally.add(own := own_index(ctl, worktree.path, worktree.index))
        with suppress(FileNotFoundError):
            os.unlink(own)
    if os.path.lexists(worktree.path):
        move(worktree.path, os.path.join(entry, _TREE if kept is None else _WHOLE))
    retire(ctl.repo, worktree.admin)
    finish(entry, tally)
    return entry


def finish(entry: str, tally: DiskTally | None = None) -> None:
    """Set aside for deletion what need not be kept of a dropped worktree."""
    whole, tree = os.path.join(entry, _WHOLE), os.path.join(entry, _TREE)
    if not os.path.lexists(whole):
        return
    if os.path.isdir(whole) and not os.path.islink(whole):
        note = _note(entry)
        late = _written_since(whole, note["since"]) if note["since"] else []
        if late := [path for path in late if path not in note["kept"]]:
            note["kept"] += late
            files.replace(os.path.join(entry, NOTE), json.dumps(note).encode())
        _carry(whole, tree, note["kept"])
    set_aside(whole, os.path.dirname(entry), tally)


def restorable(repo: Repository, entry: str) -> Worktree:
    """Where `restore` would bring a dropped worktree. Raises RaceError where that is in use."""
    note = _note(entry)
    path = note["path"]
    admin = os.path.join(repo.common_dir, "worktrees", note["name"])
    if os.path.lexists(admin) or (os.path.lexists(path) and not _is_back(entry, path, admin)):
        kept = os.path.join(entry, _TREE)
        raise RaceError(f"{path} is in use again", hint=f"copy what you need from {kept}")
    return Worktree(path, admin)


def restore(ctl: Control, entry: str) -> Worktree:
    """Bring a dropped worktree back to where it was: its commit, and what was kept."""
    there, note = restorable(ctl.repo, entry), _note(entry)
    os.makedirs(os.path.dirname(there.path), exist_ok=True)
    os.makedirs(os.path.dirname(there.admin), exist_ok=True)
    if not os.path.lexists(there.path):
        _build(ctl, entry, note, there)
    if os.path.isdir(os.path.join(entry, _ADMIN)):
        with aside(ctl.repo) as folder:
            copy = os.path.join(folder, note["name"])
            shutil.copytree(os.path.join(entry, _ADMIN), copy, symlinks=True)
            settle(copy, there.admin)
    remove_tree(entry)
    return there


def _build(ctl: Control, entry: str, note: dict[str, Any], there: Worktree) -> None:
    """Put the folder together in the trash, and rename it to its place when it is whole."""
    whole, tree, new = (os.path.join(entry, name) for name in (_WHOLE, _TREE, _NEW))
    if os.path.lexists(whole):  # it was not taken apart to the end
        _carry(tree, whole, note["kept"])
        move(whole, there.path)
    elif not note["commit"]:
        if os.path.lexists(tree):
            move(tree, there.path)
    else:
        if os.path.lexists(new):
            # Begun and cut off: what was in its place already goes back, and once more.
            _carry(new, tree, [path for path in note["kept"] if not _is_there(tree, path)])
            remove_tree(new)
        os.makedirs(new)
        index = os.path.join(entry, _ADMIN, "index")
        kept_index = os.path.lexists(index)
        snapshot.checkout(
            ctl, new, os.path.join(entry, "index") if kept_index else index, note["commit"]
        )
        for path in note["deleted"]:
            if _is_there(new, path):
                remove(os.path.join(new, path))
                _prune(new, path)
        _carry(tree, new, note["kept"])
        point(new, there.admin, ctl.repo.wtman_dir)
        os.rename(new, there.path)


def _is_back(entry: str, path: str, admin: str) -> bool:
    """Whether a `restore` that was cut off has brought the folder back, and not its entry yet."""
    if any(os.path.lexists(os.path.join(entry, name)) for name in (_NEW, _WHOLE)):
        return False
    pointer = files.head(os.path.join(path, ".git"), 4096) or b""
    return os.fsdecode(pointer) == f"gitdir: {admin}\n"


def kept_in(entry: str) -> str:
    """The folder of what was kept of a dropped worktree."""
    return os.path.join(entry, _TREE)


def empty_trash(folder: str, older_than_seconds: float, now: float, tally: DiskTally) -> int:
    """Set aside for deletion what was dropped longer ago than that; says how many."""
    gone = 0
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return 0
    for entry in entries:
        try:
            # What was moved aside, or cut off by a kill, has no note: the move was its last change.
            note = os.path.join(entry.path, NOTE)
            known = os.path.lexists(note)
            dropped = os.lstat(note).st_mtime if known else os.lstat(entry.path).st_ctime
        except OSError:
            continue  # another process deletes it
        ours = known or entry.name.startswith("wtman-")
        if ours and now - dropped > older_than_seconds:
            set_aside(entry.path, folder, tally)
            gone += 1
    return gone


def _note(entry: str) -> dict[str, Any]:
    try:
        note = json.loads(files.head(os.path.join(entry, NOTE), _CAP) or b"")
        return {
            "name": str(note["name"]),
            "path": str(note["path"]),
            "commit": str(note.get("commit", "")),
            "kept": [str(path) for path in note.get("kept", ())],
            "deleted": [str(path) for path in note.get("deleted", ())],
            "since": int(note.get("since", 0)),
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{entry} is not a removed worktree") from error


def _written_since(root: str, since: int) -> list[str]:
    """Files that were written later: somebody saved them at this very moment."""
    found = []
    waiting = [root]
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif entry.stat(follow_symlinks=False).st_ctime_ns > since:
                    found.append(os.path.relpath(entry.path, root))
    return [path for path in found if path != ".git"]


def _carry(source: str, target: str, paths: Iterable[str]) -> None:
    """Move these paths, as far as they are there, from one folder into another, over what is
    in their place."""
    for path in paths:
        if not _is_there(source, path):
            continue
        here, there = os.path.join(source, path), os.path.join(target, path)
        _make_folders(target, os.path.dirname(path))
        if os.path.lexists(there):
            remove(there)
        above = os.path.dirname(here)
        open_up(os.fsencode(above))
        move(here, there)


def _is_there(root: str, path: str) -> bool:
    """Whether the path is there without a link on the way."""
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts):
        return False
    above = (os.path.join(root, *parts[:at]) for at in range(1, len(parts)))
    return not any(map(os.path.islink, above)) and os.path.lexists(os.path.join(root, path))


def _make_folders(root: str, path: str) -> None:
    """Real folders down to `path`; a file or link that is in the way goes."""
    here = root
    os.makedirs(here, exist_ok=True)
    for part in path.split("/") if path else ():
        here = os.path.join(here, part)
        if os.path.islink(here) or not os.path.isdir(here):
            if os.path.lexists(here):
                remove(here)
            os.mkdir(here)


def _prune(root: str, path: str) -> None:
    """Remove the folders above a path that are empty now."""
    above = os.path.dirname(path)
    with suppress(OSError):
        while above:
            os.rmdir(os.path.join(root, above))
            above = os.path.dirname(above)
