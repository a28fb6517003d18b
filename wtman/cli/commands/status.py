"""`wtman status`: changes nothing, not even a lock."""

import sys
import time
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from wtman.cli import options, streams, target, terminal
from wtman.cli.pager import paged
from wtman.coordinator.home import Home
from wtman.errors import UsageError
from wtman.journal.record import Recorded
from wtman.journal.replay import replay
from wtman.journal.state import State
from wtman.model.ids import RunId
from wtman.model.states import SCHEMA
from wtman.text.terminal import count
from wtman.ui.rows import Moment
from wtman.ui.table import table

_POLL = 0.25  # seconds between two looks at the journal
_STARTING = 10  # seconds in which a run that has just been made may find its coordinator


def status(
    ctx: typer.Context,
    run: options.Run = "",
    watch: Annotated[bool, typer.Option("--watch", help="Follow the run until it stops.")] = False,
    every: Annotated[bool, typer.Option("--all", help="List all runs.")] = False,
    all_tasks: Annotated[
        bool, typer.Option("--all-tasks", help="Show every task, however many are done.")
    ] = False,
    dismissed: Annotated[
        bool, typer.Option("--dismissed", help="With --all: list dismissed runs too.")
    ] = False,
    as_json: options.Json = False,
    directory: options.Directory = "",
) -> int:
    """Show task status, what needs attention, and the next command."""
    if (every or dismissed) and (run or watch):
        raise UsageError("--all cannot be combined with RUN or --watch")
    with target.journal(ctx, directory) as home:
        if every or dismissed:
            return _list_runs(home, dismissed, as_json)
        name = target.run_of(home, run, quiet=as_json)
        if watch:
            return _watch(home, name, as_json)
        state = home.state(name)
        if as_json:
            _print_status(home, state)
        else:
            with paged(ctx):
                _print_table(home, state, all_tasks)
    return 0


def _print_table(home: Home, state: State, all_tasks: bool) -> None:
    at = Moment(time.time(), bool(home.store.live(state.run)))
    if at.live:
        from wtman.sessions.activity import load_activity

        told = load_activity(home.folder(state.run))
        at = Moment(at.now, True, told.said, told.since, told.used)
    height = 0 if all_tasks else terminal.height()
    width, colour = terminal.width(), terminal.colour()
    durations = home.durations() if at.live else None
    lines = table(state, width, at, colour, height=height, durations=durations)
    print(target.here("\n".join(lines)))
    from wtman.merge.checkout_note import cut_off_text
    from wtman.text.terminal import clean

    for text in cut_off_text(home.repo):
        print(f"\n! {clean(text, 400)}")


def _print_status(home: Home, state: State) -> None:
    from wtman.ui.status_json import status as status_of

    live = bool(home.store.live(state.run))
    durations = home.durations() if live else None
    told = status_of(state, live, durations, time.time())
    told["run"]["next"] = target.here(told["run"]["next"])
    _print_json(told)


def _list_runs(home: Home, dismissed: bool, as_json: bool) -> int:
    known = [home.state(run) for run in home.store.runs()]
    states = [state for state in known if dismissed or not state.dismissed]
    if as_json:
        from wtman.ui.status_json import summary

        runs = [summary(state, bool(home.store.live(state.run))) for state in states]
        _print_json({"schema": SCHEMA, "runs": runs})
        return 0
    from wtman.ui.runs import run_lines

    live = {state.run for state in states if home.store.live(state.run)}
    for line in run_lines(states, live, terminal.width(), terminal.colour()):
        print(line)
    if hidden := len(known) - len(states):
        print(f"{count(hidden, 'dismissed run')} not shown: wtman status --all --dismissed")
    return 0


def _watch(home: Home, run: RunId, as_json: bool) -> int:
    state = home.state(run)
    streams.end_when_unread()
    if as_json:
        _print_status(home, state)
        for new, _ in _news(home, state):
            _print_status(home, new)
    elif terminal.on_terminal():
        from wtman.ui.live import LiveTable

        folder = home.folder(run)
        with LiveTable(state, terminal.colour(), folder, home.durations(), target.here) as live:
            for new, news in _news(home, state):
                live.watch(new, news)
    else:
        from wtman.ui.lines import RunLines

        at = Moment(time.time(), bool(home.store.live(run)))
        for line in table(state, terminal.width(), at, False):
            print(target.here(line), flush=True)
        lines = RunLines(sys.stdout)
        for new, news in _news(home, state):
            lines.watch(new, news)
    return 0


def _news(home: Home, state: State) -> Iterator[tuple[State, Sequence[Recorded]]]:
    """Each new state of a run, with what made it, while some process drives it."""
    while True:
        # Asked before reading, so that what the coordinator wrote last is still seen.
        live = home.store.live(state.run)
        if news := home.store.events(state.run, state.seq):
            state = replay(news, state)
            yield state, news
        starting = not state.approved and time.time() - state.created < _STARTING
        if not (live or starting):
            return
        time.sleep(_POLL)


def _print_json(value: dict[str, object]) -> None:
    import json

    print(json.dumps(value, ensure_ascii=True), flush=True)
