"""A checkout put in order after a landing that was cut off.

Where git had finished files and index the landing is finished, else every path goes to what
HEAD has there. Promises to touch only paths that the landing changes, and of these only what
is exactly as it was before or after, is missing, or holds the beginning of what git was
writing: whatever else is there is somebody's work, is kept, and is named. Doing it again after
it was cut off itself is safe. Blocking.
"""

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import new as new_hash

from wtman import locks
from wtman.errors import LockedError
from wtman.formats.git_output import raw, text, tree_lines
from wtman.git.control_dir import Control, call
from wtman.git.discovery import Repository
from wtman.git.objects import history
from wtman.git.ref_log import announce
from wtman.git.repo import checkout_git_dir, in_checkout, moves_at
from wtman.model.changes import Change, Entry
from wtman.model.ids import Sha
from wtman.model.move_note import MoveNote
from wtman.model.ref_moves import ANY, Move
from wtman.model.values import dataclass

_GITLINK, _LINK = "160000", "120000"
_READ = 1 << 20


@dataclass(frozen=True, slots=True)
class Repaired:
    """`head` is where the checkout stands; `kept` are paths with somebody's work in them."""

    head: Sha
    touched: bool
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Indexed:
    """What the index has at a path: nothing, an entry, or something unmerged (`odd`)."""

    entry: Entry | None = None
    odd: bool = False
    absent: bool = False  # left out of a sparse checkout


_NOTHING = _Indexed()


def repair(ctl: Control, note: MoveNote, begin: Callable[[], None]) -> Repaired:
    """Make files, index and HEAD agree. The caller holds the lock of the note.
    `begin` notes that files are put back from here on.

    Raises LockedError where another git is at work in the checkout.
    """
    repo, path = ctl.repo, note.path
    git_dir = checkout_git_dir(repo, path)
    _clear_locks(note, git_dir, repo.common_dir)
    head = Sha(text(in_checkout(repo, path, ["rev-parse", "HEAD"]).out).strip())
    changes = history.changes(ctl, note.before, note.after)
    index = _index(text(in_checkout(repo, path, ["ls-files", "-v", "-s", "-z"]).out), changes)
    here = [move.what for move in moves_at(repo, path, head, head)]
    forward = (
        head == note.before
        and f"refs/heads/{note.branch}" in here
        and bool(changes)
        and all(index.get(item.path, _NOTHING).entry == item.new for item in changes)
    )
    wanted = _wanted(ctl, note, changes, note.after if forward else head)
    looked = _Looked(ctl, note, changes)
    kept: list[str] = []
    entries: list[tuple[str, Entry | None]] = []
    away: list[str] = []
    back: list[str] = []
    for item in changes:
        name, want, known = item.path, wanted[item.path], index.get(item.path, _NOTHING)
        if known.odd or known.entry not in (item.old, item.new):
            if known.odd or known.entry != want:
                kept.append(name)
            continue
        if known.entry != want:
            entries.append((name, want))
        if known.absent and not os.path.lexists(os.path.join(path, name)):
            continue
        match looked.at(item, want):
            case "right":
                continue
            case "foreign":
                kept.append(name)
            case _ if want is None:
                away.append(name)
            case _:
                back.append(name)
    if not (entries or away or back or forward):
        return Repaired(head, False, tuple(kept))
    # First what makes room, in case a full disk was the reason.
    _remove(path, away)
    if back and not note.repaired:
        begin()
    announce(repo, [Move("index", ANY, ANY)])
    if entries:
        _write_index(ctl, path, entries, index)
    blocked = [name for name in back if not _writable(path, name)]
    back = [name for name in back if name not in set(blocked)]
    if back:
        data = b"".join(raw(name) + b"\0" for name in back)
        in_checkout(repo, path, ["checkout-index", "-f", "-u", "-q", "-z", "--stdin"], data)
    if forward:
        announce(repo, moves_at(repo, path, note.before, note.after))
        said = "merge: Fast-forward"
        args = ["update-ref", "-m", said, "HEAD", note.after, note.before]
        in_checkout(repo, path, args)
        head = note.after
    return Repaired(head, True, (*kept, *blocked))


# --- locks ----------------------------------------------------------------------------------


