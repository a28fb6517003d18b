"""What the overlap watch remembers from one look to the next.

Lives in the coordinator's event loop, one a run. Everything in it can be forgotten:
the next look then only costs more. The folder holds the watch's own indexes and
objects; it is emptied when the coordinator begins and when it has grown.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import field, replace

from wtman.errors import WtmanError
from wtman.git.checkouts.glance import Glance, glance
from wtman.git.control_dir import Control
from wtman.git.merges import merge_tree
from wtman.git.objects import history
from wtman.git.run import Threaded
from wtman.git.trees import remove_tree
from wtman.model.ids import Pair, Sha, TaskId
from wtman.model.values import dataclass

# Looks after which the watch's objects are thrown away: an hour's worth at least.
_FRESH = 240


@dataclass(frozen=True, slots=True)
class LiveWork:
    """A task's work at this moment: a commit or a tree, and where it started."""

    start: Sha
    work: Sha


@dataclass
class WatchMemory:
    """The memory of one run's watch.

    `before` counts for each pair the looks in a row that saw it; `took` is in seconds.
    """

    before: dict[Pair, int] = field(default_factory=dict)
    took: float = 0.0
    unprovisioned: dict[tuple[Sha, Sha], Sha] = field(default_factory=dict)  # by tree and tip
    _number: int = 0
    _folder: str = ""
    _seen: dict[TaskId, Glance] = field(default_factory=dict)
    _paths: dict[LiveWork, frozenset[str]] = field(default_factory=dict)
    _merged: dict[tuple[Sha, Sha, Sha], tuple[str, ...]] = field(default_factory=dict)

    async def begin(self, ctl: Control, folder: str, git: Threaded) -> Control:
        """Begin a look: the control directory to look with."""
        if self._number % _FRESH == 0:
            self._seen.clear()
            self._paths.clear()
            self._merged.clear()
            self.unprovisioned.clear()
            await git(remove_tree, folder)
        self._number += 1
        self._folder = folder
        objects = os.path.join(folder, "objects")
        await git(os.makedirs, objects, 0o700, True)
        return replace(ctl, aside=objects)

    async def tree(
        self, ctl: Control, task: TaskId, worktree: str, official: str, tip: Sha, git: Threaded
    ) -> Sha | None:
        """What the worktree of a live task holds; None where that cannot be said."""
        index = os.path.join(self._folder, f"index-{task}")
        try:
            seen = await git(glance, ctl, worktree, official, index, tip, self._seen.get(task))
        except (WtmanError, OSError):
            # A session may do anything to its worktree while we look: there is a next time.
            seen = None
        if seen is None:
            self._seen.pop(task, None)
            return None
        self._seen[task] = seen
        return Sha(seen.tree)

    async def paths(
        self, ctl: Control, sides: Mapping[TaskId, LiveWork], git: Threaded
    ) -> dict[TaskId, frozenset[str]]:
        """The paths that each task changed since its start."""
        asked = [side for side in dict.fromkeys(sides.values()) if side not in self._paths]
        pairs = [(side.start, side.work) for side in asked]
        answers = await git(history.changes_many, ctl, pairs) if pairs else ()
        new = {
            side: frozenset(change.path for change in found)
            for side, found in zip(asked, answers, strict=True)
        }
        known = self._paths | new
        self._paths = {side: known[side] for side in sides.values()}
        return {task: self._paths[side] for task, side in sides.items()}

    async def conflicts(
        self, ctl: Control, triples: Sequence[tuple[Sha, Sha, Sha]], git: Threaded
    ) -> list[tuple[str, ...]]:
        """The conflicts of each merge (base, one, other); only what is new is merged."""
        asked = [item for item in dict.fromkeys(triples) if item not in self._merged]
        answers = await git(merge_tree.merge_many, ctl, asked) if asked else ()
        new = {item: made.conflicts for item, made in zip(asked, answers, strict=True)}
        known = self._merged | new
        self._merged = {item: known[item] for item in triples}
        return [self._merged[item] for item in triples]

    def close(self) -> None:
        """Throw away what is on disk. Blocking."""
        if self._folder:
            remove_tree(self._folder)
