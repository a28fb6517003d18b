"""Trees and commits made without a process for each, aside, and taken over as one pack.

`Objects` is a quarantine: what is made here, and what git makes through its `ctl`, lies
in a folder of its own, which the repository does not know. `keep` hands the repository
what a commit needs of that, as one pack that git writes. Promises the very objects that
git itself would have made of the same facts.
"""

import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from wtman.formats.git_objects import named_in, named_of, write_commit, write_pack, write_tree
from wtman.formats.git_output import raw
from wtman.git.control_dir import Control, call
from wtman.git.objects.history import person, remember
from wtman.git.scratch import scratch, sweep
from wtman.model.changes import Entry
from wtman.model.ids import Sha
from wtman.model.plan import Identity

_PREFIX = "wtman-new-"
_MEMORY = "/dev/shm"
_PLENTY = 2 << 30
_LOOSE = 100  # more objects than these become a pack, as where git fetches


@contextmanager
def quarantine(ctl: Control, sample: str) -> Iterator["Objects"]:
    """A place for new objects; `sample` is the name of any object of the repository."""
    with scratch(_place(ctl), _PREFIX) as folder:
        yield Objects(ctl, folder, sample)


def sweep_quarantines(ctl: Control) -> None:
    """Delete what killed processes left, in whichever place they were."""
    for place in {_MEMORY, os.path.join(ctl.path, "tmp")}:
        sweep(place, _PREFIX)


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
    """New objects. `ctl` sees them besides the repository's, after `spill`."""

    def __init__(self, ctl: Control, folder: str, sample: str) -> None:
        self.ctl = replace(ctl, aside=folder)
        self._home = ctl
        self._folder = folder
        self._digest = hashlib.sha1 if len(sample) == 40 else hashlib.sha256
        self._made: dict[str, tuple[str, bytes]] = {}
        self._near: dict[str, str] = {}
        self._dry: dict[str, None] = {}  # made, and not yet where git can read it

    def add(self, kind: str, content: bytes, near: str = "") -> Sha:
        """The name of a new object; `near` names one that is much alike."""
        head = b"%s %d\0" % (kind.encode(), len(content))
        name = self._digest(head + content, usedforsecurity=False).hexdigest()
        if name not in self._made:
            self._made[name] = kind, content
            self._dry[name] = None
            if near:
                self._near[name] = near
        return Sha(name)

    def note_near(self, name: str, other: str) -> None:
        """Know that a new object, whoever made it, is much like another of its kind."""
        self._near.setdefault(name, other)

    def tree(self, entries: Mapping[bytes, Entry]) -> Sha:
        return self.add("tree", write_tree(entries))

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
        people = person(self._home, author, when), person(self._home, committer, when)
        return self.bare_commit(tree, parents, raw(message or "\n"), *people)

    def bare_commit(
        self, tree: str, parents: Sequence[str], message: bytes, author: bytes, committer: bytes
    ) -> Sha:
        return self.add("commit", write_commit(tree, parents, message, author, committer))

    def spill(self, roots: Iterable[str] | None = None) -> None:
        """Put what was made, or what these are made of, where git reads it."""
        waiting = list(self._dry if roots is None else roots)
        while waiting:
            name = waiting.pop()
            if name not in self._dry:
                continue
            del self._dry[name]
            kind, content = self._made[name]
            waiting += named_in(kind, content, len(name) // 2)
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
        found: set[str] = set()
        waiting = list(dict.fromkeys(roots))
        new = self._made.keys() | self._listed()
        known = set(map(bytes.fromhex, new))
        while waiting:
            name = waiting.pop()
            if name in found or name not in new:
                continue
            item = self.read(name)
            if item is None:
                continue
            kind, content = item
            found.add(name)
            if kind == "tree":
                waiting += [part.hex() for part in named_of(content, len(name) // 2, known)]
            parts = named_in(kind, content, len(name) // 2) if kind == "commit" else []
            waiting += parts
            if parts:
                remember(self._home, name, Sha(parts[0]))
        if found:
            self._written({name: self._made[name] for name in found})

    def _listed(self) -> set[str]:
        """Names of what lies in the folder."""
        with os.scandir(self._folder) as folders:
            parts = [item.name for item in folders if len(item.name) == 2]
        return {
            part + name for part in parts for name in os.listdir(os.path.join(self._folder, part))
        }

    def _written(self, found: Mapping[str, tuple[str, bytes]]) -> None:
        pack = write_pack(found, self._near)
        many = len(found) > _LOOSE
        verb = ["index-pack", "--stdin"] if many else ["unpack-objects", "-q"]
        call(self._home, verb, input=pack + self._digest(pack).digest())
