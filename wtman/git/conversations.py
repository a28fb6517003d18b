"""Gits that stay for the next question while a run goes on: a process for each would cost more
than most answers.

Promises an answer or None, after which the caller asks a git of its own: so what a lasting one
cannot do, or died of, is told as if it had never been there. Blocking; for any thread.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from wtman.errors import WtmanError
from wtman.git.run import Conversation

T = TypeVar("T")


class LastingGits:
    """Those of one repository, by what they are asked; none unless within `kept`."""

    def __init__(self) -> None:
        self._kept = 0
        self._talks: dict[str, Conversation] = {}
        self._turns: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """While this lasts there are some; they end with it."""
        self._kept += 1
        try:
            yield
        finally:
            self._kept -= 1
            for name in () if self._kept else tuple(self._turns):
                with self._turn(name):
                    self._drop(name)

    def ask(
        self, name: str, start: Callable[[], Conversation], talk: Callable[[Conversation], T]
    ) -> T | None:
        """What comes of a talk with the git of this name, started when it is first wanted."""
        if not self._kept:
            return None
        with self._turn(name):
            try:
                if self._kept and name not in self._talks:
                    self._talks[name] = start()
                return talk(self._talks[name]) if name in self._talks else None
            except (WtmanError, OSError, ValueError):
                self._drop(name)
                return None
            except BaseException:
                self._drop(name)  # half an answer is for nobody else
                raise

    def _turn(self, name: str) -> threading.Lock:
        with self._lock:
            return self._turns.setdefault(name, threading.Lock())

    def _drop(self, name: str) -> None:
        talk = self._talks.pop(name, None)
        if talk is not None:
            with suppress(OSError):
                talk.close()
