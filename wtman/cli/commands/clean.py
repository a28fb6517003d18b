"""`wtman clean`: what is merged or worthless goes, what would be lost stays."""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from wtman.cli import options, target, terminal
from wtman.cli.progress import Progress
from wtman.coordinator.home import Home, a_run, require_idle, waiting_folder
from wtman.coordinator.outcome import FINISHED
from wtman.errors import MissingError, UsageError, WtmanError
from wtman.git.discovery import Repository
from wtman.git.disk import on_network
from wtman.journal.events import Cleaned, Dismissed
from wtman.journal.state import State
from wtman.model.disk import DiskUse
from wtman.model.ids import RunId, TaskId
from wtman.model.states import SCHEMA, SETTLED
from wtman.model.values import dataclass
from wtman.text.terminal import clean as cleaned
from wtman.text.terminal import count, duration, storage
from wtman.text.words import did_you_mean, iso, quoted

if TYPE_CHECKING:
    from wtman.git.control_dir import Control
    from wtman.git.disk import DiskTally
    from wtman.worktrees.clean import KeptTask
    from wtman.worktrees.remnants import Remnants

_AHEAD = 4  # worktrees that are looked at before it is their turn
_PATIENCE, _POLL = 15.0, 0.05  # seconds, for a deletion
_WORTH = 2.0  # seconds from which on the time it took is told
_MUCH = 10 << 20  # bytes of logs that are worth a word


def clean(
    ctx: typer.Context,
    run: options.FinishedRun = "",
    force: Annotated[
        list[str] | None,
        typer.Option(metavar="TASK", help="Remove this one whatever it holds; repeatable."),
    ] = None,
    dismiss: Annotated[
        bool, typer.Option("--dismiss", help="Remove all of RUN, and do not show it any more.")
    ] = False,
    cache: Annotated[
        bool, typer.Option("--cache", help="Empty the package cache of the repository, too.")
    ] = False,
    as_json: options.Json = False,
    directory: options.Directory = "",
) -> int:
    """Remove worktrees and branches that are no longer needed.

    Without RUN, of all finished runs, never of a running one; with --force TASK alone, of this
    task only. What would be lost is kept, with the reason. What is removed can be brought back
    for 14 days: `wtman restore`. What git has, and what setup and tools made, is freed at once.
    """
    from wtman.coordinator.litter import sweep_caches, sweep_questions, sweep_repository
    from wtman.execution.removal import FEW, remove_waiting
    from wtman.git.control_dir import prepare
    from wtman.git.disk import DiskTally
    from wtman.worktrees.clean import KEPT_SECONDS

    if dismiss and not run:
        raise UsageError("--dismiss needs the name of the run", hint="see wtman status --all")
    _forget_dry_runs(target.repository(ctx, directory))
    with target.journal(ctx, directory) as home:
        control, began, tally = prepare(home.repo), time.monotonic(), DiskTally()
        with Progress("looking for what is left over", quiet=as_json) as progress:
            sweep_repository(control, home.store)
            sweep_questions(control, home.store)
            sweep_caches(control, KEPT_SECONDS, time.time())
            wanted = _to_clean(home, run, _forced(home, run, force or ()), dismiss)
            folders = _waiting_folders(home)
            left = remove_waiting(folders, apart=True)  # what another was killed over
            if cache:
                progress.say("emptying the package cache")
                _empty_cache(home.repo, tally)
            _forget_checkouts(home, tally)
            results = [_clean_run(home, item, tally, progress) for item in wanted]
            apart = remove_waiting(folders, apart=left is not None or tally.use.files > FEW)
            progress.say(f"deleting {storage(tally.use.size)}")
            ended = apart is None or _waited_for(apart)
        _tell(home, results, tally.use.size, time.monotonic() - began, not ended, as_json)
        return int(any(item.kept for item in results))


def _waited_for(ended: Callable[[], int | None]) -> bool:
    """Whether the deletion is over within a time that nobody minds; it goes on without us."""
    began = time.monotonic()
    while ended() is None:
        if time.monotonic() - began > _PATIENCE:
            return False
        time.sleep(_POLL)
    return True


