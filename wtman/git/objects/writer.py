"""Trees and commits made without a process for each, aside, and taken over as one pack.

`Objects` is a quarantine: what is made here, and what git makes through its `ctl`, lies
in a folder of its own, which the repository does not know. `keep` hands the repository
what a commit needs of that, as one pack that git writes. Promises the very objects that
git itself would have made of the same facts. Refuses trees that git reads but would not
write again (`Unusual`): whoever meets one takes the long way.
"""

import fcntl
import hashlib
import os
import struct
import tempfile
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache

from wtman.git.control_dir import Control, call
from wtman.git.objects.changes import FOLDER, RawEntry
from wtman.git.objects.history import dated, remember
from wtman.git.run import raw
from wtman.git.trees import remove_tree
from wtman.model.ids import Sha
from wtman.model.plan import Identity

_KINDS = {"commit": 1, "tree": 2, "blob": 3}
_MODES = frozenset({FOLDER, b"100644", b"100755", b"120000", b"160000"})
_NAMED = (b"tr", b"pa")  # the lines of a commit that name a tree or a parent
_PREFIX = "wtman-new-"
_SETTLED = 60.0  # seconds: between its making and its lock it is not left over
_MEMORY = "/dev/shm"
_PLENTY = 2 << 30
_LOOSE = 100  # more objects than these become a pack, as where git fetches


class Unusual(Exception):
    """A tree that is not in the form in which git writes trees."""


@contextmanager
def quarantine(ctl: Control, sample: str) -> Iterator["Objects"]:
    """A place for new objects; `sample` is the name of any object of the repository."""
    place = _place(ctl)
    _sweep(place)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=place) as folder:
        held = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield Objects(ctl, folder, sample)
        finally:
            os.close(held)


def _sweep(place: str) -> None:
    """Delete what a killed process left: old enough, ours, and nobody holds it."""
    with os.scandir(place) as items:
        left = [item.path for item in items if item.name.startswith(_PREFIX)]
    for path in left:
        try:
            facts = os.lstat(path)
            if facts.st_uid != os.getuid() or time.time() - facts.st_mtime < _SETTLED:
                continue
            held = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_tree(path)
        except OSError:
            pass
        finally:
            os.close(held)


def _place(ctl: Control) -> str:
    """Memory where there is plenty: making and deleting small files is most of the work."""
    try:
        facts = os.statvfs(_MEMORY)
        if facts.f_bavail * facts.f_frsize > _PLENTY and os.access(_MEMORY, os.W_OK | os.X_OK):
            return _MEMORY
    except OSError:
        pass
    return os.path.join(ctl.path, "tmp")


