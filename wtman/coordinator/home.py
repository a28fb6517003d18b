"""A repository's runs, and which of them a command means where none is named.

RUN is optional: the run that was worked with last and is not done with, of those for which the
command makes sense; so an old stopped run does not hide a newer one. TASK is `id` or `RUN/id`.
"""

import os
from collections.abc import Callable, Collection
from dataclasses import field
from typing import TYPE_CHECKING

from wtman.coordinator.outcome import FINISHED, written_as
from wtman.errors import MissingError, UsageError
from wtman.git.discovery import Repository
from wtman.journal.events import MergeAsked
from wtman.journal.replay import replay
from wtman.journal.state import State
from wtman.journal.store import Store, damaged, lost_runs
from wtman.model.ids import RunId, TaskId
from wtman.model.states import RunKind, RunState
from wtman.model.values import dataclass
from wtman.tasks.lifecycle import run_state
from wtman.text.words import did_you_mean, listed, quoted

if TYPE_CHECKING:
    from wtman.coordinator.estimate import Durations


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

    def durations(self) -> "Durations":
        """What past work of the repository took, as the newest events of all runs tell."""
        from wtman.coordinator.estimate import TELLING, Durations, grown

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


@dataclass(frozen=True, slots=True)
class ChosenRun:
    """The run that a command means that names none. `why` says in one line which others it
    might have meant; empty: none."""

    run: RunId
    why: str = ""


def a_run(home: Home, name: str, wanted: Callable[[State], bool] | None = None) -> RunId:
    """The run called `name`, else the one that is meant."""
    return _named(home, name) if name else chosen_run(home, wanted).run


MEANT = frozenset({RunKind.SPLIT, RunKind.FLOW})
TOLD = MEANT | {RunKind.REVIEW, RunKind.MERGE}  # what has a report


def chosen_run(
    home: Home,
    wanted: Callable[[State], bool] | None = None,
    kinds: Collection[RunKind] = MEANT,
) -> ChosenRun:
    """The run that was worked with last of those that are `wanted`, else the last of all.

    What a `merge --branches` or a `plan` journalled is only meant where it is named, but for
    commands that take other `kinds`, and so is a run that was dismissed.
    """
    runs = home.store.runs()
    states = [home.state(run) for run in runs]
    known = [it for it in states if it.kind in kinds and not it.dismissed]
    if not known:
        if dismissed := [state.run for state in states if state.dismissed]:
            raise MissingError(
                f"every run here was dismissed ({listed(dismissed, 3)})",
                hint=f"name one: wtman status {dismissed[-1]}; or start one: wtman split",
            )
        raise no_run(home.repo, runs)
    # Of what was made at the same moment, the one made last.
    known.sort(key=lambda state: state.updated)
    fitting = [state for state in known if (wanted or in_use)(state)]
    chosen, last = (fitting or known)[-1], known[-1]
    if chosen is not last and in_use(last):
        return ChosenRun(chosen.run, f"{last.run}, the last one, is {run_state(last)}")
    others = [it for it in (fitting if wanted else known) if it is not chosen and unfinished(it)]
    told = listed([f"{it.run} ({run_state(it)})" for it in reversed(others)], 3)
    return ChosenRun(chosen.run, f"also unfinished: {told}" if others else "")


def in_use(state: State) -> bool:
    """Whether the run is not done with: merged, and cleaned up after."""
    cleaned = all(view.cleaned for view in state.tasks.values())
    return run_state(state) is not RunState.MERGED or not cleaned


def unfinished(state: State) -> bool:
    """Whether something can still be done with the run."""
    if state.flow is not None and state.flow.ended is not None and not state.flow.wanted:
        return False
    if written_as(state) is not None:
        return False  # that is run, not this
    return run_state(state) not in FINISHED


def resumable(state: State) -> bool:
    """Whether a resume has something to go on with; a run that failed is tried again."""
    return run_state(state) not in (RunState.READY, RunState.MERGED)


def ready(state: State) -> bool:
    """Whether the run can be merged."""
    if state.flow is not None and not state.flow.wanted:
        return False
    return run_state(state) in (RunState.READY, RunState.MERGING)


def newest_of(home: Home, kind: RunKind, key: str) -> State | None:
    """The newest run of the kind that was journalled for the same order."""
    states = (home.state(run) for run in reversed(home.store.runs()))
    return next((item for item in states if item.kind is kind and item.key == key), None)


def _named(home: Home, name: str) -> RunId:
    runs = home.store.runs()
    found = [run for run in runs if run == name] or [run for run in runs if run.startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{quoted(name)} fits more than one run: {', '.join(found[:5])}")
    known = [run for run in reversed(runs) if not home.state(run).dismissed]
    raise UsageError(
        f"there is no run {quoted(name)}{did_you_mean(name, runs)}",
        hint=f"the newest: {listed(known, 3)}; all: wtman status --all",
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
        hint=_where_else(home, state, task) if not name else f"see wtman status {state.run}",
    )


def _where_else(home: Home, state: State, task: str) -> str:
    """Which other runs have the task; else what this one has."""
    others = [run for run in reversed(home.store.runs()) if task in home.state(run).tasks]
    if others:
        return f"it is a task of {listed(others, 3)}: name it {others[0]}/{task}"
    return f"its tasks: {listed(list(state.tasks), 5)}"


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
