"""Who makes an environment and who waits for it: the ledger of one run.

An environment is what setup made in a checkout. The first who needs one makes it; those who
need the same meanwhile wait, and copy it from there before its maker goes on: until then nobody
works in that checkout. Where a maker fails, each who waited makes it alone; where it is
stopped, the next of them does it for the others. Lives in the event loop of the coordinator;
what is where is kept by others.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import field
from typing import Generic, TypeVar

from wtman.model.values import dataclass

Made = TypeVar("Made")


@dataclass(eq=False)
class _Making(Generic[Made]):
    """One that is being made. `waiting` are those who copy it, or will; `idle`: nobody does."""

    done: asyncio.Event = field(default_factory=asyncio.Event)
    made: Made | None = None
    stopped: bool = True
    waiting: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)


class Environments(Generic[Made]):
    """The ledger. What an environment is, only those who make and copy one know.

    `marks` are keys of which its users remember something.
    """

    def __init__(self) -> None:
        self._making: dict[str, _Making[Made]] = {}
        self.marks: set[str] = set()

    async def share(
        self,
        key: str,
        make: Callable[[], Awaitable[Made | None]],
        copy: Callable[[Made], Awaitable[bool]],
    ) -> None:
        """Make what `key` stands for, or copy what another makes for it at this moment.

        `make` gives what others may copy, None where there is nothing. `copy` says whether it
        could be copied; else it is made all the same.
        """
        while making := self._making.get(key):
            making.waiting += 1
            making.idle.clear()
            try:
                await making.done.wait()
                if making.made is not None and await copy(making.made):
                    return
            finally:
                making.waiting -= 1
                if not making.waiting:
                    making.idle.set()
            if not making.stopped:
                await make()
                return
        await self._make(key, make)

    async def _make(self, key: str, make: Callable[[], Awaitable[Made | None]]) -> None:
        making = self._making[key] = _Making[Made]()
        try:
            making.made = await make()
            making.stopped = False
        except asyncio.CancelledError:
            raise
        except BaseException:
            making.stopped = False
            raise
        finally:
            making.done.set()
            if making.made is None:
                del self._making[key]
        if making.made is not None:
            await self._until_copied(key, making)

    async def _until_copied(self, key: str, making: _Making[Made]) -> None:
        """Wait for those who copy, also when stopped: they read what would be taken from them."""
        stopped: asyncio.CancelledError | None = None
        while making.waiting:
            try:
                await making.idle.wait()
            except asyncio.CancelledError as error:
                stopped = error
        del self._making[key]
        if stopped is not None:
            raise stopped
