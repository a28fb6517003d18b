"""An event loop without time, files or threads: it only goes on when an answer arrives.

Answers are taken one by one, each when everything that the one before it set in motion has come
to rest. So a script does the same thing whenever the answers come in the same order, however
fast they come. What would wait for the clock raises NotReproducible.
"""

import asyncio
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any, NoReturn

from wtman.flow.errors import NotReproducible

_TIMERS = "asyncio.sleep, asyncio.timeout and other timers"
_INSTEAD = "await the call itself; `timeout=` of a session or command bounds it"
_LAST_TURNS = 20


class FlowLoop(asyncio.BaseEventLoop):
    """`wait` is called when nothing can go on: it delivers one answer, or raises."""

    def __init__(self, wait: Callable[[], None]) -> None:
        super().__init__()
        self._selector = _Idle(wait)
        self._numbers = count()
        self.set_task_factory(self._numbered)

    def _numbered(self, loop: Any, coroutine: Any, **more: Any) -> "asyncio.Task[Any]":
        return _Task(next(self._numbers), coroutine, loop=self, **more)

    def create_future(self) -> "asyncio.Future[Any]":
        return _Future(next(self._numbers), loop=self)

    def time(self) -> float:
        return 0.0

    def call_later(self, *_: object, **__: object) -> NoReturn:
        raise NotReproducible(_TIMERS, _INSTEAD)

    def call_at(self, *_: object, **__: object) -> NoReturn:
        raise NotReproducible(_TIMERS, _INSTEAD)

    def run_in_executor(self, *_: object) -> NoReturn:
        raise NotReproducible("a thread", "call the function itself")

    def leave(self) -> None:
        """End for good: what still waits is cancelled, and has a few turns to clean up."""
        self._selector.wait = lambda: None
        for task in asyncio.all_tasks(self):
            task.cancel()
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        for _ in range(_LAST_TURNS):
            self.call_soon(self.stop)
            self.run_forever()
        self.close()

    def call_exception_handler(self, context: object) -> None:
        """Errors that nobody awaits are dropped: what ends the script is told by main."""

    def _process_events(self, _: object) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody waits in another thread."""


class _Idle:
    """Stands where asyncio waits for files: is asked once a turn, with 0 while there is work."""

    def __init__(self, wait: Callable[[], None]) -> None:
        self.wait = wait

    def select(self, timeout: float | None) -> tuple[()]:
        if timeout is None or timeout > 0:
            self.wait()
        return ()


# asyncio.wait answers with sets: their order is that of the hashes, which would be addresses.
class _Task(asyncio.Task[Any]):
    def __init__(self, number: int, coroutine: Coroutine[Any, Any, Any], **more: Any) -> None:
        self._number = number
        super().__init__(coroutine, **more)

    def __hash__(self) -> int:
        return self._number


class _Future(asyncio.Future[Any]):
    def __init__(self, number: int, **more: Any) -> None:
        self._number = number
        super().__init__(**more)

    def __hash__(self) -> int:
        return self._number
