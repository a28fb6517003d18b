"""`wtman ui`: opens the journal for the dashboard, and asks for what its keys ask for."""

import os
import sys
import time
from typing import TYPE_CHECKING

import typer

from wtman.cli import where
from wtman.core.events import Requested
from wtman.core.model import RunId, TaskId
from wtman.doing import load_doing
from wtman.errors import MissingError, UsageError

if TYPE_CHECKING:
    from wtman.ui.dashboard import Source


def ui(
    ctx: typer.Context,
    run: where.Run = "",
    directory: where.Directory = "",
) -> int:
    """A full-screen dashboard: tasks, live log, diff, findings; stop and retry."""
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
    if not (sys.stdin.isatty() and where.on_terminal()):
        raise MissingError("the dashboard needs a terminal", hint="see wtman status --watch")
    with where.journal(ctx, directory) as home:
        app = Dashboard(source_of(home, where.a_run(home, run)))
        app.run()
        if app.failure is not None:
            raise app.failure
    return 0


def source_of(home: where.Home, run: RunId) -> "Source":
    """What the dashboard of a run reads and asks."""
    from wtman.cli.control import onto
    from wtman.cli.page import diff_of
    from wtman.git.control import prepare
    from wtman.ui.dashboard import Source

    control = prepare(home.repo)
    folder = os.path.join(home.repo.wtman_dir, "runs", run)

    def retry(task: TaskId) -> None:
        state = home.state(run)
        view = state.tasks[task]
        if view.taken or view.merged:
            raise UsageError(f"{task} is {'merged' if view.merged else 'not made by wtman'}")
        if not home.store.live(run):
            raise MissingError("no process drives this run", hint=f"wtman retry {run}/{task}")
        home.store.append(run, [Requested("retry", task, onto(home, state, view))], time.time())

    return Source(
        state=lambda: home.state(run),
        live=lambda: bool(home.store.live(run)),
        told=lambda: load_doing(folder),
        clock=time.time,
        log=lambda task, number: tuple(
            os.path.join(folder, "tasks", task, str(number), name) for name in ("stdout", "stderr")
        ),
        diff=lambda view: diff_of(control, view),
        stop=lambda: _stop(home, run),
        retry=retry,
    )


def _stop(home: where.Home, run: RunId) -> None:
    home.store.append(run, [Requested("stop")], time.time())
