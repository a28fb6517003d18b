"""Checkouts in which checks run: few, used again, and pristine at every start.

A check checkout is no linked worktree: it has a private `.git`, so nothing that
a check does in it reaches the repository. It promises that at most `limit` are
in use at once, and that what an earlier check left (ignored files too) is gone
before the next one starts: a checkout that cannot be brought back is replaced.
"""

import asyncio
import contextlib
import heapq
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Set
from typing import Any

from wtman import files
from wtman.git.checkouts import standalone
from wtman.git.checkouts.handouts import Handouts
from wtman.git.control_dir import Control
from wtman.git.run import Threaded
from wtman.git.trees import remove_tree
from wtman.model.ids import Sha
from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class CheckCheckout:
    """A leased checkout. `slot` is a small number, its own while the lease lasts.

    `held` is the key of what setup made in it before, "" where nothing of that is there.
    """

    path: str
    slot: int
    held: str = ""


class Checkouts:
    """The pool of one run. Lives in the event loop of its coordinator."""

    def __init__(self, limit: int, room: Callable[[str], None] = lambda commit: None) -> None:
        """`room` is asked before one more checkout is made, and raises where there is none."""
        self._room = room
        self._free = list(range(max(limit, 1)))
        self._open = asyncio.Semaphore(max(limit, 1))
        self._locks: dict[str, asyncio.Lock] = {}
        self._mine: set[str] = set()
        self._keys: dict[int, tuple[str, str]] = {}  # slot -> path, and what setup made there

    @contextlib.asynccontextmanager
    async def lease(
        self,
        git: Threaded,
        control: Control,
        folder: str,
        commit: Sha,
        handouts: Handouts | None = None,
        keys: Set[str] = frozenset(),
    ) -> AsyncIterator[CheckCheckout]:
        """A pristine checkout of `commit` below `folder`, for as long as the block lasts.

        With `handouts`, which keep its record, it may hold what setup made for one of `keys`.
        """
        async with self._open:
            slot = self._taken(keys)
            try:
                path = os.path.join(folder, str(slot))
                self._keys.pop(slot, None)
                brings = git(_bring, control, path, commit, handouts, keys, self._room)
                held = await to_its_end(brings)
                path = os.path.realpath(path)
                self._keys[slot] = (path, held)
                yield CheckCheckout(path, slot, held)
            finally:
                heapq.heappush(self._free, slot)

    @contextlib.asynccontextmanager
    async def idle(
        self, git: Threaded, control: Control, handouts: Handouts, keys: Set[str]
    ) -> AsyncIterator[tuple[str, str] | None]:
        """The path of a checkout that nobody uses, with what setup made for one of `keys`, and
        which of them; None where there is none now."""
        held = [slot for slot in self._free if self._keys.get(slot, ("", ""))[1] in keys]
        if not held or self._open.locked():
            yield None
            return
        async with self._open:
            slot = held[0]
            self._free.remove(slot)
            heapq.heapify(self._free)
            try:
                path, key = self._keys.pop(slot)
                found = await to_its_end(git(_as_made, control, handouts, path, key))
                if found:
                    self._keys[slot] = (path, key)
                yield (path, key) if found else None
            finally:
                heapq.heappush(self._free, slot)

    async def fill(
        self,
        git: Threaded,
        control: Control,
        folder: str,
        commit: Sha,
        handouts: Handouts,
        key: str,
        put: Callable[[str], bool],
        most: int,
    ) -> None:
        """Have the checkouts that nobody uses now, and `most` at all, hold what setup made for
        `key`: `put` brings it into one that stands at `commit`, and says whether it did."""
        for slot in sorted(self._free)[:most]:
            if slot not in self._free or self._keys.get(slot, ("", ""))[1] or self._open.locked():
                continue
            async with self._open:
                self._free.remove(slot)
                heapq.heapify(self._free)
                path = os.path.join(folder, str(slot))
                try:
                    self._keys.pop(slot, None)
                    brings = git(_bring, control, path, commit, handouts, frozenset(), self._room)
                    await to_its_end(brings)
                    path = os.path.realpath(path)
                    if await to_its_end(git(put, path)):
                        self._keys[slot] = (path, key)
                finally:
                    heapq.heappush(self._free, slot)

    def holds(self, checkout: CheckCheckout, key: str) -> None:
        """Remember what setup has made in a leased checkout; "": nothing that is kept."""
        self._keys[checkout.slot] = (checkout.path, key)

    def _taken(self, keys: Set[str]) -> int:
        """A free slot, one that has what setup made for one of `keys` before others."""
        held = [slot for slot in self._free if self._keys.get(slot, ("", ""))[1] in keys]
        slot = min(held or self._free)
        self._free.remove(slot)
        heapq.heapify(self._free)
        return slot

    def alone(self, key: str) -> asyncio.Lock:
        """What two who want the same result take, so that one makes it for both."""
        return self._locks.setdefault(key, asyncio.Lock())

    def made(self, key: str) -> None:
        """Remember that this coordinator itself made the result of this key."""
        self._mine.add(key)

    def is_mine(self, key: str) -> bool:
        return key in self._mine


async def to_its_end(work: Awaitable[Any]) -> Any:
    """Await what a thread does, also when cancelled: nobody else may have its slot before."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait((task,))
        raise


def _bring(
    control: Control,
    path: str,
    commit: Sha,
    handouts: Handouts | None,
    keys: Set[str],
    room: Callable[[str], None],
) -> str:
    """Make `path` a pristine checkout of `commit`, by using it again where that is safe.

    Gives the key of what setup had made in it, where that is still there.
    """
    if os.path.lexists(path):
        if handouts is None:
            if standalone.reuse(control, path, commit):
                return ""
        elif found := standalone.reset(control, handouts, path, commit, keys):
            return found.key
        discard(path)
    else:
        room(commit)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    standalone.make(control, path, commit)
    if handouts is not None:
        handouts.checked_out(control, path, "", commit)
        handouts.hand_out(path, commit)
    return ""


def _as_made(control: Control, handouts: Handouts, path: str, key: str) -> bool:
    """Whether what setup made there is as it was made; what came after it is taken away."""
    was = handouts.load(path) if os.path.isdir(path) else None
    found = was and standalone.reset(control, handouts, path, was.commit, {key})
    return found is not None and found.key == key


def discard(path: str) -> None:
    """Remove a check checkout, whatever modes its checks left; what resists stays aside."""
    aside = files.beside(path)
    os.rename(path, aside)
    if os.path.isdir(aside):
        remove_tree(aside)
    else:
        os.unlink(aside)
