"""`wtman ui`: opens the journal for the dashboard, and asks for what its keys ask for."""

import os
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from wtman.cli import options, target, terminal
from wtman.coordinator.answers import give_answer
from wtman.coordinator.home import Home
from wtman.errors import MissingError, WtmanError
from wtman.journal.events import Requested
from wtman.journal.state import State
from wtman.model.ids import RunId, TaskId
from wtman.sessions.activity import load_activity

if TYPE_CHECKING:
    from wtman.ui.dashboard.source import (
        BackgroundCommand,
        DashboardSource,
        RunLine,
        RunSource,
        TaskLog,
    )

_RUNS = 100  # in the list of runs


def ui(
    ctx: typer.Context,
    run: options.Run = "",
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Show each new run as it starts.")
    ] = False,
    directory: options.Directory = "",
) -> int:
    """Show a run in a full-screen dashboard: tasks, live log, diff, findings.

    Press ? for all keys: filter and sort tasks, search a log, retry with a message, open a
    worktree in your editor or a shell, attach, merge, answer, stop, resume, switch run. The
    dashboard drives nothing: leaving it with q ends nothing. It needs the extra `tui`.
    """
    try:
        from wtman.ui.dashboard.app import Dashboard
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "textual":
            raise
        raise MissingError(
            "the dashboard needs the extra `tui`",
            hint="pip install 'wtman[tui]'; or without it: wtman status --watch",
            code="extra",
        ) from error
    if not (sys.stdin.isatty() and terminal.on_terminal()):
        raise MissingError(
            "the dashboard needs a terminal", hint="see wtman status --watch", code="terminal"
        )
    no_color = os.environ.get("NO_COLOR")
    with target.journal(ctx, directory) as home:
        app = Dashboard(source_of(home, no_color), target.run_of(home, run), follow)
        app.run()
        if app.failure is not None:
            raise app.failure
    return app.return_code or 0


def source_of(home: Home, no_color: str | None = None) -> "DashboardSource":
    """What the dashboard of a repository reads and asks. Textual takes NO_COLOR out of the
    environment: what it was is for the commands that get the terminal."""
    from wtman.git.control_dir import prepare
    from wtman.ui.dashboard.source import DashboardSource

    control = prepare(home.repo)
    # The folder that it stands in is no place to import from.
    place = home.repo.toplevel or home.repo.common_dir
    program = (sys.executable, "-P", "-m", "wtman", "-C", place)

    def opened(run: RunId) -> "RunSource":
        from wtman.cli.commands.report import diff_bytes
        from wtman.cli.commands.retry import request
        from wtman.ui.dashboard.log import task_log
        from wtman.ui.dashboard.source import RunSource

        folder = home.folder(run)

        def retry(state: State, task: TaskId, message: str) -> None:
            home.store.append(run, [request(home, state, task, message)], time.time())

        def log(state: State, task: TaskId) -> "TaskLog":
            return task_log(home.repo, folder, state, task)

        return RunSource(
            run=run,
            state=lambda: home.state(run),
            live=lambda: bool(home.store.live(run)),
            told=lambda: load_activity(folder),
            log=log,
            diff=lambda view: diff_bytes(control, view),
            refusal=lambda action, state, task: _refusal(home, action, state, task),
            stop=lambda: home.store.append(run, [Requested("stop")], time.time()),
            retry=retry,
            answer=lambda item, text: give_answer(home.repo, home.store, run, item, text),
        )

    def newest() -> RunId:
        runs = home.store.runs()
        return runs[-1] if runs else RunId("")

    def aside(run: RunId, words: Sequence[str]) -> "BackgroundCommand":
        return _aside((*program, *words), place, os.path.join(home.folder(run), "dashboard.log"))

    def at_terminal(words: Sequence[str]) -> int:
        return _at_terminal(program, words, no_color)

    return DashboardSource(
        open=opened,
        runs=lambda: _runs(home),
        newest=newest,
        durations=home.durations,
        clock=time.time,
        at_terminal=at_terminal,
        aside=aside,
    )


def _runs(home: Home) -> "list[RunLine]":
    """The runs that `status --all` lists, the newest first."""
    from wtman.tasks.lifecycle import standings
    from wtman.ui.dashboard.source import RunLine
    from wtman.ui.table import run_words

    found = []
    for run in reversed(home.store.runs()[-_RUNS:]):
        state = home.state(run)
        if state.dismissed:
            continue
        words, kind = run_words(state, standings(state))
        live = " (live)" if home.store.live(run) else ""
        found.append(RunLine(run, words + live, kind, state.created, state.request))
    return found


def _refusal(home: Home, action: str, state: State, task: TaskId) -> str:
    """Why the command of that name would refuse the task; empty: it would not."""
    from wtman.cli.commands.attach import require_attachable
    from wtman.cli.commands.retry import request
    from wtman.cli.worktree import require_no_session, require_worktree

    live = bool(home.store.live(state.run))
    try:
        match action:
            case "retry":
                request(home, state, task)
            case "attach":
                require_attachable(state, task, live=live)
            case _:
                require_worktree(state, task, live=live)
                require_no_session(state, task)
    except WtmanError as error:
        return error.message + (f": {error.hint}" if error.hint else "")
    return ""


def _at_terminal(program: tuple[str, ...], words: Sequence[str], no_color: str | None) -> int:
    """Give the terminal to a command; what it printed is read before the dashboard is back."""
    from wtman.cli.editor import chosen_editor
    from wtman.execution.spawn import run_in_terminal

    print(f"$ {shlex.join(['wtman', *words])}", flush=True)
    env = {**os.environ, **({"NO_COLOR": no_color} if no_color is not None else {})}
    status = run_in_terminal((*program, *words), env=env)
    if status or not (words[0] == "open" and chosen_editor()):
        print("\nwtman: press Enter to go back to the dashboard", end="", flush=True)
        try:
            sys.stdin.readline()
        except KeyboardInterrupt:
            print()
    return status


def _aside(argv: tuple[str, ...], place: str, log: str) -> "BackgroundCommand":
    """Start a command that no terminal ends; what it prints is kept in `log`."""
    from wtman.execution.spawn import start_apart
    from wtman.ui.dashboard.source import BackgroundCommand
    from wtman.ui.logs import Tail

    os.makedirs(os.path.dirname(log), mode=0o700, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    with open(os.open(log, flags, 0o600), "wb") as out:
        tail = Tail(log, offset=os.path.getsize(log))
        _, ended = start_apart(argv, place, out)

    def output() -> Iterator[str]:
        over = ended() is not None
        yield from tail.lines()
        if over:
            yield from tail.rest()

    return BackgroundCommand(output, ended)
