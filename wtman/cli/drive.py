"""Drive a run in this process and call the user back at its end.

The journal is the only thing left behind, so Ctrl-C is always safe.
"""

import os
import time
from collections.abc import Callable, Sequence

from wtman.cli.notify import call_back
from wtman.coordinator.home import Home
from wtman.journal.events import Event
from wtman.journal.record import Recorded
from wtman.journal.state import State
from wtman.model.ids import RunId, TaskId

Watch = Callable[[State, Sequence[Recorded]], None]
Doing = Callable[[TaskId, str], None]


def driven(
    home: Home,
    run: RunId,
    events: Sequence[Event],
    watch: Watch,
    doing: Doing | None = None,
    after: int = 0,
) -> State:
    """Take the run's lock, journal `events`, and drive; what is older than `after` is not told."""
    # Everything that a run does: a command that only shows a plan does without.
    import asyncio

    from wtman.coordinator.loop import drive
    from wtman.coordinator.open import open_run

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
