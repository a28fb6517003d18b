"""Where a play of a script finds the state of its run, and leaves its events."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from wtman.journal.events import Event
from wtman.journal.state import State
from wtman.plan.attempts.table import Attempts


class RunHandle(Protocol):
    """The run of a play: one that goes on, or one in memory."""

    @property
    def state(self) -> State:
        """The run as it is now."""
        ...

    @property
    def changed(self) -> asyncio.Event:
        """Set as soon as there is another state than now."""
        ...

    async def past(self) -> Attempts:
        """What past sessions took, those of this run included."""
        ...

    def journal(self, events: Sequence[Event]) -> None:
        """Keep the events; `state` has them afterwards."""
        ...
