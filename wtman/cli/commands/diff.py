"""`wtman diff`."""

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wtman.cli import options, streams, target, terminal
from wtman.cli.pager import paged
from wtman.coordinator.home import Home, a_task
from wtman.journal.state import State, TaskView
from wtman.model.states import SCHEMA

if TYPE_CHECKING:
    from wtman.git.control_dir import Control


def diff(
    ctx: typer.Context,
    task: Annotated[
        str, typer.Argument(metavar="TASK", show_default=False, help="`id`, `RUN/id` or RUN.")
    ] = "",
    stat: Annotated[bool, typer.Option("--stat", help="Show only files and their sizes.")] = False,
    as_json: options.Json = False,
    directory: options.Directory = "",
) -> int:
    """Show what a branch changes against its base; without TASK, every branch of the run.

    A pipe gets the exact patch. In a terminal, control characters are made visible.
    """
    from wtman.git.control_dir import prepare

    streams.end_when_unread()
    with target.journal(ctx, directory) as home:
        state, views = _chosen(home, task)
        control = prepare(home.repo)
        if as_json:
            print(json.dumps(_facts(control, state, views, stat), ensure_ascii=True))
            return 0
        with paged(ctx, always=True):
            for view in views:
                _print(control, view, stat=stat, named=len(views) > 1)
    return 0


def _print(control: "Control", view: TaskView, *, stat: bool, named: bool) -> None:
    from wtman.git.patches.series import diff as patch
    from wtman.ui.patch import patch_shown, stat_shown

    if not _has_work(view):
        print(f"wtman: {view.task.id}: nothing is committed yet", file=sys.stderr)
        return
    if named:
        sys.stdout.write(f"== {view.task.id} ({view.branch}) ==\n")
    said, colour = patch(control, view.start, view.head, stat=stat), terminal.colour()
    if stat:
        sys.stdout.write(stat_shown(said, colour=colour))
    elif sys.stdout.isatty():
        sys.stdout.write(patch_shown(said, colour=colour))
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(said)
    sys.stdout.flush()


def _has_work(view: TaskView) -> bool:
    return bool(view.head) and view.head != view.start


def _facts(
    control: "Control", state: State, views: Sequence[TaskView], stat: bool
) -> dict[str, Any]:
    """Each task with its files; without --stat with the patch, bytes that are no UTF-8 replaced."""
    from wtman.git.objects.history import line_counts
    from wtman.git.patches.series import diff as patch

    tasks = []
    for view in views:
        there = _has_work(view)
        counts = line_counts(control, view.start, view.head) if there else {}
        told: dict[str, Any] = {
            "id": view.task.id,
            "branch": view.branch,
            "base": view.start,
            "head": view.head,
            "files": [
                {"path": path, "insertions": came, "deletions": went}
                for path, pair in counts.items()
                for came, went in [pair or (None, None)]  # of a binary file
            ],
        }
        if not stat:
            said = patch(control, view.start, view.head) if there else b""
            told["patch"] = said.decode("utf-8", "replace")
        tasks.append(told)
    return {"schema": SCHEMA, "run": state.run, "tasks": tasks}


def _chosen(home: Home, name: str) -> tuple[State, list[TaskView]]:
    """The tasks to show: one, or all of a run."""
    if not name or name in home.store.runs():
        state = home.state(target.run_of(home, name))
        return state, list(state.tasks.values())
    state, task = a_task(home, name)
    return state, [state.tasks[task]]