class Objects:
    """New objects. `ctl` sees them besides the repository's, once they are `spilled`."""

    def __init__(self, ctl: Control, folder: str, sample: str) -> None:
        self.ctl = replace(ctl, aside=folder)
        self._home = ctl
        self._folder = folder
        self._digest = hashlib.sha1 if len(sample) == 40 else hashlib.sha256
        self._made: dict[str, tuple[str, bytes]] = {}
        self._dry: dict[str, None] = {}  # made, and not yet where git can read it

    def add(self, kind: str, content: bytes) -> Sha:
        """The name of a new object."""
        head = b"%s %d\0" % (kind.encode(), len(content))
        name = self._digest(head + content, usedforsecurity=False).hexdigest()
        if name not in self._made:
            self._made[name] = kind, content
            self._dry[name] = None
        return Sha(name)

    def tree(self, entries: Mapping[bytes, RawEntry]) -> Sha:
        """A tree of these entries, in the order that git wants."""
        names = sorted(entries, key=lambda name: name + b"/" * entries[name].is_folder)
        lines = [
            entries[name].mode + b" " + name + b"\0" + bytes.fromhex(entries[name].oid)
            for name in names
        ]
        return self.add("tree", b"".join(lines))

    def commit(
        self,
        tree: str,
        parents: Sequence[str],
        message: str,
        author: Identity,
        committer: Identity,
        when: float,
    ) -> Sha:
        """A commit as `history.commit` makes it."""
        people = _person(self._home, author, int(when)), _person(self._home, committer, int(when))
        return self.bare_commit(tree, parents, raw(message or "\n"), *people)

    def bare_commit(
        self, tree: str, parents: Sequence[str], message: bytes, author: bytes, committer: bytes
    ) -> Sha:
        lines = [b"tree " + tree.encode()]
        lines += [b"parent " + parent.encode() for parent in dict.fromkeys(parents)]
        lines += [b"author " + author, b"committer " + committer, b"", message]
        return self.add("commit", b"\n".join(lines))

    def spill(self, roots: Iterable[str] | None = None) -> None:
        """Put what was made, or what these are made of, where git reads it."""
        waiting = list(self._dry if roots is None else roots)
        while waiting:
            name = waiting.pop()
            if name not in self._dry:
                continue
            del self._dry[name]
            kind, content = self._made[name]
            waiting += _parts(kind, content, len(name) // 2)
            folder = os.path.join(self._folder, name[:2])
            if not os.path.isdir(folder):
                os.mkdir(folder)
            with open(os.path.join(folder, name[2:]), "wb") as file:
                body = b"%s %d\0" % (kind.encode(), len(content)) + content
                file.write(zlib.compress(body, 0))

    def read(self, name: str) -> tuple[str, bytes] | None:
        """Kind and content of a new object, whoever made it; None if it is not new."""
        if name not in self._made:
            try:
                with open(os.path.join(self._folder, name[:2], name[2:]), "rb") as file:
                    head, _, content = zlib.decompress(file.read()).partition(b"\0")
            except FileNotFoundError:
                return None
            self._made[name] = head.split(b" ")[0].decode(), content
        return self._made[name]

    def keep(self, roots: Sequence[str]) -> None:
        """Have the repository take over these and all new objects that they are made of."""
        found: dict[str, tuple[str, bytes]] = {}
        waiting = list(dict.fromkeys(roots))
        new = self._made.keys() | self._listed()
        while waiting:
            name = waiting.pop()
            item = self.read(name) if name in new and name not in found else None
            if item is None:
                continue
            found[name] = item
            parts = _parts(*item, len(name) // 2)
            waiting += parts
            if item[0] == "commit":
                remember(self._home, name, Sha(parts[0]))
        if found:
            self._written(found)

    def _listed(self) -> set[str]:
        """Names of what lies in the folder."""
        with os.scandir(self._folder) as folders:
            parts = [item.name for item in folders if len(item.name) == 2]
        return {
            part + name for part in parts for name in os.listdir(os.path.join(self._folder, part))
        }

    def _written(self, found: Mapping[str, tuple[str, bytes]]) -> None:
        parts = [b"PACK", struct.pack(">II", 2, len(found))]
        for name in sorted(found):
            kind, content = found[name]
            parts += [_pack_head(_KINDS[kind], len(content)), zlib.compress(content, 1)]
        pack = b"".join(parts)
        many = len(found) > _LOOSE
        verb = ["index-pack", "--stdin"] if many else ["unpack-objects", "-q"]
        call(self._home, verb, input=pack + self._digest(pack).digest())


def read_tree(content: bytes, size: int) -> dict[bytes, RawEntry]:
    """The entries of a tree object; `size` is the length of a name in bytes."""
    found: dict[bytes, RawEntry] = {}
    at = 0
    try:
        while at < len(content):
            space = content.index(b" ", at)
            end = content.index(b"\0", space)
            mode, name = content[at:space], content[space + 1 : end]
            if mode not in _MODES or name in found:
                raise Unusual(name)
            found[name] = RawEntry(mode, content[end + 1 : end + 1 + size].hex())
            at = end + 1 + size
    except ValueError as error:
        raise Unusual from error
    return found


def _parts(kind: str, content: bytes, size: int) -> list[str]:
    """The objects that an object names, the tree of a commit first."""
    if kind == "commit":
        lines = content.partition(b"\n\n")[0].split(b"\n")
        return [line[line.index(b" ") + 1 :].decode() for line in lines if line[:2] in _NAMED]
    found: list[str] = []
    at = 0
    while kind == "tree" and at < len(content):
        end = content.index(b"\0", at)
        found.append(content[end + 1 : end + 1 + size].hex())
        at = end + 1 + size
    return found


def _pack_head(kind: int, size: int) -> bytes:
    """Type and size as a pack has them: 4 bits of the size, then 7 a byte."""
    first, size = (kind << 4) | (size & 15), size >> 4
    out = bytearray()
    while size:
        out.append(first | 0x80)
        first, size = size & 0x7F, size >> 7
    out.append(first)
    return bytes(out)


@lru_cache(maxsize=64)
def _person(ctl: Control, who: Identity, when: int) -> bytes:
    """Name, address and date as git puts them into a commit, which drops some characters."""
    env = dated("AUTHOR", who, when)
    return call(ctl, ["var", "GIT_AUTHOR_IDENT"], env=env).out.rstrip(b"\n")
