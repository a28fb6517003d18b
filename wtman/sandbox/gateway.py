"""The one way out of a sandbox that has no network of its own.

A gateway listens on unix sockets in the coordinator, one for each allow-list, and is a
web proxy there. It promises that nothing but the hosts of the list is reached by
it, and that the sockets are gone when it closes.
"""

import asyncio
import contextlib
import os
import tempfile
import time
from collections import deque
from collections.abc import Mapping
from functools import partial

from wtman.git.scratch import scratch
from wtman.sandbox.hosts import Rule
from wtman.sandbox.proxy import ProxyRules, serve

_PATH_MOST = 100  # bytes that fit into the address of a unix socket, with some to spare
_AT_ONCE = 256  # connections of one door
_HEAD_MOST = 64 * 1024
_REFUSALS = 200
SHORT = "wtman-door-"  # how temporary folders of sockets are called


class Gateway:
    """The doors of one run. Lives in the event loop of its coordinator, opens them lazily.

    `folder` is where the sockets go, a temporary one where none is given. `environ` is the
    user's, for the proxy of their own network.
    """

    def __init__(self, folder: str = "", environ: Mapping[str, str] | None = None) -> None:
        self._wanted = folder
        self._environ = environ or {}
        self._folder = ""
        self._open = contextlib.ExitStack()  # a temporary folder, where one is needed
        self._doors: dict[frozenset[Rule], tuple[str, asyncio.Server]] = {}
        self._opening = asyncio.Lock()
        self._serving: set[asyncio.Task[None]] = set()
        self._refusals: deque[tuple[float, str]] = deque(maxlen=_REFUSALS)

    async def proxy(self, rules: frozenset[Rule]) -> str:
        """The path of a socket where the hosts of this list, and no others, are reached."""
        async with self._opening:
            if rules not in self._doors:
                path = os.path.join(self._place(), f"door-{len(self._doors)}")
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)  # of a coordinator that was killed
                way = ProxyRules(rules, self._environ, self._refuse)
                served = partial(self._serve, asyncio.Semaphore(_AT_ONCE), way)
                server = await asyncio.start_unix_server(served, path, limit=_HEAD_MOST)
                os.chmod(path, 0o600)
                self._doors[rules] = (path, server)
            return self._doors[rules][0]

    def door(self, rules: frozenset[Rule]) -> str:
        """The path of such a socket that is open already. Raises KeyError where it is not."""
        return self._doors[rules][0]

    def refused_since(self, when: float) -> tuple[str, ...]:
        """What was asked for and is on no list, since `when` (monotonic seconds)."""
        return tuple(dict.fromkeys(what for at, what in self._refusals if at >= when))

    async def aclose(self) -> None:
        """Close every door; what is connected ends."""
        for _, server in self._doors.values():
            server.close()
        for task in tuple(self._serving):
            task.cancel()
        if self._serving:
            await asyncio.wait(tuple(self._serving))
        for path, _ in self._doors.values():
            with contextlib.suppress(OSError):
                os.unlink(path)
        self._doors.clear()
        self._open.close()

    def _serve(
        self,
        slots: asyncio.Semaphore,
        way: ProxyRules,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Serve a connection in a task of ours: asyncio's own outlive their server."""
        task = asyncio.ensure_future(_bounded(slots, way, reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    def _place(self) -> str:
        """The folder of the sockets: the run's, or a short one where its name is too long."""
        if not self._folder:
            long = len(os.fsencode(self._wanted)) > _PATH_MOST - len("/door-999")
            temporary = long or not self._wanted
            short = scratch(tempfile.gettempdir(), SHORT) if temporary else None
            self._folder = self._open.enter_context(short) if short else self._wanted
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
        return self._folder

    def _refuse(self, what: str) -> None:
        self._refusals.append((time.monotonic(), what))


async def _bounded(
    slots: asyncio.Semaphore,
    way: ProxyRules,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    try:
        async with slots:
            await serve(way, reader, writer)
    finally:
        writer.close()
