"""A repository's runs, and which of them a command means, by the rules of SPEC section 2.

RUN is optional: the newest unfinished run, else the newest. TASK is `id` or `RUN/id`.
"""

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from wtman.coordinator.estimate import TELLING, Durations, grown
from wtman.coordinator.outcome import FINISHED
from wtman.errors import MissingError, UsageError
from wtman.git.discovery import Repository
from wtman.journal.events import MergeAsked
from wtman.journal.replay import replay
from wtman.journal.state import State
from wtman.journal.store import Store, damaged, lost_runs
from wtman.model.ids import RunId, TaskId
from wtman.model.states import RunKind, RunState
from wtman.tasks.lifecycle import run_state
from wtman.text.words import did_you_mean, listed, quoted


@dataclass(frozen=True, slots=True)
class Home:
    """A repository with its open journal."""

    repo: Repository
    store: Store
    _known: dict[RunId, State] = field(default_factory=dict)

    def state(self, run: RunId) -> State:
        """The run as its journal tells it now; only what is new is read again."""
        known = self._known.get(run)
        news = self.store.events(run, known.seq if known is not None else 0)
        try:
            state = replay(news, known) if news or known is None else known
        except (LookupError, AttributeError, TypeError, ValueError, AssertionError) as error:
            # What was appended in order always fits.
            what = f"is damaged: the events of run {run} do not fit together"
            raise damaged(self.store.folder, what) from error
        if in_dry_run(state) and not state.kind.external and not self.store.live(run):
            # Killed before it could take itself back: no command is to take it for a merge.
            with self.store.lock(run):
                asked = max(
                    item.seq
                    for item in self.store.events(run)
                    if isinstance(item.event, MergeAsked)
                )
                self.store.forget(run, asked - 1, state.seq)
            state = replay(self.store.events(run))
        self._known[run] = state
        return state

    def durations(self) -> Durations:
        """What past work of the repository took, as the newest events of all runs tell."""
        return grown(Durations(), self.store.newest(TELLING))

    def folder(self, run: RunId) -> str:
        """Where the evidence of a run lies: what its sessions said, reports, patches."""
        return os.path.join(self.repo.wtman_dir, "runs", run)


def waiting_folder(repo: Repository) -> str:
    """Where what is to be deleted of the evidence of runs waits for it."""
    return os.path.join(repo.wtman_dir, "gone")


def in_dry_run(state: State) -> bool:
    """Whether a dry run was asked for and has not come to its end."""
    merge = state.merge
    return merge is not None and merge.asked.dry_run and not merge.over


def no_run(repo: Repository, known: Collection[RunId] = ()) -> MissingError:
    """The error of a command that has nothing to look at; `known` are runs of other kinds."""
    if lost := [name for name in lost_runs(repo.wtman_dir) if name not in known]:
        there = Store.exists(repo.wtman_dir)
        why = "has no run" if there else "is missing"
        return damaged(repo.wtman_dir, f"{why}, but {repo.wtman_dir}/runs has {listed(lost, 3)}")
    return MissingError(
        "there is no run in this repository",
        hint='start one: wtman split "what you want"; or see how it goes: wtman demo',
    )


def a_run(home: Home, name: str, wanted: Callable[[State], bool] | None = None) -> RunId:
    """The run called `name`, or the newest that is `wanted`, else the newest.

    What a `merge --branches` or a `plan` journalled is only meant where it is named, and so is
    a run that was dismissed.
    """
    runs = home.store.runs()
    if name:
        return _named(runs, name)
    wanted = wanted or unfinished
    newest = RunId("")
    for run in reversed(runs):
        state = home.state(run)
        if state.kind not in (RunKind.SPLIT, RunKind.FLOW) or state.dismissed:
            continue
        newest = newest or run
        if wanted(state):
            return run
    if not newest:
        if dismissed := [run for run in runs if home.state(run).dismissed]:
            raise MissingError(
                f"every run here was dismissed ({listed(dismissed, 3)})",
                hint=f"name one: wtman status {dismissed[-1]}; or start one: wtman split",
            )
        raise no_run(home.repo, runs)
    return newest


def unfinished(state: State) -> bool:
    """Whether something can still be done with the run."""
    if state.flow is not None and state.flow.ended is not None and not state.flow.wanted:
        return False
    return run_state(state) not in FINISHED


def ready(state: State) -> bool:
    """Whether the run can be merged."""
    if state.flow is not None and not state.flow.wanted:
        return False
    return run_state(state) in (RunState.READY, RunState.MERGING)


def newest_of(home: Home, kind: RunKind, key: str) -> State | None:
    """The newest run of the kind that was journalled for the same order."""
    states = (home.state(run) for run in reversed(home.store.runs()))
    return next((item for item in states if item.kind is kind and item.key == key), None)


def _named(runs: tuple[RunId, ...], name: str) -> RunId:
    found = [run for run in runs if run == name] or [run for run in runs if run.startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{quoted(name)} fits more than one run: {', '.join(found[:5])}")
    raise UsageError(
        f"there is no run {quoted(name)}{did_you_mean(name, runs)}", hint="see wtman status --all"
    )


def a_task(home: Home, text: str) -> tuple[State, TaskId]:
    """The task that `id` or `RUN/id` names, or the beginning of one id alone, with the state of
    its run."""
    name, _, task = text.rpartition("/")
    state = home.state(a_run(home, name))
    found = [item for item in state.tasks if item.startswith(task) and task]
    if task in state.tasks or len(found) == 1:
        return state, TaskId(task if task in state.tasks else found[0])
    if found:
        raise UsageError(f"{quoted(task)} fits more than one task: {listed(found, 5)}")
    raise UsageError(
        f"run {state.run} has no task {quoted(task)}{did_you_mean(task, state.tasks)}",
        hint=f"see wtman status {state.run}",
    )


def require_idle(home: Home, run: RunId) -> None:
    """Refuse to go on with a run that another process drives."""
    if pid := home.store.live(run):
        raise MissingError(
            f"run {run} is running (process {pid})",
            hint=f"watch it: wtman status {run} --watch; or stop it: wtman stop {run}",
            code="live",
        )


def require_shown(state: State) -> None:
    """Refuse to go on with a run that was dismissed."""
    if state.dismissed:
        raise MissingError(
            f"run {state.run} was dismissed",
            hint=f"bring it back first: wtman restore {state.run}",
            code="dismissed",
        )
