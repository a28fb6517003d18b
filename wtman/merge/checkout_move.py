"""A branch that is checked out, moved with its index and files: whole or not at all.

git writes the files first, then the index, then the ref. One that is killed half-way, or
meets a full disk, leaves a checkout that is neither before nor after. So a note is on disk
first (`checkout_note`), and whatever ends git, the checkout is then put in order by it
(`git/checkout_repair`): here if we are still alive, else by the next command that moves something.
What would be in the way is looked for before anything is touched. Blocking.
"""

import os
import time
from collections.abc import Callable
from dataclasses import replace

from wtman.errors import DiskFullError, ExternalError, ToolError, WtmanError
from wtman.formats.git_output import raw
from wtman.git.checkout_repair import Repaired, repair, require_unlocked
from wtman.git.control_dir import Control, call, prepare
from wtman.git.discovery import Repository
from wtman.git.disk import free_bytes
from wtman.git.objects import history
from wtman.git.ref_log import announce
from wtman.git.repo import fast_forward, in_checkout, moves_at, require_filtered
from wtman.merge import checkout_note as notes
from wtman.model.changes import Changes, Entry
from wtman.model.ids import Sha
from wtman.model.move_note import MoveNote
from wtman.model.ref_moves import ANY, Move
from wtman.text.words import listed

_SPARE = 4 << 20  # bytes that are to be left
_PLENTY = 4 << 30  # where so much is free nobody measures what is needed


def move_forward(ctl: Control, path: str, branch: str, before: Sha, after: Sha) -> None:
    """Move the branch that is checked out at `path` from `before` to its descendant `after`."""
    repo = ctl.repo
    _move(
        ctl,
        MoveNote(path, branch, before, after, time.time()),
        lambda lock: fast_forward(repo, path, before, after, lock),
    )


def move_back(ctl: Control, path: str, branch: str, now: Sha, to: Sha) -> None:
    """Move the branch that is checked out at `path` from `now` back to its ancestor `to`."""
    repo = ctl.repo

    def go(lock: int) -> None:
        require_filtered(repo, path, now, to)
        announce(repo, [Move("index", ANY, ANY), *moves_at(repo, path, now, to)])
        in_checkout(repo, path, ["read-tree", "-m", "-u", now, to], keep=(lock,))
        said = f"wtman: back to {to[:12]}"
        in_checkout(repo, path, ["update-ref", "-m", said, "HEAD", to, now], keep=(lock,))

    _move(ctl, MoveNote(path, branch, now, to, time.time()), go)


def mend(repo: Repository) -> tuple[str, ...]:
    """Put in order what landings that were cut off have left, and say what was done."""
    told = []
    for note in notes.cut_off(repo):
        with notes.held(repo, note.path):
            again = notes.read(repo, note.path)
            if again is None:
                continue
            if not os.path.isdir(again.path):
                notes.forget(repo, again.path)
                continue
            done = _repaired(prepare(repo), again)
            notes.forget(repo, again.path)
            told.append(_text(again, done))
    return tuple(told)


def _move(ctl: Control, note: MoveNote, go: Callable[[int], None]) -> None:
    repo = ctl.repo
    with notes.held(repo, note.path) as lock:
        left = notes.read(repo, note.path)
        if left is not None:
            _repaired(ctl, left)
        changes = history.changes(ctl, note.before, note.after)
        _require_free_paths(note.path, changes)
        _require_room(ctl, note.path, changes)
        require_unlocked(repo, note.path, note.branch)
        notes.write(repo, note)
        try:
            go(lock)
        except WtmanError as error:
            found = _told_full(note.path, error)
            _after_failure(ctl, note, found)
            if found is error:
                raise
            raise found from error
        notes.forget(repo, note.path)


def _repaired(ctl: Control, note: MoveNote) -> Repaired:
    def begin() -> None:
        notes.write(ctl.repo, replace(note, repaired=True))

    return repair(ctl, note, begin)


