"""Commands that look: status, logs, diff, report. They change nothing, not even a lock."""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from wtman.cli import where
from wtman.core.events import Recorded
from wtman.core.model import RunId, TaskId
from wtman.core.render import columns, fit, pad, table
from wtman.core.replay import replay
from wtman.core.standing import run_state
from wtman.core.state import Attempt, State, TaskView
from wtman.core.status import SCHEMA, iso, summary
from wtman.core.status import status as status_of
from wtman.doing import Told, load_doing
from wtman.errors import UsageError

_POLL = 0.25  # seconds between two looks at the journal
Task = Annotated[str, typer.Argument(metavar="TASK", help="`id` or `RUN/id`.")]


def status(
    ctx: typer.Context,
    run: where.Run = "",
    watch: Annotated[bool, typer.Option("--watch", help="Follow until nothing runs.")] = False,
    every: Annotated[bool, typer.Option("--all", help="List all runs.")] = False,
    as_json: where.Json = False,
    directory: where.Directory = "",
) -> int:
    """Where every branch stands, who needs you, and the next command to type."""
    if every and (run or watch):
        raise UsageError("--all lists the runs: it goes with neither RUN nor --watch")
    with where.journal(ctx, directory) as home:
        if every:
            return _list_runs(home, as_json)
        name = where.a_run(home, run)
        if watch:
            return _watch(home, name, as_json)
        state = home.state(name)
        live = bool(home.store.live(name))
        if as_json:
            _print_json(status_of(state, live))
        else:
            told = load_doing(_folder(home, name)) if live else Told()
            lines = table(
                state,
                where.width(),
                time.time(),
                where.colour(),
                live,
                doing=told.said,
                used=told.used,
            )
            print("\n".join(lines))
    return 0


def _list_runs(home: where.Home, as_json: bool) -> int:
    states = [home.state(run) for run in home.store.runs()]
    if as_json:
        runs = [summary(state, bool(home.store.live(state.run))) for state in states]
        _print_json({"schema": SCHEMA, "runs": runs})
        return 0
    from wtman.core.render import clean

    name = max(columns(state.run) for state in states)
    for state in states:
        live = " (live)" if home.store.live(state.run) else ""
        left = f"{pad(state.run, name)}  {run_state(state) + live:<15}  {iso(state.created)}"
        print(fit(f"{left}  {clean(state.request)}", where.width()).rstrip())
    return 0


def _watch(home: where.Home, run: RunId, as_json: bool) -> int:
    state = home.state(run)
    if as_json:
        _print_json(status_of(state, bool(home.store.live(run))))
        for new, _ in _news(home, state):
            _print_json(status_of(new, bool(home.store.live(run))))
    elif where.on_terminal():
        from wtman.ui.live import LiveTable

        folder = _folder(home, run)
        with LiveTable(state, time.time, where.colour(), folder) as live:
            for new, _ in _news(home, state):
                live.watch(new, ())
    else:
        from wtman.ui.lines import Lines

        for line in table(state, where.width(), time.time(), False, bool(home.store.live(run))):
            print(line, flush=True)
        lines = Lines(sys.stdout)
        for new, news in _news(home, state):
            lines.watch(new, news)
    return 0


def _folder(home: where.Home, run: RunId) -> str:
    return os.path.join(home.repo.wtman_dir, "runs", run)


def _news(home: where.Home, state: State) -> Iterator[tuple[State, Sequence[Recorded]]]:
    """Each new state of a run, with what made it, while some process drives it."""
    while True:
        # Asked before reading, so that what the coordinator wrote last is still seen.
        live = home.store.live(state.run)
        if news := home.store.events(state.run, state.seq):
            state = replay(news, state)
            yield state, news
        if not live:
            return
        time.sleep(_POLL)


def logs(
    ctx: typer.Context,
    task: Task,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Until the attempt ends.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="The agent's own stream, as bytes.")] = False,
    attempt: Annotated[int, typer.Option("--attempt", metavar="N", help="Only this one.")] = 0,
    record: Annotated[
        str, typer.Option(metavar="FILE", help="Write the newest one for `replay:FILE`.")
    ] = "",
    directory: where.Directory = "",
) -> int:
    """What the sessions of a task said and did, attempt by attempt."""
    from wtman.ui import logs as shown

    with where.journal(ctx, directory) as home:
        state, name = where.a_task(home, task)
        attempts = [item for item in state.tasks[name].attempts if attempt in (0, item.number)]
        if not attempts and attempt:
            raise UsageError(f"task {name} has no attempt {attempt}")
        folder = os.path.join(_folder(home, state.run), "tasks", name)
        if record:
            return _record(home, state, name, attempts, record)
        if follow:
            # Without an attempt there is nothing yet: wait for the first while the run is live.
            return _follow(home, state, name, folder, raw)
        if not attempts:
            print(f"wtman: {name} has had no session yet", file=sys.stderr)
        for item in attempts:
            place = os.path.join(folder, str(item.number))
            if raw:
                shown.copy_raw(place, sys.stdout.buffer)
            else:
                print(shown.heading(item, time.time()))
                shown.print_attempt(place, sys.stdout)
    return 0


