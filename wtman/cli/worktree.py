"""The worktree of a task, for what the user does in it: brought back, and theirs meanwhile."""

import asyncio
import contextlib
import os
import shlex
import sys
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from wtman.cli.progress import Progress
from wtman.coordinator.home import Home, require_shown
from wtman.errors import MissingError, UsageError
from wtman.journal.events import Requested
from wtman.journal.state import State
from wtman.model.ids import RunId, TaskId
from wtman.sessions.actions import Collect
from wtman.text.words import listed
from wtman.worktrees.in_use import used

if TYPE_CHECKING:
    from wtman.context import Context


_PATIENCE = 60.0  # seconds: its setup may have to run
_POLL = 0.1


def require_no_lead(state: State, task: TaskId) -> None:
    """Refuse a lead: only its parts have worktrees."""
    if not state.tasks[task].planned.lead:
        return
    parts = state.parts_of(task)
    see = f"its parts have them: {listed(parts)}" if parts else "its parts will have them"
    name = f"{state.run}/{task}"
    raise UsageError(
        f"{task} is a lead, which has no worktree", hint=f"{see}; see: wtman diff {name}"
    )


def require_worktree(state: State, task: TaskId, *, live: bool) -> None:
    """Refuse a task that can have no worktree now. `live`: its run is running."""
    require_shown(state)
    require_no_lead(state, task)
    view = state.tasks[task]
    name = f"{state.run}/{task}"
    if view.external:
        branch = shlex.quote(view.branch)
        raise UsageError(
            f"{view.label} has no worktree: wtman did not make this branch",
            hint=f"make one: git worktree add PATH {branch}",
        )
    if view.merged:
        raise UsageError(
            f"{task} has no worktree: it is merged", hint=f"see its change: wtman diff {name}"
        )
    if view.cleaned:
        raise MissingError(
            f"the worktree of {task} was cleaned",
            hint=f"bring it back first: wtman restore {name}",
            code="cleaned",
        )
    if not view.branch:
        ahead = f"wait for its turn: wtman status {state.run} --watch"
        hint = ahead if live else f"start it: wtman resume {state.run}"
        raise MissingError(f"{task} has no worktree yet", hint=hint, code="early")


@contextlib.asynccontextmanager
async def in_worktree(home: Home, state: State, task: TaskId) -> AsyncIterator[State]:
    """While this lasts the worktree is the user's: the state of the run, once it is there.

    It is brought back where another task has taken it over: by the run's coordinator while there
    is one. Raises MissingError where a session is at work in it.
    """
    from wtman.coordinator.open import open_run

    run = state.run
    if home.store.live(run):
        await _brought(home, task, run)
    elif state.tasks[task].in_flight or not _is_there(state, task):
        with Progress(f"bringing back the worktree of {task}"):
            async with open_run(home.repo, home.store, run, os.environ) as ctx:
                await settled(ctx, home, task)
                await placed(ctx, home, task)
    with used(home.folder(run), task):
        state = home.state(run)
        _require_idle(state, task)
        yield state


async def _brought(home: Home, task: TaskId, run: RunId) -> None:
    """Have the run's coordinator give the task a worktree again, where it has none."""
    until = time.monotonic() + _PATIENCE
    asked = False
    while time.monotonic() < until and home.store.live(run):
        state = home.state(run)
        view = state.tasks[task]
        if view.in_flight is not None or (_is_there(state, task) and not _is_moving(state, task)):
            return
        if not asked and not view.worktree:
            print(f"wtman: {task} gets its worktree back", file=sys.stderr, flush=True)
            home.store.append(run, [Requested("open", task)], time.time())
            asked = True
        await asyncio.sleep(_POLL)


def require_no_session(state: State, task: TaskId) -> None:
    """Refuse a task in whose worktree a session is at work."""
    if state.tasks[task].in_flight is not None:
        hint = f"pause it and work there: wtman attach {state.run}/{task}"
        raise MissingError(f"a session is at work in {task}", hint=hint, code="live")


def _require_idle(state: State, task: TaskId) -> None:
    require_no_session(state, task)
    if _is_moving(state, task) or not _is_there(state, task):
        raise MissingError(
            f"another task of run {state.run}, which is running, has the worktree of {task} now",
            hint=f"try again; or see: wtman diff {state.run}/{task}",
            code="live",
        )


def _is_moving(state: State, task: TaskId) -> bool:
    """Whether another task takes the worktree over."""
    return any(view.over == task for view in (*state.tasks.values(), *state.dropped.values()))


def _is_there(state: State, task: TaskId) -> bool:
    path = state.tasks[task].worktree
    return bool(path) and os.path.isdir(path)


async def placed(ctx: "Context", home: Home, task: TaskId) -> None:
    """Give the task a worktree again where another one has taken it over, or it is gone."""
    from wtman.coordinator.decide import worktree_for
    from wtman.coordinator.loop import intent_of
    from wtman.tasks.lifecycle import standings
    from wtman.worktrees import perform
    from wtman.worktrees.decide import offer_of

    state = home.state(ctx.run)
    if _is_there(state, task):
        return
    over = TaskId("")
    if not state.tasks[task].worktree:
        over = offer_of(state, frozenset(), standings(state), (task,)).given()[0] or over
    action = worktree_for(state, state.tasks[task], over)
    home.store.append(ctx.run, [intent_of(action)], time.time())
    events = await perform.perform(ctx, home.state(ctx.run), action)
    home.store.append(ctx.run, events, time.time())
    failed = home.state(ctx.run).tasks[task].stuck
    if failed:
        raise MissingError(f"{task} has no worktree: {failed}")


async def settled(ctx: "Context", home: Home, task: TaskId) -> None:
    """Collect the attempt in flight, if there is one."""
    from wtman.sessions import perform

    run = ctx.run
    state = home.state(run)
    view = state.tasks[task]
    flight = view.in_flight
    if flight is not None:
        settle = Collect(task, flight.number, view.start, view.head, flight.at, flight.agent)
        events = await perform.perform(ctx, state, settle)
        home.store.append(run, events, time.time())
