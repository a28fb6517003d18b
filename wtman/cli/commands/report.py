"""`wtman report`: its text, or the page with the diffs, written and shown."""

import json
import os
import sys
import time
from typing import Annotated

import typer

from wtman.cli import options, target, terminal
from wtman.cli.pager import paged
from wtman.coordinator.home import TOLD, Home
from wtman.errors import ExternalError, UsageError
from wtman.git.control_dir import Control, prepare
from wtman.git.patches.series import diff
from wtman.journal.state import State, TaskView

_LARGEST = 1 << 20  # bytes of a task's diff in the page


def report(
    ctx: typer.Context,
    run: options.Run = "",
    html: Annotated[
        str, typer.Option("--html", metavar="FILE", help="Write it as one HTML file.")
    ] = "",
    browse: Annotated[bool, typer.Option("--open", help="Show the HTML in a browser.")] = False,
    as_json: options.Json = False,
    directory: options.Directory = "",
) -> int:
    """The one coordinated report: what was done, checked, landed, and what was not."""
    from wtman.ui.report import report as text

    with target.journal(ctx, directory) as home:
        state = home.state(target.run_of(home, run, kinds=TOLD))
        if html or browse:
            _write_page(home, state, target.path_of(html), browse)
        elif as_json:
            from wtman.ui.report_json import report_json

            told = report_json(state, bool(home.store.live(state.run)))
            print(json.dumps(told, ensure_ascii=True))
        else:
            folds = not terminal.on_terminal()
            with paged(ctx):
                sys.stdout.write(text(state, folds=folds))
    return 0


def _write_page(home: Home, state: State, path: str, browse: bool) -> None:
    """Write the page to `path`, or into the run's evidence where it is only to be shown."""
    from wtman.ui.html import page

    control = prepare(home.repo)
    diffs = {task: diff_of(control, view) for task, view in state.tasks.items()}
    text = page(state, diffs, time.time(), bool(home.store.live(state.run)))
    place = path or os.path.join(home.folder(state.run), "report.html")
    try:
        with open(place, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(
            f"cannot write {place}: {error.strerror}", hint="name a file in a folder that is there"
        ) from error
    print(f"the report is in {place}")
    if browse:
        import webbrowser

        if not webbrowser.open(f"file://{os.path.abspath(place)}"):
            print("wtman: found no browser to show it in: open the file yourself", file=sys.stderr)


def diff_of(control: Control, view: TaskView) -> str:
    """One task's change; empty where there is none."""
    return diff_bytes(control, view).decode("utf-8", "replace")


def diff_bytes(control: Control, view: TaskView) -> bytes:
    """One task's change as git says it; of a very large one its statistics."""
    if not view.head or view.head == view.start:
        return b""
    try:
        raw = diff(control, view.start, view.head)
    except ExternalError:
        return b""  # cleaned, and collected as garbage since
    if len(raw) > _LARGEST:
        raw = diff(control, view.start, view.head, stat=True)
    return raw
