"""Runs: made, and opened with everything that their stages touch.

The only place that builds a `Context`. Everything heavy is imported here, late:
`status` and `--help` never come this way.
"""

import contextlib
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from wtman.core import events as e
from wtman.core.model import Branch, Identity, Plan, RunId, Settings, Sha, Task, TaskId
from wtman.core.plan import slug
from wtman.core.replay import replay
from wtman.core.state import State
from wtman.errors import MissingError
from wtman.git.discovery import Repository
from wtman.git.disk import on_network
from wtman.store import Store

if TYPE_CHECKING:
    from wtman.context import Context
    from wtman.guarding import Guard
    from wtman.sandbox import Sandbox
    from wtman.taking import Taken


def open_store(repo: Repository) -> Store:
    """The repository's journal. Raises MissingError where it cannot be used."""
    os.makedirs(repo.wtman_dir, mode=0o700, exist_ok=True)
    return Store.open(repo.wtman_dir, network=on_network(repo.wtman_dir))


def create_run(
    store: Store,
    plan: Plan,
    settings: Settings,
    *,
    base: Sha,
    target: str,
    identity: Identity,
    given: tuple[str, ...] = (),
    notes: Sequence[str] = (),
    begin: Sequence[e.Event] = (),
) -> RunId:
    """Journal a new run in state `planned`; nothing is started. `settings.check` is its check.

    `begin` is what comes before the tasks: roles, and for a plan without tasks who makes it.
    """
    run = _new_id(store, plan.request)
    created = e.RunCreated(
        run=run,
        request=plan.request,
        base=base,
        target=Branch(target),
        settings=settings,
        identity=identity,
        context=plan.context,
        given=given,
    )
    events: list[e.Event] = [created, *begin, *(e.TaskAdded(task) for task in plan.tasks)]
    store.append(run, [*events, *(e.Noted(note) for note in notes)], time.time())
    return run


def create_taken(
    store: Store,
    branches: Sequence["Taken"],
    settings: Settings,
    asked: e.MergeAsked,
    identity: Identity,
    *,
    key: str,
    notes: Sequence[str] = (),
) -> RunId:
    """Journal an anonymous run: the merge of branches that wtman did not make.

    `key` is what the same merge is known by after a kill. One transaction, so that a kill
    leaves all of it or nothing.
    """
    run = _new_id(store, "merge " + " ".join(item.name for item in branches[:3]))
    names = ", ".join(item.name for item in branches)
    events: list[e.Event] = [
        e.RunCreated(
            run=run,
            request=f"merge {names}",
            base=asked.before,
            target=asked.target,
            settings=settings,
            identity=identity,
            context=key,
            given=settings.check,
        )
    ]
    for item in branches:
        events.append(e.TaskAdded(Task(item.task, prompt="", title=item.name, needs=item.needs)))
        branch = Branch(item.name)
        events.append(
            e.BranchTaken(item.task, branch, item.start, item.head, item.message, item.author)
        )
    events += [e.Approved(), *(e.Noted(note) for note in notes), asked]
    store.append(run, events, time.time())
    return run


def create_reviewed(
    store: Store,
    branches: Sequence["Taken"],
    settings: Settings,
    *,
    base: Sha,
    request: str,
    identity: Identity,
    key: str,
    begin: Sequence[e.Event] = (),
    notes: Sequence[str] = (),
) -> RunId:
    """Journal an anonymous run: the reviews of branches that wtman did not make.

    `key` is what the same reviews are known by. One that starts where it ends is an audit.
    """
    run = _new_id(store, request)
    created = e.RunCreated(
        run=run,
        request=request,
        base=base,
        target=Branch(""),
        settings=settings,
        identity=identity,
        context=key,
        given=tuple(text for text in (settings.agent, *settings.reviewed_by) if text),
    )
    events: list[e.Event] = [created, *begin]
    for item in branches:
        events.append(e.TaskAdded(Task(item.task, prompt="", title=item.name, needs=item.needs)))
        branch = Branch(item.name)
        taken = e.BranchTaken(item.task, branch, item.start, item.head, item.message, item.author)
        events.append(taken)
    events += [e.Approved(), *(e.Noted(note) for note in notes)]
    store.append(run, events, time.time())
    return run


