"""The doors of the command line to a run: lines for people, and JSON for programs."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from wtman.cli import terminal
from wtman.cli.drive import Doing, Watch, driven
from wtman.cli.notify import call
from wtman.coordinator.home import Home
from wtman.coordinator.outcome import exit_status
from wtman.coordinator.start.proposal import Proposal, Resumption
from wtman.coordinator.start.steps import Door, End, Started
from wtman.errors import WtmanError
from wtman.journal.events import Event
from wtman.journal.record import Recorded
from wtman.journal.state import State
from wtman.model.ids import TaskId
from wtman.model.settings import Settings
from wtman.model.states import RunState
from wtman.tasks.lifecycle import run_state
from wtman.text.terminal import clean, fit
from wtman.ui.jsonl import JsonLines
from wtman.ui.lines import RunLines
from wtman.ui.proposal import announced, proposal_json, resumption_lines, screen
from wtman.ui.table import table


def walk(way: Callable[[Door], Started], as_json: bool, yes: bool, detach: bool) -> int:
    """Walk the way to a started run, and say where it ended; the exit status."""
    door = JsonDoor(yes, detach) if as_json else Terminal(yes, detach)
    try:
        return door.ended(way(door))
    except WtmanError as error:
        if not door.failed(error):
            raise
        return error.status


class Terminal:
    """A terminal, or a pipe that somebody reads. What is told goes to `out`."""

    def __init__(self, yes: bool = False, detach: bool = False, out: TextIO = sys.stdout) -> None:
        self.yes = yes
        self._detach = detach
        self._out = out
        self._began = time.monotonic()
        self._planned: tuple[Home, State] | None = None

    def announce(self, planner: str, settings: Settings) -> None:
        print(announced(planner, settings), file=self._out, flush=True)

    def began(self, state: State) -> None:
        print(f"run {state.run}", flush=True)

    def show(self, proposal: Proposal) -> None:
        lines = screen(proposal, terminal.width(), terminal.colour())
        print("\n".join(["", *lines] if self._planned else lines))

    def tell(self, resumption: Resumption) -> None:
        print("\n".join(resumption_lines(resumption, terminal.width())))

    def ask(self, question: str, commands: Sequence[str] = ()) -> bool | None:
        if commands and terminal.may_ask():
            print("the planner is a command of this repository and needs your approval:")
            print("\n".join(f"    {clean(command)}" for command in commands))
        elif self._planned is not None and terminal.may_ask():
            home, state = self._planned
            words = f"run {state.run} has a plan and waits for your yes"
            call(home.repo, state, "approve", words, self._began)
        return terminal.ask(question)

    def plan(self, home: Home, state: State, events: Sequence[Event]) -> State:
        with _one_line(self._out) as (watch, doing):
            planned = driven(home, state.run, events, watch, doing, after=state.seq)
        self._planned = home, planned
        return planned

    def carry(self, home: Home, state: State, events: Sequence[Event]) -> int:
        if self._detach:
            from wtman.cli.detach import detach

            return detach(home, state.run, events, False)
        with _live(home, state) as (watch, doing):
            state = driven(home, state.run, events, watch, doing, after=state.seq)
        if not terminal.on_terminal():
            print("\n" + "\n".join(table(state, terminal.width(), time.time(), False, False)))
        return exit_status(state)

    def failed(self, error: WtmanError) -> bool:
        """Whether the error is told already."""
        return False

    def ended(self, started: Started) -> int:
        """Say where the way ended; the exit status."""
        state = started.state
        if started.end is End.UNPLANNED and state is not None:
            return unplanned(state)
        kept = f"; the plan is kept: wtman resume {state.run}" if state is not None else ""
        if started.end is End.SHOWN and state is not None:
            print(f"\nnothing was started{kept}")
        if started.end is End.DECLINED:
            print(f"nothing was started{kept}")
        return started.status


class PlanOnly(Terminal):
    """For `wtman plan`: what happens goes to stderr, and the plan is not shown."""

    def __init__(self, quiet: bool) -> None:
        super().__init__(out=sys.stderr)
        self._quiet = quiet

    def announce(self, planner: str, settings: Settings) -> None:
        if not self._quiet:
            super().announce(planner, settings)

    def began(self, state: State) -> None:
        """The plan is told alone."""

    def show(self, proposal: Proposal) -> None:
        """The caller writes the plan itself."""

    def ask(self, question: str, commands: Sequence[str] = ()) -> bool | None:
        return None if self._quiet else super().ask(question, commands)


class JsonDoor:
    """One JSON object a line, from the run's first event to its end. Asks nothing."""

    def __init__(self, yes: bool = False, detach: bool = False) -> None:
        self.yes = yes
        self._detach = detach
        self._stream = JsonLines(sys.stdout)
        self._state: State | None = None  # as it was last told

    def announce(self, planner: str, settings: Settings) -> None:
        """The stream has the settings."""

    def began(self, state: State) -> None:
        # A plan that was given says nothing before it goes to the background.
        if self._state is None and not (self._detach and state.planning is None):
            self._state = state
            self._stream.begin(state)

    def show(self, proposal: Proposal) -> None:
        """Only a dry run shows it, at its end."""

    def tell(self, resumption: Resumption) -> None:
        """The stream has what follows from it."""

    def ask(self, question: str, commands: Sequence[str] = ()) -> bool | None:
        return None

    def plan(self, home: Home, state: State, events: Sequence[Event]) -> State:
        self._state = driven(home, state.run, events, self._stream.watch, after=state.seq)
        return self._state

    def carry(self, home: Home, state: State, events: Sequence[Event]) -> int:
        if self._detach:
            from wtman.cli.detach import detach

            return detach(home, state.run, events, True)
        self.began(state)
        state = driven(home, state.run, events, self._stream.watch, after=state.seq)
        status = exit_status(state)
        self._stream.end(state, status)
        return status

    def failed(self, error: WtmanError) -> bool:
        """Whether the error is told already: as a line of the stream, which it ends."""
        if self._state is None:
            return False
        self._stream.error(error)
        self._stream.end(self._state, error.status)
        return True

    def ended(self, started: Started) -> int:
        """End what is not ended yet; the exit status."""
        if started.proposal is not None:
            print(json.dumps(proposal_json(started.proposal), ensure_ascii=True))
        elif started.state is not None and started.end is not End.STARTED:
            status = exit_status(started.state) if started.end is End.UNPLANNED else 0
            self._stream.end(started.state, status)
            return status
        return started.status


