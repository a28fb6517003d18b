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
from dataclasses import dataclass

from wtman import files, inventory
from wtman.git.control_dir import Control, own_index
from wtman.git.trees import remove_tree
from wtman.inventory import Inventory
from wtman.model.ids import Sha

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
        paths = list(handout.inventory)
        parts = [
            "\0".join(names).encode("utf-8", "surrogateescape")
            for names in (paths, handout.made, handout.own, handout.dirty)
        ]
        facts = array("Q", [fact for path in paths for fact in handout.inventory[path]])
        head = {"commit": handout.commit, "key": handout.key, "parts": [len(it) for it in parts]}
        home = self._home(folder)
        os.makedirs(home, mode=0o700, exist_ok=True)
        content = b"".join((json.dumps(head).encode(), b"\n", *parts, facts.tobytes()))
        files.replace(os.path.join(home, _RECORD), content)

    def load(self, folder: str) -> Handout | None:
        """How `folder` was handed out; None where nobody knows."""
        try:
            content, _ = files.read(os.path.join(self._home(folder), _RECORD), _CAP)
            at = content.index(b"\n") + 1
            head = json.loads(content[:at])
            parts: list[tuple[str, ...]] = []
            for size in head["parts"]:
                names = content[at : at + size].decode("utf-8", "surrogateescape")
                parts.append(tuple(names.split("\0")) if size else ())
                at += size
            facts = array("Q")
            facts.frombytes(content[at:])
            each = iter(facts)
            paths, made, own, dirty = parts
            known = dict(zip(paths, zip(each, each, each, each, strict=True), strict=True))
            return Handout(Sha(head["commit"]), known, str(head["key"]), made, own, dirty)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def forget(self, folder: str) -> None:
        """Nobody is to go by the record of `folder` any more."""
        with suppress(OSError):
            remove_tree(self._home(folder))

    def _home(self, folder: str) -> str:
        facts = os.lstat(folder)
        return os.path.join(self.place, f"{facts.st_dev}-{facts.st_ino}")
