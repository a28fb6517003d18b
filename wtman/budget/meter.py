"""What live sessions say of their provider and their use, for whoever decides.

Lives as long as its coordinator; the journal has what outlasts it. Whoever reads a
session's stream tells it here, whatever role the session has.
"""

import time
from collections.abc import Callable
from dataclasses import replace

from wtman.agents import Activity
from wtman.budget.head_start import HeadStart, entered, left
from wtman.budget.rate_limit import RateLimit, eased, slowed
from wtman.model.session import Usage


class LiveUsage:
    """`used` is what each live session has used so far, by the id of its Work.

    `clock` gives seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.used: dict[str, Usage] = {}
        self._rate_limit = RateLimit()
        self._clock = clock
        self._groups: dict[str, str] = {}
        self._heads: dict[str, HeadStart] = {}
        self._waiting: set[str] = set()

    def begin(self, session: str, group: str = "") -> None:
        """A session is about to start. Those of a `group` begin their requests alike."""
        self.used[session] = Usage()
        if group:
            self._groups[session] = group
            self._heads[group], waits = entered(self._heads.get(group), self._clock())
            if waits:
                self._waiting.add(session)

    def wait(self, session: str) -> float:
        """How many seconds a session that has begun should wait for the first of its group."""
        if session not in self._waiting:
            return 0.0
        return left(self._heads[self._groups[session]], self._clock())

    def take(self, session: str, activity: Activity) -> None:
        """Take in what a session does."""
        if activity.usage is not None and session in self.used:
            self.used[session] = activity.usage
        if activity.kind == "retry":
            self.slow(activity.wait)
        elif activity.usage is not None and (group := self._groups.get(session)):
            self._heads[group] = replace(self._heads[group], answered=self._clock())

    def end(self, session: str) -> None:
        """A session is over."""
        self.used.pop(session, None)
        self._groups.pop(session, None)
        self._waiting.discard(session)

    def slow(self, wait: float = 0.0) -> None:
        """A provider has too much; `wait` is for how many seconds, where it says so."""
        self._rate_limit = slowed(self._rate_limit, len(self.used), self._clock(), wait)

    def jobs(self, most: int) -> int:
        """How many sessions may run at once now; 0: `most`, the run's own number."""
        self._rate_limit = eased(self._rate_limit, most, self._clock())
        return self._rate_limit.jobs
