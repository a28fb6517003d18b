"""Commands that steer: stop, retry, clean, trust."""

import json
import os
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from wtman.cli import where
from wtman.core.events import Cleaned, Requested, Resumed
from wtman.core.model import RunId, Sha, TaskId
from wtman.core.render import clean as cleaned
from wtman.core.render import count
from wtman.core.state import State, TaskView
from wtman.core.status import FINISHED, SCHEMA
from wtman.core.wording import did_you_mean, quoted
from wtman.errors import MissingError, UsageError
from wtman.git.discovery import Repository
from wtman.git.disk import on_network

if TYPE_CHECKING:
    from wtman.stages.clean import Gone, Kept

_POLL = 0.1
_SPARE = 15.0  # seconds beyond the grace that sessions have


def stop(
    ctx: typer.Context,
    run: where.Run = "",
    as_json: where.Json = False,
    directory: where.Directory = "",
) -> int:
    """Stop a live run politely: its sessions are ended, nothing is lost, `resume` goes on."""
    with where.journal(ctx, directory) as home:
        name = where.a_run(home, run, lambda state: bool(home.store.live(state.run)))
        pid = home.store.live(name)
        if pid:
            home.store.append(name, [Requested("stop")], time.time())
            until = time.monotonic() + home.state(name).settings.grace + _SPARE
            while home.store.live(name) and time.monotonic() < until:
                time.sleep(_POLL)
        stopped = not home.store.live(name)
        if as_json:
            print(json.dumps({"schema": SCHEMA, "run": name, "live": not stopped}))
        elif not pid:
            print(f"run {name} is not live: there is nothing to stop")
        elif stopped:
            print(f"run {name} has stopped\nnext: wtman resume {name}")
        else:
            print(f"run {name} was asked to stop and has not yet (process {pid})")
    return int(not stopped)


def retry(
    ctx: typer.Context,
    task: Annotated[str, typer.Argument(metavar="TASK", help="`id` or `RUN/id`.")],
    as_json: where.Json = False,
    directory: where.Directory = "",
) -> int:
    """Give a task one more attempt, in the live run or by going on with it here."""
    with where.journal(ctx, directory) as home:
        state, name = where.a_task(home, task)
        view = state.tasks[name]
        if view.taken:
            raise UsageError(f"{name} is a branch that wtman did not make: it has no sessions")
        if view.merged:
            raise UsageError(f"{name} is merged: plan further work as a new run")
        if not state.approved:
            raise UsageError(
                f"run {state.run} has not been started", hint=f"start it: wtman resume {state.run}"
            )
        asked = Requested("retry", name, onto(home, state, view))
        if home.store.live(state.run):
            home.store.append(state.run, [asked], time.time())
            told = f"{name} gets one more attempt in the live run"
            print(
                json.dumps({"schema": SCHEMA, "run": state.run, "task": name}) if as_json else told
            )
            return 0
        from wtman.cli.driving import carry

        return carry(home, state.run, [Resumed(), asked], as_json=as_json)


def onto(home: where.Home, state: State, view: TaskView) -> Sha:
    """Where the target is now, for a branch that a merge left out: it has to come up to that."""
    from wtman.git.refs import read_one

    if view.excluded is None or state.merge is None:
        return view.onto
    return read_one(home.repo, f"refs/heads/{state.merge.asked.target}") or view.onto


def clean(
    ctx: typer.Context,
    run: where.Run = "",
    force: Annotated[
        list[str] | None,
        typer.Option(metavar="TASK", help="Remove this one whatever it holds; repeatable."),
    ] = None,
    as_json: where.Json = False,
    directory: where.Directory = "",
) -> int:
    """Remove worktrees and branches whose work is merged or worthless.

    Without RUN all finished runs, never a live one. What would be lost stays, and is
    named; what goes can be brought back for 14 days.
    """
    from wtman.stages.clean import run_of

    _forget_rehearsals(where.repository(ctx, directory))
    with where.journal(ctx, directory) as home:
        forced = [run_of(text) for text in force or ()]
        states = _to_clean(home, run, forced)
        _require_known(states, forced)
        results = [(state, _clean_run(home, state, forced)) for state in states]
        _tell(results, as_json)
        return int(any(kept for _, (_, kept) in results))


def _forget_rehearsals(repo: Repository) -> None:
    """Let go of what dry runs have tried; the journal does not know them."""
    from wtman import probes
    from wtman.store import Store

    if Store.exists(repo.wtman_dir):
        with Store.open(repo.wtman_dir, network=on_network(repo.common_dir)) as store:
            probes.forget(repo, probes.runs_with(repo).difference(store.runs()))


