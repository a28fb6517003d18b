"""`wtman clean`: what is merged or worthless goes to the trash, what would be lost stays."""

import json
import os
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from wtman.cli import options, target
from wtman.coordinator.home import Home, a_run, require_idle
from wtman.coordinator.outcome import FINISHED
from wtman.errors import UsageError
from wtman.git.discovery import Repository
from wtman.git.disk import on_network
from wtman.journal.events import Cleaned
from wtman.journal.state import State
from wtman.model.ids import RunId, TaskId
from wtman.model.states import SCHEMA
from wtman.text.terminal import clean as cleaned
from wtman.text.terminal import count
from wtman.text.words import did_you_mean, quoted

if TYPE_CHECKING:
    from wtman.worktrees.clean import Gone, KeptTask


def clean(
    ctx: typer.Context,
    run: options.Run = "",
    force: Annotated[
        list[str] | None,
        typer.Option(metavar="TASK", help="Remove this one whatever it holds; repeatable."),
    ] = None,
    as_json: options.Json = False,
    directory: options.Directory = "",
) -> int:
    """Remove worktrees and branches that are no longer needed.

    Without RUN, of all finished runs, never of a running one. What would be lost is kept,
    with the reason; what is removed can be brought back for 14 days.
    """
    from wtman.worktrees.clean import run_of

    _forget_dry_runs(target.repository(ctx, directory))
    with target.journal(ctx, directory) as home:
        forced = [run_of(text) for text in force or ()]
        states = _to_clean(home, run, forced)
        _require_known(states, forced)
        results = [(state, _clean_run(home, state, forced)) for state in states]
        _tell(results, as_json)
        return int(any(kept for _, (_, kept) in results))


def _forget_dry_runs(repo: Repository) -> None:
    """Let go of what dry runs have tried; the journal does not know them."""
    from wtman.integration import candidate_refs
    from wtman.journal.store import Store

    if Store.exists(repo.wtman_dir):
        with Store.open(repo.wtman_dir, network=on_network(repo.common_dir)) as store:
            candidate_refs.forget(repo, candidate_refs.runs_with(repo).difference(store.runs()))


def _to_clean(home: Home, run: str, forced: Sequence[tuple[RunId, TaskId]]) -> list[State]:
    from wtman.tasks.lifecycle import run_state

    named = {name for name, _ in forced if name}
    if run:
        named.add(a_run(home, run))
    elif forced and not named:
        named.add(a_run(home, ""))
    if named:
        for name in named:
            require_idle(home, a_run(home, name))
        return [home.state(a_run(home, name)) for name in sorted(named)]
    states = (home.state(name) for name in home.store.runs())
    return [
        state for state in states if run_state(state) in FINISHED and not home.store.live(state.run)
    ]


def _require_known(states: list[State], forced: Sequence[tuple[RunId, TaskId]]) -> None:
    for _, task in forced:
        known = [name for state in states for name in (*state.tasks, *state.dropped)]
        if task not in known:
            raise UsageError(f"there is no task {quoted(task)}{did_you_mean(task, known)}")


def _clean_up(home: Home, state: State, task: TaskId, path: str) -> None:
    """Run `cleanup` in a worktree that is about to go; what fails is only told."""
    if not state.settings.cleanup:
        return
    import asyncio

    from wtman.execution.spawn import install_child_watcher
    from wtman.provision.cleanup import clean_up

    install_child_watcher()
    for problem in asyncio.run(clean_up(home.repo, state, os.environ, task, path)):
        print(f"wtman: {problem}", file=sys.stderr)


def _clean_run(
    home: Home, state: State, forced: Sequence[tuple[RunId, TaskId]]
) -> tuple[list["Gone"], list["KeptTask"]]:
    from wtman.git.control_dir import prepare
    from wtman.worktrees import clean as worktree

    gone: list[worktree.Gone] = []
    kept: list[worktree.KeptTask] = []
    control = prepare(home.repo)
    with home.store.lock(state.run):
        for task in (*state.tasks, *state.dropped):
            by_name = any(name == task and run in ("", state.run) for run, name in forced)
            before = partial(_clean_up, home, state, task)
            match worktree.clean(control, state, task, forced=by_name, before=before):
                case worktree.Gone() as done:
                    home.store.append(state.run, [done.event], time.time())
                    gone.append(done)
                case worktree.KeptTask() as left:
                    kept.append(left)
        times = {
            record.event.task: record.at
            for record in home.store.events(state.run)
            if isinstance(record.event, Cleaned)
        }
        worktree.tidy(state)
        worktree.expire(control, state, times, time.time())
        worktree.let_go(control, state)
    return gone, kept


def _tell(
    results: list[tuple[State, tuple[list["Gone"], list["KeptTask"]]]], as_json: bool
) -> None:
    if as_json:
        runs = [
            {
                "run": state.run,
                "cleaned": [
                    {"task": item.task, "ref": item.ref, "folder": item.folder} for item in gone
                ],
                "kept": [{"task": item.task, "reason": item.why} for item in kept],
            }
            for state, (gone, kept) in results
        ]
        print(json.dumps({"schema": SCHEMA, "runs": runs}, ensure_ascii=True))
        return
    if not any(gone or kept for _, (gone, kept) in results):
        print("nothing to clean")
    for state, (gone, kept) in results:
        for item in gone:
            ignored = f" (with {count(item.ignored, 'ignored file')})" if item.ignored else ""
            print(f"{state.run}/{item.task}  removed{ignored}")
        for left in kept:
            ignored = f"; {count(left.ignored, 'ignored file')} too" if left.ignored else ""
            print(f"{state.run}/{left.task}  kept: {cleaned(left.why, 300)}{ignored}")
        if gone:
            _tell_recovery(state, gone)
        for left in kept[:1]:
            print(f"  to remove it anyway: wtman clean --force {state.run}/{left.task}")


def _tell_recovery(state: State, gone: list["Gone"]) -> None:
    shown = next((item for item in gone if item.ref), None)
    if shown is not None:
        branch = f"wtman/{state.run}/{shown.task}"
        print(f"  to bring a branch back within 14 days: git branch {branch} {shown.ref}")
    folder = next((item.folder for item in gone if item.folder), "")
    if folder:
        print(f"  the files are in {os.path.dirname(folder)}")