@dataclass(frozen=True, slots=True)
class ToClean:
    """A run to be cleaned: all its tasks, or only the `forced` ones. `dismiss`: whatever they
    hold, and it is not shown any more."""

    state: State
    forced: frozenset[TaskId] = frozenset()
    whole: bool = True
    dismiss: bool = False


@dataclass(frozen=True, slots=True)
class CleanedRun:
    state: State
    gone: tuple[Cleaned, ...]
    kept: tuple["KeptTask", ...]
    logs: int  # bytes of its evidence that stay
    dismissed: bool = False


def _forget_dry_runs(repo: Repository) -> None:
    """Let go of what dry runs have tried; the journal does not know them."""
    from wtman.integration import candidate_refs
    from wtman.journal.store import Store

    if Store.exists(repo.wtman_dir):
        with Store.open(repo.wtman_dir, network=on_network(repo.common_dir)) as store:
            candidate_refs.forget(repo, candidate_refs.runs_with(repo).difference(store.runs()))


def _empty_cache(repo: Repository, tally: "DiskTally") -> None:
    """Empty the package cache, unless somebody uses it."""
    from wtman.provision.package_cache_folder import remove, size

    freed = size(repo)
    if not remove(repo):
        raise MissingError(
            "the package cache of this repository is in use",
            hint="when its runs are over: wtman clean --cache",
            code="live",
        )
    tally.use += DiskUse(freed)


def _waiting_folders(home: Home) -> list[str]:
    """Where what is to be deleted waits for it: for each disk one."""
    from wtman.worktrees.clean import trash_of

    states = [home.state(run) for run in home.store.runs()]
    return [waiting_folder(home.repo), *(trash_of(state) for state in states)]


def _forget_checkouts(home: Home, tally: "DiskTally") -> None:
    """Remove the check checkouts of merges and reviews of branches that were cut off."""
    from wtman.worktrees.clean import remove_traces, take_checkouts

    for run in home.store.runs():
        state = home.state(run)
        if state.kind.external and not home.store.live(run):
            with contextlib.suppress(MissingError), home.store.lock(run):
                take_checkouts(state, tally)
                remove_traces(state)


def _forced(home: Home, run: str, names: Sequence[str]) -> dict[RunId, set[TaskId]]:
    """The tasks of --force by their run. A bare id means the one run that has it to remove."""
    found: dict[RunId, set[TaskId]] = {}
    for text in names:
        name, _, task = text.rpartition("/")
        holder = a_run(home, name or run) if name or run else _holder(home, TaskId(task))
        state = home.state(holder)
        known = [*state.tasks, *state.dropped]
        if task not in known:
            raise UsageError(
                f"run {holder} has no task {quoted(task)}{did_you_mean(task, known)}",
                hint=f"see wtman status {holder}",
            )
        found.setdefault(holder, set()).add(TaskId(task))
    return found


def _holder(home: Home, task: TaskId) -> RunId:
    """The run whose task of this id still has a worktree or a branch."""
    from wtman.worktrees.clean import holds

    states = [home.state(run) for run in home.store.runs()]
    having = [state for state in states if task in state.tasks or task in state.dropped]
    if not having:
        known = [name for state in states for name in state.tasks]
        raise UsageError(f"there is no task {quoted(task)}{did_you_mean(task, known)}")
    left = [state for state in having if holds(home.repo, state, task)] or having[-1:]
    if len(left) > 1:
        named = ", ".join(f"{state.run}/{task}" for state in left)
        raise UsageError(
            f"task {quoted(task)} is in {len(left)} runs: {named}",
            hint=f"name the run too: wtman clean --force {left[-1].run}/{task}",
        )
    return left[0].run


def _to_clean(
    home: Home, run: str, forced: Mapping[RunId, set[TaskId]], dismiss: bool
) -> list[ToClean]:
    from wtman.tasks.lifecycle import run_state

    named = a_run(home, run) if run else ""
    for name in {*forced, *([named] if named else [])}:
        require_idle(home, RunId(name))
    if named or forced:
        runs = dict.fromkeys([*([RunId(named)] if named else []), *forced])
        return [
            ToClean(
                home.state(name),
                frozenset(forced.get(name, ())),
                whole=name == named,
                dismiss=dismiss and name == named,
            )
            for name in runs
        ]
    states = (home.state(name) for name in home.store.runs())
    return [
        ToClean(state)
        for state in states
        if (state.dismissed or run_state(state) in FINISHED) and not home.store.live(state.run)
    ]


