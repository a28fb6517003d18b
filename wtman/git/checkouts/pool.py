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
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from wtman import files
from wtman.git.checkouts import standalone
from wtman.git.control_dir import Control
from wtman.git.run import Threaded
from wtman.git.trees import remove_tree
from wtman.model.ids import Sha


@dataclass(frozen=True, slots=True)
class CheckCheckout:
    """A leased checkout. `slot` is a small number, its own while the lease lasts."""

    path: str
    slot: int


class Checkouts:
    """The pool of one run. Lives in the event loop of its coordinator."""

    def __init__(self, limit: int, room: Callable[[str], None] = lambda commit: None) -> None:
        """`room` is asked before one more checkout is made, and raises where there is none."""
        self._room = room
        self._free = list(range(max(limit, 1)))
        self._open = asyncio.Semaphore(max(limit, 1))
        self._locks: dict[str, asyncio.Lock] = {}
        self._mine: set[str] = set()

    @contextlib.asynccontextmanager
    async def lease(
        self, git: Threaded, control: Control, folder: str, commit: Sha
    ) -> AsyncIterator[CheckCheckout]:
        """A pristine checkout of `commit` below `folder`, for as long as the block lasts."""
        async with self._open:
            slot = heapq.heappop(self._free)
            try:
                path = os.path.join(folder, str(slot))
                await _to_its_end(git(_bring, control, path, commit, self._room))
                yield CheckCheckout(os.path.realpath(path), slot)
            finally:
                heapq.heappush(self._free, slot)

    def alone(self, key: str) -> asyncio.Lock:
        """What two who want the same result take, so that one makes it for both."""
        return self._locks.setdefault(key, asyncio.Lock())

    def made(self, key: str) -> None:
        """Remember that this coordinator itself made the result of this key."""
        self._mine.add(key)

    def is_mine(self, key: str) -> bool:
        return key in self._mine


async def _to_its_end(work: Awaitable[Any]) -> Any:
    """Await what a thread does, also when cancelled: nobody else may have its slot before."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait((task,))
        raise


def _bring(control: Control, path: str, commit: Sha, room: Callable[[str], None]) -> None:
    """Make `path` a pristine checkout of `commit`, by using it again where that is safe."""
    if os.path.lexists(path):
        if standalone.reuse(control, path, commit):
            return
        discard(path)
    else:
        room(commit)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    standalone.make(control, path, commit)


def discard(path: str) -> None:
    """Remove a check checkout, whatever modes its checks left; what resists stays aside."""
    aside = files.beside(path)
    os.rename(path, aside)
    if os.path.isdir(aside):
        remove_tree(aside)
    else:
        os.unlink(aside)
