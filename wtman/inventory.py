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
from array import array
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from operator import attrgetter

# Inode, size, ctime in nanoseconds, mode; of a folder inode, group, sum of attributes, mode.
FileState = tuple[int, int, int, int]
# Path relative to the folder -> state; that of a folder ends with `/`, the top is "/".
Inventory = Mapping[str, FileState]

STATE = 32  # bytes of a state where it is packed: four numbers of 8

_GIT = ".git"
_state_of = attrgetter("st_ino", "st_size", "st_ctime_ns", "st_mode")
_COARSE = 1_000_000  # nanoseconds: where no time is finer, two changes may share one
_OURS = ("user.", "system.posix_acl")  # attributes that an owner can set
_GET_FLAGS = 0x80086601  # FS_IOC_GETFLAGS of linux/fs.h, where a long has 8 bytes
# What `chattr` sets, without what a file system says of its own folders (indexed, extents).
_SETTABLE = 0x608300FF


@dataclass(frozen=True, slots=True)
class ListedFolder:
    """A folder, and the files in it: `names`, joined by NUL, with their `states`, packed."""

    state: FileState
    names: str = ""
    states: bytes = b""

    def __iter__(self) -> Iterator[tuple[str, FileState]]:
        if self.names:
            each = iter(array("Q", self.states))
            states = zip(each, each, each, each, strict=True)
            yield from zip(self.names.split("\0"), states, strict=True)


_NOTHING = ListedFolder((0, 0, 0, 0))


class Listing(Mapping[str, FileState]):
    """An inventory folder by folder, as a scan gives it: two of them are soon compared."""

    def __init__(self, folders: Mapping[str, ListedFolder]) -> None:
        self.folders = folders

    @classmethod
    def of(cls, known: Inventory) -> "Listing":
        """Any inventory in this form."""
        if isinstance(known, Listing):
            return known
        names: dict[str, list[str]] = {path: [] for path in known if path[-1] == "/"}
        states = {path: array("Q") for path in names}
        for path, state in known.items():
            if path[-1] != "/":
                names[_above(path)].append(_name_of(path))
                states[_above(path)].extend(state)
        return cls(
            {
                path: ListedFolder(known[path], "\0".join(names[path]), states[path].tobytes())
                for path in names
            }
        )

    @cached_property
    def _flat(self) -> dict[str, FileState]:
        found: dict[str, FileState] = {}
        for folder, listed in self.folders.items():
            below = "" if folder == "/" else folder
            found[folder] = listed.state
            found.update((below + name, state) for name, state in listed)
        return found

    def __contains__(self, path: object) -> bool:
        if not isinstance(path, str) or not path or path.endswith("/"):
            return path in self.folders
        listed = self.folders.get(_above(path))
        return listed is not None and _name_of(path) in listed.names.split("\0")

    def __getitem__(self, path: str) -> FileState:
        return self._flat[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._flat)

    def __len__(self) -> int:
        return len(self._flat)


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


def take(folder: str) -> Listing:
    """The inventory of a folder as it is now."""
    found: dict[str, ListedFolder] = {}
    waiting = ["/"]
    while waiting:
        name = waiting.pop()
        with _entered(folder, name) as (state, here):
            found[name], inner = _look(name, state, here)
            waiting += inner
    return Listing(found)


def compare(folder: str, known: Inventory) -> Difference:
    """What differs from an inventory; nothing that is not listed is entered.

    A top that itself differs is "/" among `changed`.
    """
    was = Listing.of(known).folders
    new: list[str] = []
    changed: list[str] = []
    gone: list[str] = []
    entered: set[str] = set()
    waiting = ["/"]
    while waiting:
        name = waiting.pop()
        with _entered(folder, name) as (state, here):
            if state != was[name].state:
                changed.append(name)
                if name == "/":
                    return Difference(changed=("/",))
                continue
            entered.add(name)
            now, inner = _look(name, state, here)
        for path in inner:
            (waiting if path in was else new).append(path)
        if now != was[name]:
            below = "" if name == "/" else name
            before, after = dict(was[name]), dict(now)
            new += (below + it for it in after if it not in before)
            changed += (below + it for it in after if after[it] != before.get(it, after[it]))
            gone += (below + it for it in before if it not in after)
    altered = {name for name in changed if name[-1] == "/"}
    for name in was.keys() - entered:
        gone += () if name in altered else (name,)
        gone += (name + it for it, _ in was[name])
    return Difference(tuple(new), tuple(changed), tuple(gone))


