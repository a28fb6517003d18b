"""Runs Works on this machine, each under a keeper.

It promises what `Executor` says. It does not count: how many run at once is decided by who
gives it Works.
"""

import asyncio
import os
from collections.abc import Callable
from typing import Self

from wtman.execution.keeper_starts import KeeperServer
from wtman.execution.output import tail
from wtman.execution.supervisor import run_kept
from wtman.model.command import Exit, Work

LOOK = 0.25  # seconds between looks at a session's output


class LocalExecutor:
    """Keepers of this process, alive while it is open. `nofile`: see `run_kept`."""

    def __init__(self, nofile: int | None = None) -> None:
        self._nofile = nofile
        self._running: set[asyncio.Task[Exit]] = set()
        self._server = KeeperServer()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(tuple(self._running))
        self._server.close()

    async def run(self, work: Work, on_output: Callable[[bytes], None] | None = None) -> Exit:
        # A task of its own, so that closing can cancel it whoever awaits it.
        task = asyncio.ensure_future(self._run(work, on_output))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await task

    async def _run(self, work: Work, on_output: Callable[[bytes], None] | None) -> Exit:
        if on_output is None:
            return await run_kept(work, nofile=self._nofile, server=self._server)
        ended = asyncio.Event()
        follower = asyncio.ensure_future(_follow(work, on_output, ended))
        try:
            return await run_kept(work, nofile=self._nofile, server=self._server)
        finally:
            ended.set()
            await follower


async def _follow(work: Work, on_output: Callable[[bytes], None], ended: asyncio.Event) -> None:
    """Hand over the program's stdout while it runs, and the rest when it has ended."""
    path, offset = os.path.join(work.folder, "stdout"), 0
    while True:
        piece, offset = tail(path, offset)
        while piece:
            on_output(piece)
            await asyncio.sleep(0)  # a flood of output must not starve the other sessions
            piece, offset = tail(path, offset)
        if ended.is_set():
            return
        try:
            await asyncio.wait_for(ended.wait(), LOOK)
        except TimeoutError:
            continue