def _record(
    home: where.Home, state: State, task: TaskId, attempts: list[Attempt], path: str
) -> int:
    from wtman.cli import recording

    if not attempts:
        raise UsageError(f"task {task} has had no session yet")
    path = os.path.join(os.getcwd(), path)
    recording.record(home, state, state.tasks[task], attempts[-1], path)
    print(f"play it again with: --agent replay:{path}")
    return 0


def _follow(home: where.Home, state: State, task: TaskId, folder: str, raw: bool) -> int:
    from wtman.ui import logs as shown

    run = state.run
    while not state.tasks[task].attempts and home.store.live(run):
        time.sleep(_POLL)
        state = home.state(run)
    if not state.tasks[task].attempts:
        print(f"wtman: {task} has had no session yet, and nothing runs", file=sys.stderr)
        return 0
    newest = state.tasks[task].attempts[-1]
    place = os.path.join(folder, str(newest.number))

    def over() -> bool:
        view = home.state(run).tasks[task]
        item = next(item for item in view.attempts if item.number == newest.number)
        return item.ended is not None or not home.store.live(run)

    if raw:
        steps = shown.follow_raw(place, sys.stdout.buffer, over)
    else:
        print(shown.heading(newest, time.time()), flush=True)
        steps = shown.follow_attempt(place, sys.stdout, over)
    for _ in steps:
        time.sleep(_POLL)
    return 0


def diff(
    ctx: typer.Context,
    task: Annotated[
        str, typer.Argument(metavar="[TASK]", show_default=False, help="`id`, `RUN/id` or RUN.")
    ] = "",
    stat: Annotated[bool, typer.Option("--stat", help="Only the files and their sizes.")] = False,
    directory: where.Directory = "",
) -> int:
    """What a branch changes against its base; without TASK, every branch of the run.

    A pipe gets the exact bytes, which apply; a terminal is shown what is in them.
    """
    from wtman.core.patch_lines import patch_shown, stat_shown
    from wtman.git.control import prepare
    from wtman.git.patches import diff as patch

    with where.journal(ctx, directory) as home:
        views = _chosen(home, task)
        control = prepare(home.repo)
        colour = where.colour()
        for view in views:
            if not view.head or view.head == view.start:
                print(f"wtman: {view.task.id}: nothing is committed yet", file=sys.stderr)
                continue
            if len(views) > 1:
                sys.stdout.write(f"== {view.task.id} ({view.branch}) ==\n")
            said = patch(control, view.start, view.head, stat=stat)
            if stat:
                sys.stdout.write(stat_shown(said, colour=colour))
            elif sys.stdout.isatty():
                sys.stdout.write(patch_shown(said, colour=colour))
            else:
                sys.stdout.flush()
                sys.stdout.buffer.write(said)
            sys.stdout.flush()
    return 0


def _chosen(home: where.Home, name: str) -> list[TaskView]:
    """The tasks to show: one, or all of a run."""
    if not name or name in home.store.runs():
        return list(home.state(where.a_run(home, name)).tasks.values())
    state, task = where.a_task(home, name)
    return [state.tasks[task]]


def report(
    ctx: typer.Context,
    run: where.Run = "",
    html: Annotated[
        str, typer.Option("--html", metavar="FILE", help="Write it as one HTML file.")
    ] = "",
    browse: Annotated[bool, typer.Option("--open", help="Show the HTML in a browser.")] = False,
    as_json: where.Json = False,
    directory: where.Directory = "",
) -> int:
    """The one coordinated report: what was done, checked, landed, and what was not."""
    from wtman.core.report import report as text

    with where.journal(ctx, directory) as home:
        state = home.state(where.a_run(home, run))
        if html or browse:
            from wtman.cli.page import write_page

            write_page(home, state, os.path.join(os.getcwd(), html) if html else "", browse)
        elif as_json:
            _print_json({"schema": SCHEMA, "run": state.run, "markdown": text(state)})
        else:
            sys.stdout.write(text(state))
    return 0


def _print_json(value: dict[str, object]) -> None:
    import json

    print(json.dumps(value, ensure_ascii=True), flush=True)
