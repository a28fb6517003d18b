"""`wtman attach TASK`: the user works on the next attempt of a task, at this terminal."""

import asyncio
import os
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from wtman.cli import options, target
from wtman.cli.worktree import placed, require_worktree, settled
from wtman.coordinator.home import Home, a_task
from wtman.errors import MissingError, UsageError
from wtman.journal.events import Requested
from wtman.journal.state import State
from wtman.model.ids import TaskId
from wtman.model.session import Ended
from wtman.sessions.actions import RunSession
from wtman.text.terminal import clean, size
from wtman.worktrees.in_use import is_used

if TYPE_CHECKING:
    from wtman.context import Context

_POLL = 0.1
_SPARE = 60.0  # seconds beyond the grace that a session has, and for what is left to collect


def attach(ctx: typer.Context, task: options.Task, directory: options.Directory = "") -> int:
    """Continue a task by hand, in the agent's own interactive mode.

    The task is paused, and the agent started in its worktree and sandbox, with its
    conversation. An agent that cannot resume one gives a shell there. Your work in the
    worktree is collected as one more attempt.
    """
    with target.journal(ctx, directory) as home:
        state, name = a_task(home, task)
        require_attachable(state, name, live=bool(home.store.live(state.run)))
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            hint = f"run it in one; or see: wtman open --path {state.run}/{name}"
            raise MissingError("attach needs a terminal", hint=hint, code="terminal")
        if is_used(home.folder(state.run), name):
            raise MissingError(
                f"the worktree of {name} is open in a shell or an editor",
                hint="leave that first; what you changed there is then collected with your work",
                code="live",
            )
        number = asyncio.run(_play(home, state, name, bool(home.store.live(state.run))))
        return _told(home, state, name, number)


def require_attachable(state: State, task: TaskId, *, live: bool) -> None:
    """Refuse what nobody can attach to."""
    require_worktree(state, task, live=live)
    if state.tasks[task].excluded is not None:
        name = f"{state.run}/{task}"
        hint = f"first run: wtman retry {name}; or work in it as it is: wtman shell {name}"
        raise UsageError(f"{task} was excluded from a merge", hint=hint)


async def _play(home: Home, state: State, task: TaskId, live: bool) -> int:
    """Get the attempt, hand the terminal over, and see it collected; its number."""
    from wtman.coordinator.open import open_run
    from wtman.sessions import handover

    async with open_run(home.repo, home.store, state.run, os.environ, aside=live) as ctx:
        folder = os.path.join(ctx.folder, "tasks", task)
        if live:
            home.store.append(state.run, [Requested("attach", task)], time.time())
            action = await _handed(home, state, task, folder)
        else:
            action = await _begun(ctx, home, state, task)
        place = os.path.join(folder, str(action.attempt))
        state = home.state(state.run)
        started = time.time()
        with handover.taken(place):
            code = await _at_terminal(ctx, state, action)
            handover.finish(place, started, time.time(), code)
        if not live:
            await settled(ctx, home, task)
    return action.attempt


async def _handed(home: Home, state: State, task: TaskId, folder: str) -> RunSession:
    """Wait until the run's coordinator has stopped what runs of the task, and offers it."""
    from wtman.sessions import handover

    before = state.tasks[task].last
    until = time.monotonic() + state.settings.grace + _SPARE
    print(f"wtman: pausing {task}", file=sys.stderr)
    while time.monotonic() < until:
        flight = home.state(state.run).tasks[task].in_flight
        if flight is not None and flight.attach and flight.number > before:
            action = handover.offered(os.path.join(folder, str(flight.number)))
            if action is not None:
                return action
        await asyncio.sleep(_POLL)
    raise MissingError(
        f"{task} could not be paused", hint=f"stop the run first: wtman stop {state.run}"
    )


async def _begun(ctx: "Context", home: Home, state: State, task: TaskId) -> RunSession:
    """Without a coordinator: what one would do, for this task alone."""
    from wtman.coordinator.loop import intent_of
    from wtman.coordinator.next_session import attached_session
    from wtman.sessions import handover

    await settled(ctx, home, task)
    await placed(ctx, home, task)
    state = home.state(state.run)
    action = attached_session(state, state.tasks[task])
    home.store.append(state.run, [intent_of(action)], time.time())
    place = os.path.join(ctx.folder, "tasks", task, str(action.attempt))
    handover.offer(place, action)
    return action


async def _at_terminal(ctx: "Context", state: State, action: RunSession) -> int:
    from wtman.execution.spawn import hold_terminal
    from wtman.provision.packages import shown
    from wtman.sessions.launch import confined, prepare
    from wtman.sessions.perform import attachment

    wanted = await attachment(ctx, state, action)
    wanted = await prepare(ctx, state.settings, wanted)
    agent = ctx.agent(action.agent)
    if not (getattr(agent, "attach", None) and action.resume):
        print(f"wtman: {agent.name} cannot resume a conversation: this is a shell. The prompt:\n")
        print("\n".join(clean(line) for line in action.prompt.splitlines()) + "\n", flush=True)
    async with shown(ctx, wanted.home) as cache:
        wanted = replace(wanted, binds=(*wanted.binds, *cache.binds))
        return await hold_terminal(confined(ctx, state.settings, wanted))


def _told(home: Home, state: State, task: TaskId, number: int) -> int:
    """Wait for what became of the attempt, and say it."""
    until = time.monotonic() + _SPARE
    while time.monotonic() < until:
        after = home.state(state.run)
        view = after.tasks.get(task) or after.dropped[task]
        attempt = next(item for item in view.attempts if item.number == number)
        if attempt.outcome is not None or not home.store.live(state.run):
            break
        time.sleep(_POLL)
    done = attempt.outcome
    if done is None:
        print(f"wtman: to collect your work in {task}: wtman resume {state.run}")
        return 0
    if done.ended is Ended.OK:
        print(f"{task}: attempt {number}: {size(done.files, done.insertions, done.deletions)}")
    else:
        print(f"{task}: attempt {number}: {clean(done.reason, 400)}")
    live = home.store.live(state.run)
    print(target.here(f"next: wtman {'status' if live else 'resume'} {state.run}"))
    return int(done.ended is Ended.FAILED)
