"""Where a program runs: one file an executor, each held to tests/execution/test_conformance.py.

An executor takes and gives plain values only, so that one on other machines fits the same
door. It promises that a Work which has ended once is not run again, and that nothing of it is
alive when `run` returns or raises.
"""

from collections.abc import Callable
from typing import Protocol, Self

from wtman.model.command import Exit, Work


class Executor(Protocol):
    """Runs Works until it is closed; closing cancels what still runs and waits for it."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...

    async def run(self, work: Work, on_output: Callable[[bytes], None] | None = None) -> Exit:
        """Run it to its end. `on_output` is given every byte of its stdout once, in order.

        Cancelling stops the program politely within `work.grace`; its end is
        recorded before CancelledError goes up. Cancelling again kills it.
        """
        ...
