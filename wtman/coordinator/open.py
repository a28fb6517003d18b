"""Runs: opened with everything that their effects touch.

The only place that builds a `Context`. Everything heavy is imported here, late:
`status` and `--help` never come this way.
"""

import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from wtman.agents import Agent, load
from wtman.coordinator.create import load_state
from wtman.errors import MissingError, WtmanError
from wtman.git.discovery import Repository
from wtman.journal.store import Store
from wtman.model.agent_definition import AgentDefinition
from wtman.model.ids import RunId, TaskId
from wtman.model.settings import Settings

if TYPE_CHECKING:
    from wtman.context import Context
    from wtman.journal.state import State
    from wtman.sandbox.guard import Guard
    from wtman.sandbox.policy import Sandbox


@contextlib.asynccontextmanager
async def open_run(
    repo: Repository,
    store: Store,
    run: RunId,
    environ: Mapping[str, str],
    activity: Callable[[TaskId, str], None] | None = None,
    *,
    aside: bool = False,
) -> AsyncIterator["Context"]:
    """Hold the run's lock and everything that its effects need.

    Raises MissingError when the run is live elsewhere. Sweeps what an earlier
    coordinator of the run may have left alive. `aside` is for a terminal that the
    coordinator has handed a task to: without the lock, and nothing is swept.
    """
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    from wtman.budget.meter import LiveUsage
    from wtman.context import READERS, Context
    from wtman.coordinator.home import waiting_folder
    from wtman.coordinator.litter import sweep_repository, sweep_run
    from wtman.execution.local import LocalExecutor
    from wtman.execution.removal import remove_waiting
    from wtman.execution.space import Space
    from wtman.execution.spawn import install_child_watcher
    from wtman.execution.supervisor import raised_fd_limit
    from wtman.execution.sweep import sweep
    from wtman.git import control_dir
    from wtman.git.checkouts.pool import Checkouts
    from wtman.git.ref_log import drop_left_lock
    from wtman.provision.setup_use import require_space
    from wtman.sandbox.gateway import Gateway
    from wtman.sessions.activity import ActivityLog

    state = load_state(store, run)
    # Git spends its time on the processor and in the kernel: more threads than cores only wait.
    threads = max(os.cpu_count() or 1, 2)
    lock = contextlib.nullcontext() if aside else store.lock(run)
    with (
        lock,
        ThreadPoolExecutor(max_workers=threads) as pool,
        raised_fd_limit() as nofile,
        repo.lasting.kept(),
    ):
        install_child_watcher()
        if not aside:
            sweep(f"{run}/")
            drop_left_lock(repo)
        loop = asyncio.get_running_loop()

        def in_pool(function: Callable[..., Any], /, *args: Any) -> Any:
            return loop.run_in_executor(pool, lambda: function(*args))

        folder = os.path.join(repo.wtman_dir, "runs", run)
        confine = await in_pool(_sandbox, state.settings.sandbox)
        clean = await in_pool(control_dir.prepare, repo)
        if not aside:
            sweep_repository(clean, store)
            sweep_run(clean, run, folder, state.settings.worktrees)
            # What a `clean` that was killed had set aside, deleted while the run goes on.
            trash = os.path.join(state.settings.worktrees or folder, ".trash")
            remove_waiting((waiting_folder(repo), trash), apart=True)
        live_usage = LiveUsage()

        def room(commit: str) -> None:
            require_space(clean, state.settings, commit)

        @cache
        def loaded(spec: str, own: AgentDefinition | None) -> Agent:
            return load.load(spec, {spec: own} if own is not None else current().agents)

        def current() -> Settings:
            # A resume may have defined another agent since.
            return (ctx.live_state.state or state).settings

        def agent(spec: str) -> Agent:
            return loaded(spec, current().agents.get(spec))

        told = ActivityLog(folder, loop.call_later, loop.time, lambda: live_usage.used)

        def doing(task: TaskId, words: str) -> None:
            told.tell(task, words)
            if activity is not None:
                activity(task, words)

        async with (
            contextlib.aclosing(Gateway("" if aside else folder, environ)) as gateway,
            LocalExecutor(nofile) as executor,
        ):
            with contextlib.nullcontext() if aside else contextlib.closing(told):
                ctx = Context(
                    run=run,
                    folder=folder,
                    repo=repo,
                    control=clean,
                    store=store,
                    executor=executor,
                    sandbox=confine,
                    agent=agent,
                    git=in_pool,
                    clock=time.time,
                    environ=environ,
                    activity=doing,
                    checkouts=Checkouts(state.settings.check_jobs, room),
                    reading=Checkouts(READERS, room),
                    gateway=gateway,
                    live_usage=live_usage,
                    guard=_guard(store, run, folder),
                    space=Space(_written(environ), (state.settings.worktrees or folder, folder)),
                )
                try:
                    yield ctx
                finally:
                    if not aside and ctx.live_state.state is not None:
                        _keep(store, repo, ctx.live_state.state, environ)


def _keep(store: Store, repo: Repository, state: "State", environ: Mapping[str, str]) -> None:
    """Keep what the sessions of the run took, for forecasts. It is never worth an error."""
    from wtman.plan.attempts.rows import attempt_rows
    from wtman.plan.attempts.store import keep_attempts
    from wtman.tasks.lifecycle import standings

    with contextlib.suppress(WtmanError):
        rows = attempt_rows(state, standings(state), store.events(state.run))
        pairs = state.observed.pairs if state.observed is not None else ()
        keep_attempts(repo, state.run, rows, pairs, environ)


def _written(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Where programs write besides their checkout and what wtman gives them."""
    names = ("TMPDIR", "HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME")
    named = (environ.get(name, "") for name in names)
    return tuple(path for path in (*named, "/tmp") if os.path.isabs(path))


def _guard(store: Store, run: RunId, folder: str) -> "Guard":
    """The guard over the run's sessions; which merges there are is in the journals."""
    from wtman.journal.merges import is_moved
    from wtman.sandbox.guard import Guard

    def merging(ref: str, new: str) -> bool:
        events = ([item.event for item in store.events(name)] for name in store.runs())
        return any(is_moved(run_events, ref, new) for run_events in events)

    return Guard(run, os.path.join(folder, "repository.json"), merging)


def _sandbox(name: str) -> "Sandbox":
    """The run's sandbox, which its journal names. A run never goes on in a weaker one."""
    from wtman.sandbox.choice import choose

    try:
        return choose(name or "none")[0]
    except MissingError as error:
        raise MissingError(
            f"this run is confined by {name}: {error}",
            hint="fix that, then `wtman resume`; or start another run with --sandbox auto",
        ) from error