def require_unlocked(repo: Repository, path: str, branch: str) -> None:
    """Refuse to begin where git could not end: it writes files and index before the ref.

    Raises LockedError.
    """
    for lock in _locks(checkout_git_dir(repo, path), repo.common_dir, branch):
        if os.path.lexists(lock):
            raise LockedError(
                f"another git is at work in {path}: {lock} is in use",
                hint="let it end, or remove that file where no git runs; then run the same "
                "command again",
            )


def _clear_locks(note: MoveNote, git_dir: str, common: str) -> None:
    """Take away the locks that our dead git has left. Older ones are somebody's: git says so."""
    for lock in _locks(git_dir, common, note.branch):
        if not locks.drop_made_since(lock, common, note.began):
            raise LockedError(
                f"another git is at work in {note.path}: {lock} is in use",
                hint="let it end, then run the same merge again",
            )


def _locks(git_dir: str, common: str, branch: str) -> tuple[str, ...]:
    return (
        os.path.join(git_dir, "index.lock"),
        os.path.join(git_dir, "HEAD.lock"),
        os.path.join(common, "refs", "heads", branch + ".lock"),
    )


# --- what is there ------------------------------------------------------------------------------


def _wanted(
    ctl: Control, note: MoveNote, changes: Sequence[Change], commit: Sha
) -> Mapping[str, Entry | None]:
    """What a commit has at the paths that the landing changes."""
    if commit == note.before:
        return {item.path: item.old for item in changes}
    if commit == note.after:
        return {item.path: item.new for item in changes}
    out = call(ctl, ["ls-tree", "-r", "-z", "--full-tree", commit]).out
    found = {name: entry for name, entry, _ in tree_lines(out)}
    return {item.path: found.get(item.path) for item in changes}


def _index(listed: str, changes: Sequence[Change]) -> Mapping[str, _Indexed]:
    names = {item.path for item in changes}
    found: dict[str, _Indexed] = {}
    for line in listed.split("\0"):
        facts, _, name = line.partition("\t")
        if name not in names:
            continue
        tag, mode, oid, stage = facts.split(" ")
        odd = stage != "0"
        found[name] = _Indexed(Entry(mode, oid), odd, tag in "Ss")
    return found


class _Looked:
    """The files at the changed paths, told apart with as few processes as possible."""

    def __init__(self, ctl: Control, note: MoveNote, changes: Sequence[Change]) -> None:
        self._top, self._note = note.path, note
        self._away: dict[str, bool] = {}
        self._states = {item.path: self._state(item) for item in changes}
        self._filtered(ctl, [item for item in changes if self._states[item.path] == "foreign"])

    def at(self, item: Change, want: Entry | None) -> str:
        """`right`, `foreign`, or what may be replaced."""
        state = self._states[item.path]
        if state == "missing":
            return "right" if want is None or want.mode == _GITLINK else "missing"
        if state == "folder":
            # What is in a folder is for its own paths; a repository inside is not moved.
            return "right" if want is None or want.mode == _GITLINK else "missing"
        if state in ("old", "new"):
            return "right" if want == (item.old if state == "old" else item.new) else state
        return state

    def _state(self, item: Change) -> str:
        place = os.path.join(self._top, item.path)
        try:
            facts = os.lstat(place)
        except (FileNotFoundError, NotADirectoryError):
            return "missing"
        if self._led_away(item.path):
            return "foreign"
        if stat.S_ISDIR(facts.st_mode):
            return "folder"
        for state, entry in (("old", item.old), ("new", item.new)):
            if entry is not None and _is_kind(entry, facts) and _oid(place, facts, entry):
                return state
        return "foreign"

    def _filtered(self, ctl: Control, items: Sequence[Change]) -> None:
        """Files that a filter wrote, or that git was writing when it died."""
        files = [item for item in items if self._is_plain(item.path)]
        if not files:
            return
        names = b"".join(_c_quoted(item.path) + b"\n" for item in files)
        args = ["-c", "core.safecrlf=false", "hash-object", "--stdin-paths"]
        said = in_checkout(ctl.repo, self._top, args, names).out.decode("ascii").split()
        for item, oid in zip(files, said, strict=True):
            for state, entry in (("old", item.old), ("new", item.new)):
                facts = os.lstat(os.path.join(self._top, item.path))
                if entry is not None and entry.oid == oid and _is_kind(entry, facts):
                    self._states[item.path] = state
        for item in files:
            if self._states[item.path] == "foreign" and self._is_torn(ctl, item):
                self._states[item.path] = "torn"

    def _is_plain(self, name: str) -> bool:
        place = os.path.join(self._top, name)
        return not self._led_away(name) and stat.S_ISREG(os.lstat(place).st_mode)

    def _led_away(self, name: str) -> bool:
        """Whether a link above the path leads out of its place."""
        folder = os.path.dirname(name)
        if folder not in self._away:
            real = os.path.realpath(os.path.join(self._top, folder))
            wanted = os.path.join(os.path.realpath(self._top), folder).rstrip("/")
            self._away[folder] = real != wanted
        return self._away[folder]

    def _is_torn(self, ctl: Control, item: Change) -> bool:
        """Whether the file is the beginning of what git, or an earlier repair, was writing."""
        written = [item.new, *([item.old] if self._note.repaired else [])]
        with open(os.path.join(self._top, item.path), "rb") as file:
            held = file.read()
        for entry in written:
            if entry is None or not entry.regular:
                continue
            args = ["cat-file", "--filters", f"--path={item.path}", entry.oid]
            if in_checkout(ctl.repo, self._top, args).out.startswith(held):
                return True
        return False