def unplanned(state: State) -> int:
    """Say why there is no plan: failed, paused or interrupted; the exit status."""
    failed = state.planning.failed if state.planning is not None else None
    if failed is not None and run_state(state) is not RunState.PAUSED:
        for problem in failed.problems[:10]:
            print(f"  {clean(problem, 500)}")
    print(f"next: wtman resume {state.run}")
    return exit_status(state)


@contextmanager
def _live(home: Home, state: State) -> Iterator[tuple[Watch, Doing | None]]:
    if not terminal.on_terminal():
        yield RunLines(sys.stdout).watch, None
        return
    from wtman.ui.live import LiveTable

    with LiveTable(state, terminal.colour(), home.folder(state.run)) as live:
        yield live.watch, live.doing


@contextmanager
def _one_line(out: TextIO) -> Iterator[tuple[Watch, Doing]]:
    """What the planner does, on one line of a terminal; what is worth keeping, as lines."""
    lines = RunLines(out)
    live = out.isatty() and terminal.on_terminal()

    def wipe() -> None:
        if live:
            out.write("\r\x1b[K")

    def tell(state: State, news: Sequence[Recorded]) -> None:
        wipe()
        lines.watch(state, news)

    def doing(task: TaskId, words: str) -> None:
        if live:
            text = fit(clean(f"{task}: {words}", 400), terminal.width() - 1)
            out.write(f"\r\x1b[K{text}")
            out.flush()

    try:
        yield tell, doing
    finally:
        wipe()
