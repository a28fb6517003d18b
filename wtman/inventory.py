"""Every file of a folder with its state, so that what happened there since then can be told.

A state is what no program without the machine's own rights can set back: inode, size, time of
the last change of state (ctime) and mode. A file that is written, replaced, linked, given another
mode or an attribute has another one. Of a folder the inode, group, mode and extended attributes
count: its times change with what is in it. The top of the folder is an entry as well; its
`.git` is none. No link is followed. Blocking.
"""

import fcntl
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b

# Inode, size, ctime in nanoseconds, mode; of a folder inode, group, sum of attributes, mode.
FileState = tuple[int, int, int, int]
# Path relative to the folder -> state; that of a folder ends with `/`, the top is "/".
Inventory = Mapping[str, FileState]

_GIT = ".git"
_COARSE = 1_000_000  # nanoseconds: where no time is finer, two changes may share one
_OURS = ("user.", "system.posix_acl")  # attributes that an owner can set
_GET_FLAGS = 0x80086601  # FS_IOC_GETFLAGS of linux/fs.h, where a long has 8 bytes
# What `chattr` sets, without what a file system says of its own folders (indexed, extents).
_SETTABLE = 0x608300FF


@dataclass(frozen=True, slots=True)
class Difference:
    """What a folder holds beyond an inventory. Folders end with `/` and stand for all in them.

    `new`: not listed; `changed`: listed, and of another state or kind now; `gone`: listed,
    and not there.
    """

    new: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        return (*self.new, *self.changed, *self.gone)


def take(folder: str) -> dict[str, FileState]:
    """The inventory of a folder as it is now."""
    found: dict[str, FileState] = {}
    waiting = ["/"]
    while waiting:
        name = waiting.pop()
        with _entered(folder, name) as (state, here):
            found[name] = state
            below = "" if name == "/" else name
            with os.scandir(here) as entries:
                for entry in entries:
                    path = below + entry.name
                    if path == _GIT:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(f"{path}/")
                        continue
                    facts = entry.stat(follow_symlinks=False)
                    found[path] = (
                        facts.st_ino,
                        facts.st_size,
                        facts.st_ctime_ns,
                        facts.st_mode,
                    )
    return found


def compare(folder: str, known: Inventory) -> Difference:
    """What differs from an inventory; nothing that is not listed is entered.

    A top that itself differs is "/" among `changed`.
    """
    new: list[str] = []
    changed: list[str] = []
    same: set[str] = set()
    waiting = ["/"]
    while waiting:
        name = waiting.pop()
        with _entered(folder, name) as (state, here):
            if state != known.get(name):
                changed.append(name)
                if name == "/":
                    break
                continue
            same.add(name)
            below = "" if name == "/" else name
            with os.scandir(here) as entries:
                for entry in entries:
                    path = below + entry.name
                    if path == _GIT:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        path += "/"
                        (waiting if path in known else new).append(path)
                    elif (listed := known.get(path)) is None:
                        new.append(path)
                    else:
                        facts = entry.stat(follow_symlinks=False)
                        now = facts.st_ino, facts.st_size, facts.st_ctime_ns, facts.st_mode
                        (same.add if listed == now else changed.append)(path)
    if changed == ["/"]:
        return Difference(changed=("/",))
    if len(same) == len(known):
        return Difference(tuple(new), tuple(changed))
    altered = set(changed)
    gone = (path for path in known if path not in same and path not in altered)
    return Difference(tuple(new), tuple(changed), tuple(gone))


def again(folder: str, known: Inventory, paths: Iterable[str]) -> dict[str, FileState]:
    """The inventory with the states that these paths, and the folders above them, have now.

    What stands for a folder is looked at with everything in it.
    """
    found = dict(known)
    above: set[str] = set()
    for path in paths:
        place = path.rstrip("/")
        for name in (place, f"{place}/"):
            found.pop(name, None)
        if path.endswith("/"):
            for name in [name for name in found if name.startswith(path)]:
                del found[name]
        while place:
            above.add(place)
            place = place.rpartition("/")[0]
    closed: set[str] = set()  # no folders: below a link there is nothing of this folder
    for place in sorted(above):
        full = os.path.join(folder, place)
        found.pop(f"{place}/", None)
        if place.rpartition("/")[0] in closed:
            closed.add(place)
            continue
        try:
            facts = os.lstat(full)
        except (FileNotFoundError, NotADirectoryError):
            closed.add(place)
            continue
        if not stat.S_ISDIR(facts.st_mode):
            closed.add(place)
            found[place] = facts.st_ino, facts.st_size, facts.st_ctime_ns, facts.st_mode
            continue
        found[f"{place}/"] = _of_folder(full)
    for path in paths:
        if path.endswith("/") and path[:-1] not in closed:
            full = os.path.join(folder, path)
            inside = take(full)
            found |= {path + name: state for name, state in inside.items() if name != "/"}
    return found


def of_file(path: str) -> FileState:
    """The state of what is no folder."""
    facts = os.lstat(path)
    return facts.st_ino, facts.st_size, facts.st_ctime_ns, facts.st_mode


def is_fine(known: Inventory) -> bool:
    """Whether the times of this file system tell one change from the next."""
    return any(state[2] % _COARSE for name, state in known.items() if not name.endswith("/"))


def _of_folder(path: str) -> FileState:
    with _entered(path, "/") as (state, _):
        return state


@contextmanager
def _entered(top: str, name: str) -> Iterator[tuple[FileState, int | str]]:
    """The state of a folder by its name in the inventory, and what lists it.

    Its files are then looked at from there, which is quicker than by their whole paths.
    """
    path = top if name == "/" else os.path.join(top, name[:-1])
    try:
        here = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        facts = os.lstat(path)  # its mode says enough
        if not stat.S_ISDIR(facts.st_mode):
            raise
        yield (facts.st_ino, facts.st_gid, 0, facts.st_mode), path
        return
    try:
        facts = os.fstat(here)
        yield (facts.st_ino, facts.st_gid, _marks(here), facts.st_mode), here
    finally:
        os.close(here)


def _marks(folder: int) -> int:
    """One number for what an owner can set of a folder besides its mode; 0 for nothing."""
    try:
        names = [name for name in os.listxattr(folder) if name.startswith(_OURS)]
        flags = _flags(folder)
        if not names and not flags:
            return 0
        told = blake2b(flags.to_bytes(4, "little"), digest_size=7)
        for name in sorted(names):
            for part in (os.fsencode(name), os.getxattr(folder, name)):
                told.update(len(part).to_bytes(4, "little") + part)
        return int.from_bytes(told.digest(), "little")
    except OSError:
        return 0  # a file system that has none


def _flags(folder: int) -> int:
    """The flags of `chattr` that a file system without them does not know."""
    try:
        answer = fcntl.ioctl(folder, _GET_FLAGS, bytes(8))
    except OSError:
        return 0
    return int.from_bytes(answer[:4], "little") & _SETTABLE
