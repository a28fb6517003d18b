"""`wtman logs`: what sessions printed, as readable lines or as it was."""

import os
import sys
import time
from typing import Annotated

import typer

from wtman.cli import options, target
from wtman.coordinator.home import Home, a_task
from wtman.errors import UsageError
from wtman.journal.state import Attempt, State
from wtman.model.ids import TaskId

_POLL = 0.25  # seconds between two looks at the files


def logs(
    ctx: typer.Context,
    task: options.Task,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Follow until the attempt ends.")
    ] = False,
    raw: Annotated[bool, typer.Option("--raw", help="Print the agent's own stream.")] = False,
    attempt: Annotated[
        int, typer.Option("--attempt", metavar="N", help="Show only this one.", show_default=False)
    ] = 0,
    record: Annotated[
        str, typer.Option(metavar="FILE", help="Record the newest one, for `replay:FILE`.")
    ] = "",
    directory: options.Directory = "",
) -> int:
    """Show what the sessions of a task said and did, attempt by attempt."""
    from wtman.ui import logs as shown

    with target.journal(ctx, directory) as home:
        state, name = a_task(home, task)
        attempts = [item for item in state.tasks[name].attempts if attempt in (0, item.number)]
        if not attempts and attempt:
            raise UsageError(f"task {name} has no attempt {attempt}")
        folder = os.path.join(home.folder(state.run), "tasks", name)
        if record:
            return _record(home, state, name, attempts, record)
        if follow:
            # Without an attempt there is nothing yet: wait for the first while the run is live.
            return _follow(home, state, name, folder, raw)
        if not attempts:
            print(f"wtman: {name} has no session yet", file=sys.stderr)
        for item in attempts:
            place = os.path.join(folder, str(item.number))
            if raw:
                shown.copy_raw(place, sys.stdout.buffer)
            else:
                print(shown.heading(item, time.time()))
                shown.print_attempt(place, sys.stdout)
    return 0


def _record(home: Home, state: State, task: TaskId, attempts: list[Attempt], path: str) -> int:
    from wtman.cli.commands import logs_record

    if not attempts:
        raise UsageError(f"task {task} has no session yet")
    path = os.path.join(os.getcwd(), path)
    logs_record.record(home, state, state.tasks[task], attempts[-1], path)
    print(f"replay it with: --agent replay:{path}")
    return 0


def _follow(home: Home, state: State, task: TaskId, folder: str, raw: bool) -> int:
    from wtman.ui import logs as shown

    run = state.run
    while not state.tasks[task].attempts and home.store.live(run):
        time.sleep(_POLL)
        state = home.state(run)
    if not state.tasks[task].attempts:
        print(f"wtman: {task} has no session yet, and the run is not running", file=sys.stderr)
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
