"""The live table of a run in a terminal.

Redrawn in place a few times a second, follows the terminal's size, and stays on
the screen as it was when the run ended. The text is `table.table`; here is
only the drawing, so that a pipe never pays for it.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from typing import Any, Self

from wtman.coordinator.estimate import Durations, grown
from wtman.journal.record import Recorded
from wtman.journal.state import State
from wtman.model.ids import TaskId
from wtman.sessions.activity import load_activity
from wtman.text.terminal import clean
from wtman.ui.rows import Moment
from wtman.ui.table import table

_PER_SECOND = 4
_WIPE = "\x1b[H\x1b[2J"  # the screen; what has scrolled off stays


class LiveTable:
    """A context manager around a run; `watch` fits `drive`, `doing` its activity.

    `folder` is the run's evidence: whoever drives the run tells there what its sessions
    do and use, and each terminal that watches it shows the same. `durations` are those of
    past runs, from which it tells how long this one takes still.
    """

    def __init__(
        self,
        state: State,
        colour: bool,
        folder: str,
        durations: Durations,
        here: Callable[[str], str] = str,
    ) -> None:
        from rich.console import Console
        from rich.live import Live

        self._state = state
        self._colour = colour
        self._folder = folder
        self._durations = durations
        self._here = here  # commands as they are typed where the user stands
        self._doing: dict[TaskId, str] = {}
        self._since: dict[TaskId, float] = {}
        self._ended = False
        self._columns = shutil.get_terminal_size().columns
        self._console = Console(highlight=False, markup=False, no_color=not colour)
        self._live = Live(
            console=self._console,
            auto_refresh=True,
            refresh_per_second=_PER_SECOND,
            get_renderable=self._drawn,
            vertical_overflow="crop",
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        # The last picture is whole, whatever the height: it scrolls like any output.
        self._live.vertical_overflow = "visible"
        self._live.stop()

    def watch(self, state: State, news: Sequence[Recorded]) -> None:
        """The state to draw from now on."""
        self._state = state
        self._durations = grown(self._durations, ((state.run, record) for record in news))

    def doing(self, task: TaskId, text: str) -> None:
        """What a task is doing at this moment."""
        text = clean(text, 200)
        if self._doing.get(task) != text:
            self._since[task] = time.time()
        self._doing[task] = text

    def _drawn(self) -> Any:
        from rich.text import Text

        size = shutil.get_terminal_size()
        if size.columns < self._columns:
            # The lines drawn before are wrapped now: there is no telling how many they are.
            self._console.file.write(_WIPE)
        self._columns = size.columns
        told = load_activity(self._folder)
        at = Moment(
            time.time(),
            not self._ended,
            doing={**told.said, **self._doing},
            since={**told.since, **self._since},
            used=told.used,
        )
        lines = table(
            self._state,
            size.columns,
            at,
            self._colour,
            height=size.lines - 1,
            durations=self._durations,
        )
        lines = [self._here(line) for line in lines] if self._ended else lines
        return Text.from_ansi("\n".join(lines), no_wrap=True, overflow="crop", end="")
