"""How folders were handed out: the commit, every file's state, what setup made.

Kept on disk where no session can write, by the folders' inodes: the identity of a folder goes
with it when it is renamed. A record that is out of date does no harm: what differs from it is
taken for somebody's work. With it goes the index of the checkout, named after its commit: it
must say what that commit holds, and nothing else. Blocking.
"""

import json
import os
from array import array
from contextlib import suppress

from wtman import files, inventory
from wtman.git.control_dir import Control, own_index
from wtman.git.trees import remove_tree
from wtman.inventory import STATE, Inventory, ListedFolder, Listing
from wtman.model.ids import Sha
from wtman.model.values import dataclass

_CAP = 1 << 30
_RECORD = "handout"


@dataclass(frozen=True, slots=True)
class Handout:
    """A folder as it was handed out: at `commit`, holding just what is listed.

    `made` are the listed paths that `commit` does not have: setup made them, or they were
    copied and linked into it. They were made for `key`; without one they are not kept. `own`
    are those that were made for one task alone: they are never kept. `dirty` are files of
    `commit` that are not as it has them.
    """

    commit: Sha
    inventory: Inventory
    key: str = ""
    made: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    dirty: tuple[str, ...] = ()

    @property
    def shared(self) -> "Handout":
        """The same without what was made for one task, or changed."""
        return self._without((*self.own, *self.dirty), self.key, self.made)

    @property
    def bare(self) -> "Handout":
        """The same without anything that was made."""
        return self._without((*self.made, *self.own, *self.dirty), "", ())

    def _without(self, paths: tuple[str, ...], key: str, made: tuple[str, ...]) -> "Handout":
        if not paths and key == self.key:
            return self
        gone = set(paths)
        kept = {path: state for path, state in self.inventory.items() if path not in gone}
        return Handout(self.commit, kept, key, made)


@dataclass(frozen=True, slots=True)
class Handouts:
    """The records below the folder `place`."""

    place: str

    def checked_out(self, ctl: Control, folder: str, index: str, commit: Sha) -> None:
        """Keep the index of a folder that has just been brought to `commit`."""
        home = self._home(folder)
        os.makedirs(home, mode=0o700, exist_ok=True)
        kept = os.path.join(home, commit)
        for name in os.listdir(home):
            if name not in (_RECORD, commit):
                os.unlink(os.path.join(home, name))
        files.copy(own_index(ctl, folder, index), kept)

    def index(self, folder: str, commit: Sha) -> str:
        """The index of the checkout of `commit`; "" where there is none."""
        kept = os.path.join(self._home(folder), commit)
        return kept if os.path.isfile(kept) else ""

    def hand_out(
        self,
        folder: str,
        commit: Sha,
        key: str = "",
        before: Inventory | None = None,
        kept: Inventory | None = None,
    ) -> Handout:
        """Record the folder as it is now; what was not there `before` was made for `key`.

        What is not in `kept`, the folder when that was made, was made for one task. Where
        something that was made is not any more what it was then, nothing of it is kept.
        """
        now = inventory.take(folder)
        made = () if before is None else tuple(path for path in now if path not in before)
        own: tuple[str, ...] = ()
        if kept is not None and before is not None:
            own = tuple(path for path in made if path not in kept)
            made = tuple(path for path in made if path in kept)
            if any(now.get(path) != kept[path] for path in kept if path not in before):
                key = ""
        dirty = tuple(
            path
            for path, state in (before or {}).items()
            if not path.endswith("/") and now.get(path) != state
        )
        handout = Handout(commit, now, key, made, own, dirty)
        self.store(folder, handout)
        return handout

    def store(self, folder: str, handout: Handout) -> None:
        """Keep how `folder` is handed out."""
        folders = Listing.of(handout.inventory).folders
        parts = [
            text.encode("utf-8", "surrogateescape")
            for text in (
                "\0".join(folders),
                "/".join(folder.names for folder in folders.values()),
                *("\0".join(paths) for paths in (handout.made, handout.own, handout.dirty)),
            )
        ]
        facts = array("Q", [fact for folder in folders.values() for fact in folder.state])
        head = {"commit": handout.commit, "key": handout.key, "parts": [len(it) for it in parts]}
        home = self._home(folder)
        os.makedirs(home, mode=0o700, exist_ok=True)
        states = (folder.states for folder in folders.values())
        content = b"".join((json.dumps(head).encode(), b"\n", *parts, facts.tobytes(), *states))
        files.replace(os.path.join(home, _RECORD), content)

    def load(self, folder: str) -> Handout | None:
        """How `folder` was handed out; None where nobody knows."""
        try:
            content, _ = files.read(os.path.join(self._home(folder), _RECORD), _CAP)
            at = content.index(b"\n") + 1
            head = json.loads(content[:at])
            parts: list[str] = []
            for size in head["parts"]:
                parts.append(content[at : at + size].decode("utf-8", "surrogateescape"))
                at += size
            paths, names = parts[0].split("\0"), parts[1].split("/")
            facts = array("Q", content[at : (at := at + len(paths) * STATE)])
            each = iter(facts)
            folders: dict[str, ListedFolder] = {}
            states = zip(each, each, each, each, strict=True)
            for path, state, inside in zip(paths, states, names, strict=True):
                size = STATE * (inside.count("\0") + 1) if inside else 0
                folders[path] = ListedFolder(state, inside, content[at : (at := at + size)])
            if at != len(content):
                return None
            made, own, dirty = (tuple(part.split("\0")) if part else () for part in parts[2:])
            found = Listing(folders)
            return Handout(Sha(head["commit"]), found, str(head["key"]), made, own, dirty)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def forget(self, folder: str) -> None:
        """Nobody is to go by the record of `folder` any more."""
        with suppress(OSError):
            remove_tree(self._home(folder))

    def _home(self, folder: str) -> str:
        facts = os.lstat(folder)
        return os.path.join(self.place, f"{facts.st_dev}-{facts.st_ino}")
