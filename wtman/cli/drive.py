"""Carry a run on in this process, in front of whoever watches: terminal, pipe or program.

Shared by the commands that drive: split, resume, retry, merge. The journal is the
only thing they leave behind, so Ctrl-C is always safe.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from wtman.cli import target
from wtman.cli.notify import call_back
from wtman.coordinator.loop import drive
from wtman.coordinator.open import open_run
from wtman.journal.events import Event
from wtman.journal.record import Recorded
from wtman.journal.state import State
from wtman.model.ids import RunId, TaskId
from wtman.ui.jsonl import JsonLines
from wtman.ui.lines import RunLines
from wtman.ui.outcome import exit_status
from wtman.ui.table import table

Watch = Callable[[State, Sequence[Recorded]], None]
Doing = Callable[[TaskId, str], None]


def carry(home: target.Home, run: RunId, events: Sequence[Event], *, as_json: bool = False) -> int:
    """Drive the run from `events` on, telling what happens; the exit status it ended with."""
    state = home.state(run)
    if as_json:
        stream = JsonLines(sys.stdout)
        stream.begin(state)
        state = driven(home, run, events, stream.watch, after=state.seq)
        status = exit_status(state)
        stream.end(state, status)
        return status
    with _shown(home, state) as (watch, doing):
        state = driven(home, run, events, watch, doing, after=state.seq)
    if not target.on_terminal():
        print("\n" + "\n".join(table(state, target.width(), time.time(), False, False)))
    return exit_status(state)


@contextmanager
def _shown(home: target.Home, state: State) -> Iterator[tuple[Watch, Doing | None]]:
    if not target.on_terminal():
        yield RunLines(sys.stdout).watch, None
        return
    from wtman.ui.live import LiveTable

    folder = home.folder(state.run)
    with LiveTable(state, time.time, target.colour(), folder) as live:
        yield live.watch, live.doing


def driven(
    home: target.Home,
    run: RunId,
    events: Sequence[Event],
    watch: Watch,
    doing: Doing | None = None,
    after: int = 0,
) -> State:
    """Take the run's lock, journal `events`, and drive; what is older than `after` is not told."""

    began = time.monotonic()

    def tell(state: State, news: Sequence[Recorded]) -> None:
        watch(state, [record for record in news if record.seq > after])

    async def go() -> State:
        async with open_run(home.repo, home.store, run, os.environ, doing) as ctx:
            home.store.append(run, events, ctx.clock())
            return await drive(ctx, tell)

    try:
        state = asyncio.run(go())
    except asyncio.CancelledError:
        # The second Ctrl-C: nobody waits for a polite end any more.
        raise KeyboardInterrupt from None
    call_back(home.repo, state, began)
    return state