def _is_kind(entry: Entry, facts: os.stat_result) -> bool:
    if stat.S_ISLNK(facts.st_mode):
        return entry.mode == _LINK
    if not stat.S_ISREG(facts.st_mode):
        return False
    executable = bool(facts.st_mode & stat.S_IXUSR)
    return entry.mode == _LINK or (entry.regular and executable == (entry.mode == "100755"))


def _oid(place: str, facts: os.stat_result, entry: Entry) -> bool:
    """Whether the bytes there are the blob."""
    body = os.fsencode(os.readlink(place)) if stat.S_ISLNK(facts.st_mode) else None
    size = len(body) if body is not None else facts.st_size
    made = new_hash("sha1" if len(entry.oid) == 40 else "sha256", usedforsecurity=False)
    made.update(b"blob %d\0" % size)
    if body is not None:
        made.update(body)
    else:
        with open(place, "rb") as file:
            while piece := file.read(_READ):
                made.update(piece)
    return made.hexdigest() == entry.oid


def _c_quoted(name: str) -> bytes:
    """A path as `--stdin-paths` wants it, which has no -z."""
    if not name.startswith('"') and "\n" not in name:
        return raw(name)
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return raw(f'"{escaped}"')


# --- what is done -------------------------------------------------------------------------------


def _write_index(
    ctl: Control,
    path: str,
    entries: Sequence[tuple[str, Entry | None]],
    index: Mapping[str, _Indexed],
) -> None:
    gone = b"".join(b"0 %s\t%s\0" % (b"0" * 40, raw(name)) for name, e in entries if e is None)
    there = b"".join(
        b"%s %s\t%s\0" % (e.mode.encode(), e.oid.encode(), raw(name))
        for name, e in entries
        if e is not None
    )
    in_checkout(ctl.repo, path, ["update-index", "-z", "--index-info"], gone + there)
    absent = [name for name, e in entries if e is not None and index.get(name, _NOTHING).absent]
    if absent:
        data = b"".join(raw(name) + b"\0" for name in absent)
        args = ["update-index", "--skip-worktree", "-z", "--stdin"]
        in_checkout(ctl.repo, path, args, data)


def _remove(top: str, names: Iterable[str]) -> None:
    """Delete these files and the folders that they leave empty."""
    for name in sorted(names, reverse=True):
        place = os.path.join(top, name)
        with suppress(FileNotFoundError):
            os.unlink(place)
        for folder in _above(name):
            try:
                os.rmdir(os.path.join(top, folder))
            except OSError:
                break


def _above(name: str) -> Iterator[str]:
    while name := os.path.dirname(name):
        yield name


def _writable(top: str, name: str) -> bool:
    """Whether git can write there without taking away what is somebody's."""
    for folder in _above(name):
        place = os.path.join(top, folder)
        if os.path.lexists(place) and (os.path.islink(place) or not os.path.isdir(place)):
            return False
    place = os.path.join(top, name)
    if os.path.isdir(place) and not os.path.islink(place):
        try:
            _remove_empty(place)
        except OSError:
            return False
    return True


def _remove_empty(place: str) -> None:
    """Delete a folder that holds nothing but empty folders. Raises OSError for any other."""
    for folder, _, held in os.walk(place, topdown=False):
        if held:
            raise OSError(f"{folder} holds files")
        os.rmdir(folder)