def _told_full(path: str, error: WtmanError) -> WtmanError:
    """git does not say why it could not write a file."""
    told = isinstance(error, ExternalError) and "unable to write" in error.stderr
    return notes.full(path) if told and free_bytes(path) < _SPARE else error


def _after_failure(ctl: Control, note: MoveNote, error: WtmanError) -> None:
    """Put the checkout in order, and have the error say how it is now."""
    again = "then run the same command again"
    if isinstance(error, DiskFullError):
        error.hint = f"free some disk space, {again}"
    elif isinstance(error, ToolError):
        error.hint = f"look whether memory ran out (dmesg), {again}"
    try:
        done = _repaired(ctl, note)
    except WtmanError as second:
        error.hint = f"{second.message}; {second.hint or again}"
        return
    notes.forget(ctl.repo, note.path)
    if done.touched:
        error.message += f"; {note.path} is as it was before"


def _text(note: MoveNote, done: Repaired) -> str:
    end = f"it is at {done.head[:10]}" if done.touched else "nothing had to be done"
    if done.kept:
        end += f"; your changes were kept in {listed(done.kept, 5)}"
    return f"a merge was cut off while it changed {note.path}: {end}"


# --- looked for before anything is touched ------------------------------------------------------


def _require_free_paths(path: str, changes: Changes) -> None:
    """Refuse to write where something lies that git does not know."""
    tracked = {item.path for item in changes if item.old is not None}
    found = [
        item.path
        for item in changes
        if item.old is None
        and item.new is not None
        and _in_the_way(path, item.path, tracked, item.new)
    ]
    if found:
        raise WtmanError(
            f"{path} has files that are not in git where the merge has its own: {listed(found, 5)}",
            hint="commit, stash or move these files, then run the same command again",
            code="dirty",
        )


def _in_the_way(top: str, name: str, tracked: set[str], new: Entry) -> bool:
    place = os.path.join(top, name)
    if os.path.lexists(place):
        # A folder that becomes a file is tracked by what is in it; git looks at the rest.
        return not os.path.isdir(place) or os.path.islink(place)
    parts = name.split("/")
    for length in range(1, len(parts)):
        above = "/".join(parts[:length])
        over = os.path.join(top, above)
        if not os.path.lexists(over):
            return False
        if above not in tracked and (os.path.islink(over) or not os.path.isdir(over)):
            return True
    return False


def _require_room(ctl: Control, path: str, changes: Changes) -> None:
    """Refuse where the files would not fit: git deletes first, then writes in order of path."""
    free = free_bytes(path)
    if free > _PLENTY:
        return
    entries = [entry for item in changes for entry in (item.old, item.new) if entry is not None]
    sizes = _sizes(ctl, {entry.oid for entry in entries if entry.mode != "160000"})

    def size(entry: Entry | None) -> int:
        return -(-sizes.get(entry.oid, 0) // 4096) * 4096 if entry is not None else 0

    used = -sum(size(item.old) for item in changes if item.new is None)
    most = 0
    for item in changes:
        if item.new is not None:
            used += size(item.new) - size(item.old)
            most = max(most, used)
    if most and most + _SPARE > free:
        raise DiskFullError(
            f"{path} needs {_mib(most + _SPARE)} MiB of free disk space and has {_mib(free)}",
            hint="free some disk space, then run the same command again",
        )


def _sizes(ctl: Control, names: set[str]) -> dict[str, int]:
    asked = "".join(f"{name}\n" for name in sorted(names))
    said = call(ctl, ["cat-file", "--batch-check=%(objectname) %(objectsize)"], input=raw(asked))
    found = {}
    for line in said.out.decode("ascii", "replace").splitlines():
        name, _, size = line.partition(" ")
        found[name] = int(size) if size.isdigit() else 0
    return found


def _mib(size: int) -> int:
    return -(-size // 2**20)