def _clean_up(home: Home, state: State, progress: Progress, task: TaskId, path: str) -> None:
    """Run `cleanup` in a worktree that is about to go; what fails is only told."""
    if not state.settings.cleanup:
        return
    import asyncio

    from wtman.execution.spawn import install_child_watcher
    from wtman.provision.cleanup import clean_up

    install_child_watcher()
    progress.say(f"cleanup of {state.run}/{task}: {state.settings.cleanup[0]}")
    for problem in asyncio.run(clean_up(home.repo, state, os.environ, task, path)):
        with progress.hidden():
            print(f"wtman: {problem}", file=sys.stderr)


def _clean_run(home: Home, wanted: ToClean, tally: "DiskTally", progress: Progress) -> CleanedRun:
    from wtman.coordinator import evidence, litter
    from wtman.execution.occupants import occupants
    from wtman.git.control_dir import prepare
    from wtman.tasks.lifecycle import run_state, standings
    from wtman.worktrees import clean as worktree

    state, now = wanted.state, time.time()
    gone: list[Cleaned] = []
    kept: list[worktree.KeptTask] = []
    control = prepare(home.repo)
    known = standings(state) if state.approved else {}
    folder, waiting = home.folder(state.run), waiting_folder(home.repo)
    standing = occupants(
        [
            view.worktree
            for view in (*state.tasks.values(), *state.dropped.values())
            if view.worktree
        ]
    )
    with home.store.lock(state.run):
        litter.sweep_run(control, state.run, folder, state.settings.worktrees)
        worktree.finish_dropped(state, tally)
        told = home.store.events(state.run)
        chosen: dict[TaskId, tuple[bool, str]] = {}
        for task in (*state.tasks, *state.dropped):
            forced = task in wanted.forced
            if not (wanted.whole or forced):
                continue
            busy = ""
            if who := standing.get((state.tasks.get(task) or state.dropped[task]).worktree):
                busy = f"{who[1]} (process {who[0]}) works in its worktree: leave it first"
            elif wanted.dismiss:
                forced = True
            elif task in known and known[task].state not in SETTLED:
                busy = f"{known[task].state}, the run can go on: wtman resume {state.run}"
            chosen[task] = (forced, busy)
        for number, (task, surveyed) in enumerate(_surveyed(control, state, chosen), 1):
            what = f"cleaning {state.run}: task {number} of {len(chosen)}"
            progress.say(what, same=number > 1)
            forced, busy = chosen[task]
            before = partial(_clean_up, home, state, progress, task)
            match worktree.clean(
                control,
                state,
                task,
                forced=forced,
                busy=busy,
                known=told,
                tally=tally,
                surveyed=surveyed,
                before=before,
            ):
                case Cleaned() as done:
                    home.store.append(state.run, [done], now)
                    evidence.leave_task(folder, task, _sign_in_files(state, task), waiting, tally)
                    gone.append(done)
                case worktree.KeptTask() as left:
                    kept.append(left)
        if wanted.whole:
            worktree.take_checkouts(state, tally)
        worktree.tidy(state)
        if not any(
            worktree.holds(home.repo, state, task) for task in (*state.tasks, *state.dropped)
        ):
            evidence.leave_run(folder, waiting, tally)
        after, recorded = home.state(state.run), home.store.events(state.run)
        worktree.expire(control, after, recorded, now, tally)
        worktree.let_go(control, state)
        if wanted.whole and (after.dismissed or run_state(after) in FINISHED):
            over = not kept and now - recorded[-1].at > worktree.KEPT_SECONDS
            (evidence.drop_logs if over else evidence.pack_logs)(folder)
            if over and after.dismissed:
                evidence.drop(folder, waiting, tally)
        dismissed = wanted.dismiss and not kept
        if dismissed and not state.dismissed:
            home.store.append(state.run, [Dismissed()], now)
    return CleanedRun(state, tuple(gone), tuple(kept), evidence.size_of(folder), dismissed)


