"""`wtman open TASK`: the user's editor on the worktree of a task, outside of any sandbox."""

import asyncio
import sys
from typing import Annotated

import typer

from wtman.cli import options, target
from wtman.cli.editor import chosen_editor, edit_folder
from wtman.cli.worktree import in_worktree, require_worktree
from wtman.coordinator.home import Home, a_task
from wtman.journal.state import State
from wtman.model.ids import TaskId


def open(
    ctx: typer.Context,
    task: options.Task,
    path: Annotated[bool, typer.Option("--path", help="Only print the path.")] = False,
    directory: options.Directory = "",
) -> int:
    """Open the worktree of a task in $VISUAL or $EDITOR.

    Without an editor or a terminal it prints the path, as --path does: cd "$(wtman open
    --path TASK)". The editor is yours, outside of the sandbox. What you change stays in
    the worktree: `wtman attach` collects it; the next session of an agent sets it aside
    first. A worktree that another task took over is brought back.
    """
    with target.journal(ctx, directory) as home:
        state, name = a_task(home, task)
        require_worktree(state, name, live=bool(home.store.live(state.run)))
        at_terminal = sys.stdin.isatty() and sys.stdout.isatty()
        editor = chosen_editor() if at_terminal and not path else ""
        return asyncio.run(_open(home, state, name, editor))


async def _open(home: Home, state: State, task: TaskId, editor: str) -> int:
    async with in_worktree(home, state, task) as state:
        place = state.tasks[task].worktree
        if editor:
            edit_folder(editor, place)
        else:
            print(place)
    return 0