def _look(name: str, state: FileState, here: int | str) -> tuple[ListedFolder, list[str]]:
    """What is in a folder: its files, and the names of its folders in the inventory."""
    names: list[str] = []
    states: list[int] = []
    inner: list[str] = []
    below = "" if name == "/" else name
    # There may be thousands of files: what is done for each is bare.
    add, extend = names.append, states.extend
    with os.scandir(here) as entries:
        for entry in entries:
            if not below and entry.name == _GIT:
                continue
            if entry.is_dir(follow_symlinks=False):
                inner.append(f"{below}{entry.name}/")
            else:
                add(entry.name)
                extend(_state_of(entry.stat(follow_symlinks=False)))
    return ListedFolder(state, "\0".join(names), array("Q", states).tobytes()), inner


def again(folder: str, known: Inventory, paths: Collection[str]) -> Listing:
    """The inventory with the states that these paths, and the folders above them, have now.

    What stands for a folder is looked at with everything in it.
    """
    folders = dict(Listing.of(known).folders)
    folders.setdefault("/", ListedFolder(_of_folder(folder)))
    files: dict[str, dict[str, FileState]] = {}  # of folders in which one is looked at again

    def files_beside(place: str) -> dict[str, FileState]:
        above = _above(place)
        return files.setdefault(above, dict(folders.get(above, ())))

    places: set[str] = set()
    for path in paths:
        place = path.rstrip("/")
        files_beside(place).pop(_name_of(place), None)
        while place:
            places.add(place)
            place = place.rpartition("/")[0]
    closed: set[str] = set()  # no folders: below a link there is nothing of this folder
    for place in sorted(places):
        full = os.path.join(folder, place)
        try:
            is_below = place.rpartition("/")[0] not in closed
            facts = os.lstat(full) if is_below else None
        except (FileNotFoundError, NotADirectoryError):
            facts = None
        if facts is not None and stat.S_ISDIR(facts.st_mode):
            was = folders.get(f"{place}/", _NOTHING)
            folders[f"{place}/"] = replace(was, state=_of_folder(full))
            continue
        closed.add(place)
        for name in [name for name in folders if name.startswith(f"{place}/")]:
            del folders[name]
        if facts is not None:
            files_beside(place)[_name_of(place)] = _state_of(facts)
    for name in files.keys() & folders.keys():
        states = array("Q", [fact for state in files[name].values() for fact in state])
        folders[name] = replace(
            folders[name], names="\0".join(files[name]), states=states.tobytes()
        )
    for path in paths:
        if path.endswith("/") and path[:-1] not in closed:
            for name in [name for name in folders if name.startswith(path)]:
                del folders[name]
            for name, listed in take(os.path.join(folder, path)).folders.items():
                folders[path if name == "/" else path + name] = listed
    return Listing(folders)


def _above(place: str) -> str:
    """The name of the folder in which something is."""
    return place[: place.rfind("/") + 1] or "/"


def _name_of(place: str) -> str:
    return place[place.rfind("/") + 1 :]


def of_file(path: str) -> FileState:
    """The state of what is no folder."""
    state: FileState = _state_of(os.lstat(path))
    return state


def is_fine(known: Inventory) -> bool:
    """Whether the times of this file system tell one change from the next."""
    listed = Listing.of(known).folders.values()
    return any(state[2] % _COARSE for folder in listed for _, state in folder)


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