def _to_clean(home: where.Home, run: str, forced: Sequence[tuple[RunId, TaskId]]) -> list[State]:
    from wtman.core.standing import run_state

    named = {name for name, _ in forced if name}
    if run:
        named.add(where.a_run(home, run))
    elif forced and not named:
        named.add(where.a_run(home, ""))
    if named:
        for name in named:
            where.require_idle(home, where.a_run(home, name))
        return [home.state(where.a_run(home, name)) for name in sorted(named)]
    states = (home.state(name) for name in home.store.runs())
    return [
        state for state in states if run_state(state) in FINISHED and not home.store.live(state.run)
    ]


def _require_known(states: list[State], forced: Sequence[tuple[RunId, TaskId]]) -> None:
    for _, task in forced:
        known = [name for state in states for name in (*state.tasks, *state.dropped)]
        if task not in known:
            raise UsageError(f"there is no task {quoted(task)}{did_you_mean(task, known)}")


def _clear_out(home: where.Home, state: State, task: TaskId, path: str) -> None:
    """Run `cleanup` in a worktree that is about to go; what fails is only told."""
    if not state.settings.cleanup:
        return
    import asyncio

    from wtman.clearing import clear_out
    from wtman.process import install_child_watcher

    install_child_watcher()
    for problem in asyncio.run(clear_out(home.repo, state, os.environ, task, path)):
        print(f"wtman: {problem}", file=sys.stderr)


def _clean_run(
    home: where.Home, state: State, forced: Sequence[tuple[RunId, TaskId]]
) -> tuple[list["Gone"], list["Kept"]]:
    from wtman.git.control import prepare
    from wtman.stages import clean as stage

    gone: list[stage.Gone] = []
    kept: list[stage.Kept] = []
    control = prepare(home.repo)
    with home.store.lock(state.run):
        for task in (*state.tasks, *state.dropped):
            by_name = any(name == task and run in ("", state.run) for run, name in forced)
            before = partial(_clear_out, home, state, task)
            match stage.clean(control, state, task, forced=by_name, before=before):
                case stage.Gone() as done:
                    home.store.append(state.run, [done.event], time.time())
                    gone.append(done)
                case stage.Kept() as left:
                    kept.append(left)
        times = {
            record.event.task: record.at
            for record in home.store.events(state.run)
            if isinstance(record.event, Cleaned)
        }
        stage.tidy(state)
        stage.expire(control, state, times, time.time())
        stage.let_go(control, state)
    return gone, kept


def _tell(results: list[tuple[State, tuple[list["Gone"], list["Kept"]]]], as_json: bool) -> None:
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
        print("there is nothing to clean")
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
            print(f"  remove it all the same: wtman clean --force {state.run}/{left.task}")


def _tell_recovery(state: State, gone: list["Gone"]) -> None:
    shown = next((item for item in gone if item.ref), None)
    if shown is not None:
        branch = f"wtman/{state.run}/{shown.task}"
        print(f"  for 14 days a branch comes back with: git branch {branch} {shown.ref}")
    folder = next((item.folder for item in gone if item.folder), "")
    if folder:
        print(f"  and its files are in {os.path.dirname(folder)}")


def trust(
    ctx: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Approve without asking.")] = False,
    as_json: where.Json = False,
    directory: where.Directory = "",
) -> int:
    """Approve the commands that this repository brought along, by their very text."""
    from wtman.config import load, repository_commands
    from wtman.trust import approve, approved

    repo = where.repository(ctx, directory)
    texts = repository_commands(load(repo.toplevel, os.environ, {}, None))
    missing = approved(texts, os.environ, repo.common_dir)
    if missing and not as_json:
        print("commands of this repository:")
        print("\n".join(f"    {cleaned(text)}" for text in missing))
    if missing and not yes:
        if as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise MissingError(
                f"{count(len(missing), 'command')} not approved, and nobody is there to ask",
                hint="read them, then: wtman trust --yes",
                code="approval",
            )
        from wtman.ui.ask import answer

        if not answer("Approve?", sys.stdin, sys.stdout):
            return 3
    approve(missing, os.environ, repo.common_dir)
    if as_json:
        print(json.dumps({"schema": SCHEMA, "approved": list(texts)}, ensure_ascii=True))
    elif missing:
        print(f"{count(len(missing), 'command')} approved")
    else:
        print("there is nothing to approve")
    return 0
