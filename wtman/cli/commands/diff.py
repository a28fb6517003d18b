"""`wtman diff`."""

import sys
from typing import Annotated

import typer

from wtman.cli import options, streams, target, terminal
from wtman.coordinator.home import Home, a_task
from wtman.journal.state import TaskView


def diff(
    ctx: typer.Context,
    task: Annotated[
        str, typer.Argument(metavar="TASK", show_default=False, help="`id`, `RUN/id` or RUN.")
    ] = "",
    stat: Annotated[bool, typer.Option("--stat", help="Show only files and their sizes.")] = False,
    directory: options.Directory = "",
) -> int:
    """Show what a branch changes against its base; without TASK, every branch of the run.

    A pipe gets the exact patch. In a terminal, control characters are made visible.
    """
    from wtman.git.control_dir import prepare
    from wtman.git.patches.series import diff as patch
    from wtman.ui.patch import patch_shown, stat_shown

    streams.end_when_unread()
    with target.journal(ctx, directory) as home:
        views = _chosen(home, task)
        control = prepare(home.repo)
        colour = terminal.colour()
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


def _chosen(home: Home, name: str) -> list[TaskView]:
    """The tasks to show: one, or all of a run."""
    if not name or name in home.store.runs():
        return list(home.state(target.run_of(home, name)).tasks.values())
    state, task = a_task(home, name)
    return [state.tasks[task]]
