"""`wtman shell TASK`: a shell in the worktree and the sandbox of a task, which is no attempt."""

import asyncio
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from wtman.cli import options, target
from wtman.cli.worktree import in_worktree, require_worktree
from wtman.coordinator.home import Home, a_task
from wtman.errors import MissingError
from wtman.journal.state import State
from wtman.model.ids import TaskId
from wtman.text.terminal import clean

if TYPE_CHECKING:
    from wtman.context import Context
    from wtman.worktrees.by_hand import ByHand


def shell(ctx: typer.Context, task: options.Task, directory: options.Directory = "") -> int:
    """Open your $SHELL in the worktree, sandbox and environment of a task.

    It is no attempt: what you change stays in the worktree. `wtman attach` collects it;
    the next session of an agent sets it aside first. No session of the task begins while
    the shell is open. A worktree that another task took over is brought back.
    """
    with target.journal(ctx, directory) as home:
        state, name = a_task(home, task)
        require_worktree(state, name, live=bool(home.store.live(state.run)))
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise MissingError(
                "shell needs a terminal",
                hint=f"run it in one; or see: wtman open --path {state.run}/{name}",
                code="terminal",
            )
        _tell(state, name, asyncio.run(_play(home, state, name)))
        return 0


async def _play(home: Home, state: State, task: TaskId) -> "ByHand":
    from wtman.coordinator.open import open_run

    async with (
        in_worktree(home, state, task) as state,
        # Nothing of the run moves but in this worktree: it may go on meanwhile.
        open_run(home.repo, home.store, state.run, os.environ, aside=True) as ctx,
    ):
        return await _at_terminal(ctx, state, task)


async def _at_terminal(ctx: "Context", state: State, task: TaskId) -> "ByHand":
    from wtman.coordinator.next_session import attached_session
    from wtman.execution.spawn import hold_terminal
    from wtman.git.run import persistent
    from wtman.provision.packages import shown
    from wtman.sessions.launch import confined, prepare
    from wtman.sessions.perform import attachment
    from wtman.worktrees.by_hand import left_by_hand
    from wtman.worktrees.place import place_of

    view = state.tasks[task]
    at = view.head or view.start
    # What the next session would get, but for its agent and its conversation.
    action = replace(attached_session(state, view), resume="", at=at)
    wanted = await attachment(ctx, state, action)
    env = {name: value for name, value in wanted.env.items() if name != "WTMAN_ATTEMPT"}
    wanted = replace(wanted, folder=ctx.below("tasks", task, "shell"), env=env)
    wanted = await prepare(ctx, state.settings, wanted)
    async with shown(ctx, wanted.home) as cache:
        wanted = replace(wanted, binds=(*wanted.binds, *cache.binds))
        command = confined(ctx, state.settings, wanted)
        print(f"wtman: {task} in {wanted.cwd}; exit leaves it", file=sys.stderr, flush=True)
        await hold_terminal(command)
    place = place_of(state, task)
    left: ByHand = await persistent(ctx.git, left_by_hand, ctx, state, place, action.attempt, at)
    return left


def _tell(state: State, task: TaskId, left: "ByHand") -> None:
    """Say what becomes of what the user left."""
    name = f"{state.run}/{task}"
    if left.commit:
        print(f"{task}: your commits are kept: git log {left.commit[:12]}")
    elif left.refused:
        print(f"{task}: your commits could not be kept: {clean(left.refused, 400)}")
    if left.changed:
        print(f"{task}: the worktree has changes that are not in its branch")
        told = f"next: to collect them, wtman attach {name}; another session sets them aside"
        print(target.here(told))
    else:
        print(f"{task}: nothing changed")