def _new_id(store: Store, request: str) -> RunId:
    run = RunId(f"{slug(request)}-{secrets.token_hex(2)}")
    known = store.runs()
    while run in known:
        run = RunId(f"{slug(request)}-{secrets.token_hex(4)}")
    return run


def load_state(store: Store, run: RunId) -> State:
    """The run, replayed."""
    return replay(store.events(run))


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
    """Hold the run's lock and everything that its stages need.

    Raises MissingError when the run is live elsewhere. Sweeps what an earlier
    coordinator of the run may have left alive. `aside` is for a terminal that the
    coordinator has handed a task to: without the lock, and nothing is swept.
    """
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    from wtman import agents, executors
    from wtman.brakes import Brakes
    from wtman.checkouts import Checkouts
    from wtman.context import Context
    from wtman.doing import Doing
    from wtman.git import control
    from wtman.network import Gateway
    from wtman.process import install_child_watcher, raise_fd_limit, sweep

    state = load_state(store, run)
    lock = contextlib.nullcontext() if aside else store.lock(run)
    with lock, ThreadPoolExecutor(max_workers=_git_jobs()) as pool:
        raise_fd_limit()
        install_child_watcher()
        if not aside:
            sweep(f"{run}/")
        loop = asyncio.get_running_loop()

        def in_pool(function: Callable[..., Any], /, *args: Any) -> Any:
            return loop.run_in_executor(pool, lambda: function(*args))

        folder = os.path.join(repo.wtman_dir, "runs", run)
        confine = await in_pool(_sandbox, state.settings.sandbox)
        clean = await in_pool(control.prepare, repo)
        brakes = Brakes()
        told = Doing(folder, loop.call_later, loop.time, lambda: brakes.used)

        def doing(task: TaskId, words: str) -> None:
            told.tell(task, words)
            if activity is not None:
                activity(task, words)

        async with (
            contextlib.aclosing(Gateway("" if aside else folder, environ)) as gateway,
            executors.load("local") as executor,
        ):
            with contextlib.nullcontext() if aside else contextlib.closing(told):
                yield Context(
                    run=run,
                    folder=folder,
                    repo=repo,
                    control=clean,
                    store=store,
                    executor=executor,
                    sandbox=confine,
                    agent=cache(agents.load),
                    git=in_pool,
                    clock=time.time,
                    environ=environ,
                    activity=doing,
                    checkouts=Checkouts(state.settings.check_jobs),
                    gateway=gateway,
                    brakes=brakes,
                    guard=_guard(store, run, folder),
                )


def _guard(store: Store, run: RunId, folder: str) -> "Guard":
    """The guard over the run's sessions; which merges there are is in the journals."""
    from wtman.core.moving import is_moved
    from wtman.guarding import Guard

    def merging(ref: str, new: str) -> bool:
        events = ([item.event for item in store.events(name)] for name in store.runs())
        return any(is_moved(run_events, ref, new) for run_events in events)

    return Guard(run, os.path.join(folder, "repository.json"), merging)


def _sandbox(name: str) -> "Sandbox":
    """The run's sandbox, which its journal names. A run never goes on in a weaker one."""
    from wtman.sandbox import choose

    try:
        return choose(name or "none")[0]
    except MissingError as error:
        raise MissingError(
            f"this run is confined by {name}: {error}",
            hint="mend that, then `wtman resume`; or start another run with --sandbox auto",
        ) from error


def _git_jobs() -> int:
    # Git spends its time on the processor and in the kernel: more threads than cores only wait.
    return max(os.cpu_count() or 1, 2)
