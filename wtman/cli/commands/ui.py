"""`wtman ui`: opens the journal for the dashboard, and asks for what its keys ask for."""

import os
import sys
import time
from typing import TYPE_CHECKING

import typer

from wtman.cli import options, target, terminal
from wtman.coordinator.home import Home, a_run
from wtman.errors import MissingError
from wtman.journal.events import Answered, Requested
from wtman.model.ids import RunId, TaskId
from wtman.sessions.activity import load_activity

if TYPE_CHECKING:
    from wtman.ui.dashboard import DashboardSource


def ui(
    ctx: typer.Context,
    run: options.Run = "",
    directory: options.Directory = "",
) -> int:
    """Show a run in a full-screen dashboard: tasks, live log, diff, findings; stop and retry."""
    try:
        from wtman.ui.dashboard import Dashboard
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "textual":
            raise
        raise MissingError(
            "the dashboard needs the extra `tui`",
            hint="pip install 'wtman[tui]'; or without it: wtman status --watch",
            code="extra",
        ) from error
    if not (sys.stdin.isatty() and terminal.on_terminal()):
        raise MissingError("the dashboard needs a terminal", hint="see wtman status --watch")
    with target.journal(ctx, directory) as home:
        app = Dashboard(source_of(home, a_run(home, run)))
        app.run()
        if app.failure is not None:
            raise app.failure
    return 0


def source_of(home: Home, run: RunId) -> "DashboardSource":
    """What the dashboard of a run reads and asks."""
    from wtman.cli.commands.report import diff_of
    from wtman.cli.commands.retry import request
    from wtman.git.control_dir import prepare
    from wtman.ui.dashboard import DashboardSource
    from wtman.ui.logs import Tail, planning_folders, teller

    control = prepare(home.repo)
    folder = home.folder(run)

    def retry(task: TaskId) -> None:
        asked = request(home, home.state(run), task)
        if not home.store.live(run):
            raise MissingError(f"run {run} is not running", hint=f"wtman retry {run}/{task}")
        home.store.append(run, [asked], time.time())

    def log(task: TaskId, number: int) -> tuple[Tail, ...]:
        state = home.state(run)
        told = teller(home.repo, state, task)
        places = [os.path.join(folder, "tasks", task, str(number))]
        if state.tasks[task].planned.lead:
            places = planning_folders(folder, task)[-1:]
        names = (os.path.join(place, name) for place in places for name in ("stdout", "stderr"))
        return tuple(Tail(name, told) for name in names)

    return DashboardSource(
        state=lambda: home.state(run),
        live=lambda: bool(home.store.live(run)),
        told=lambda: load_activity(folder),
        clock=time.time,
        log=log,
        diff=lambda view: diff_of(control, view),
        stop=lambda: home.store.append(run, [Requested("stop")], time.time()),
        retry=retry,
        answer=lambda key, text: home.store.append(run, [Answered(key, text)], time.time()),
    )
