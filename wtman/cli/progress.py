"""What a command is at, and for how long: a line of stderr, redrawn in a terminal.

In a pipe or a log it is told once, when it has lasted a while; in a terminal it goes when it is
over. Quick steps show nothing. The live table of a run is another thing: `ui.live`.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Self, TextIO

from wtman.cli import terminal
from wtman.journal.events import Event
from wtman.journal.record import Recorded
from wtman.journal.state import State
from wtman.text.terminal import clean, duration, fit

_FIRST, _EVERY = 0.4, 0.5  # seconds until a line is drawn in a terminal, and between two
_PIPE = 2.0  # seconds until it is told in a pipe


class Progress:
    """Says what goes on while a `with` lasts. `quiet`: nothing is said, as for JSON."""

    def __init__(self, words: str = "", *, quiet: bool = False) -> None:
        self._out: TextIO = sys.stderr
        self._drawn_on = not quiet and terminal.is_drawable(self._out)
        self._quiet = quiet
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._words, self._began, self._told = words, time.monotonic(), False
        self._shown = False
        self._thread = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Self:
        if not self._quiet:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with self._lock:
            self._wipe()
            self._words = ""

    def say(self, words: str, *, same: bool = False) -> None:
        """What goes on from now on; nothing, where it is empty. `same`: it is still that of
        before, and its clock goes on."""
        with self._lock:
            if words != self._words and not same:
                self._began, self._told = time.monotonic(), False
            self._words = words

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """While somebody else writes to the terminal."""
        with self._lock:
            self._wipe()
            yield

    def _tick(self) -> None:
        while not self._over.wait(_EVERY if self._shown else _FIRST):
            with self._lock:
                lasted = time.monotonic() - self._began
                if not self._words or self._over.is_set():
                    self._wipe()
                elif self._drawn_on and lasted >= _FIRST:
                    clock = f" ({duration(lasted)})"
                    words = fit(clean(self._words, 400), max(_room() - len(clock), 0))
                    self._write(f"\r\x1b[K{words}{clock}")
                    self._shown = True
                elif not self._drawn_on and lasted >= _PIPE and not self._told:
                    self._write(f"wtman: {clean(self._words, 400)}\n")
                    self._told = True

    def _wipe(self) -> None:
        if self._shown:
            self._write("\r\x1b[K")
            self._shown = False

    def _write(self, text: str) -> None:
        try:
            self._out.write(text)
            self._out.flush()
        except (OSError, ValueError):  # nobody reads it
            self._over.set()


def _room() -> int:
    return terminal.width() - 1


@contextmanager
def told(
    out: TextIO, *, quiet: bool = False, wanted: Callable[[Event], bool] = lambda event: True
) -> Iterator[Callable[[State, Sequence[Recorded]], None]]:
    """What to watch a run with that has no live table: its `wanted` news as lines of `out`, and
    between them what goes on. Quiet: nothing at all."""
    from wtman.ui.activity import going_on
    from wtman.ui.lines import RunLines

    lines = RunLines(out, terminal.width() if out.isatty() else 0)
    with Progress(quiet=quiet) as progress:

        def watch(state: State, news: Sequence[Recorded]) -> None:
            if not quiet:
                with progress.hidden():
                    lines.watch(state, [record for record in news if wanted(record.event)])
                progress.say(going_on(state))

        yield watch