def _surveyed(
    control: "Control", state: State, tasks: Iterable[TaskId]
) -> "Iterator[tuple[TaskId, Callable[[], Remnants]]]":
    """What `survey` finds of each task, a few of them ahead: git takes its time in each."""
    from collections import deque
    from concurrent.futures import Future, ThreadPoolExecutor

    from wtman.worktrees.clean import survey

    with ThreadPoolExecutor(_AHEAD) as pool:
        waiting: deque[tuple[TaskId, Future[Remnants]]] = deque()
        for task in tasks:
            waiting.append((task, pool.submit(survey, control, state, task)))
            if len(waiting) > _AHEAD:
                first, future = waiting.popleft()
                yield first, future.result
        for task, future in waiting:
            yield task, future.result


def _sign_in_files(state: State, task: TaskId) -> tuple[str, ...]:
    """Which files of the user's HOME its sessions may have had a copy of."""
    from wtman.agents.load import load

    view = state.tasks.get(task) or state.dropped[task]
    found: dict[str, None] = {}
    for spec in dict.fromkeys(item.agent for item in view.attempts):
        with contextlib.suppress(WtmanError):
            found.update(dict.fromkeys(load(spec, state.settings.agents).needs.files))
    return tuple(found)


def _tell(
    home: Home,
    results: Sequence[CleanedRun],
    freed: int,
    seconds: float,
    apart: bool,
    as_json: bool,
) -> None:
    from wtman.worktrees.clean import KEPT_SECONDS, trash_ref

    until = iso(time.time() + KEPT_SECONDS)
    kept = sum(event.size for item in results for event in item.gone)
    if as_json:
        runs = [
            {
                "run": item.state.run,
                "cleaned": [
                    {
                        "task": event.task,
                        "ref": trash_ref(item.state.run, event.task, event.head)
                        if event.refs
                        else "",
                        "folder": event.folder,
                        "files": event.files,
                        "bytes": event.size,
                        "ignored": event.ignored,
                        "freed": event.freed,
                        "until": until,
                    }
                    for event in item.gone
                ],
                "kept": [{"task": left.task, "reason": left.why} for left in item.kept],
                "dismissed": item.dismissed,
                "logs": {"folder": home.folder(item.state.run), "bytes": item.logs},
            }
            for item in results
        ]
        sums = {"freed": freed, "in_background": apart, "recoverable": kept, "until": until}
        print(json.dumps({"schema": SCHEMA, "runs": runs, **sums}, ensure_ascii=True))
        return
    if not (freed or any(item.gone or item.kept or item.dismissed for item in results)):
        print("nothing to clean")
    for item in results:
        run = item.state.run
        for event in item.gone:
            files = (
                f"; kept: {count(event.files, 'file')} that no commit has" if event.files else ""
            )
            terminal.say(f"{run}/{event.task}  removed{files}")
        for left in item.kept:
            ignored = f"; {count(left.ignored, 'ignored file')} too" if left.ignored else ""
            terminal.say(f"{run}/{left.task}  kept: {cleaned(left.why, 300)}{ignored}")
        if item.dismissed:
            print(f"{run}  dismissed: by name alone, wtman status {run}")
        forcible = next((left for left in item.kept if left.forcible), None)
        if forcible is not None:
            print(f"  to remove it anyway: wtman clean --force {run}/{forcible.task}")
        if item.logs > _MUCH:
            print(f"  logs of {run}: {storage(item.logs)} in {home.folder(run)}")
    took = f" in {duration(seconds)}" if seconds >= _WORTH else ""
    _sums(results, freed, kept, until, ", being deleted in the background" if apart else took)


def _sums(results: Sequence[CleanedRun], freed: int, kept: int, until: str, later: str) -> None:
    """What is free, `later` how that goes, and until when it can be had back."""
    parts = []
    if freed:
        parts.append(f"freed {storage(freed)}{later}")
    gone = [(item.state.run, event) for item in results for event in item.gone]
    dismissed = [item.state.run for item in results if item.dismissed]
    if gone or dismissed:
        runs = {*dismissed, *(run for run, _ in gone)}
        name = runs.pop() if len(runs) == 1 else ""
        if len(gone) == 1 and name and not dismissed:
            name = f"{name}/{gone[0][1].task}"
        files = f"{storage(kept)} of files and all branches" if kept else "branches"
        parts.append(f"{files} stay recoverable until {until[:10]}: wtman restore {name}".rstrip())
    if parts:
        print("; ".join(parts))
