"""`wtman add`: more tasks for a run, asked of the running coordinator or added here."""

import json
import os
import secrets
import time
from dataclasses import replace
from typing import Annotated

import typer

from wtman.cli import options, run_options, streams, target, terminal
from wtman.coordinator.home import Home, a_run
from wtman.errors import UsageError
from wtman.journal.events import Resumed, TaskAdded, TasksRefused, TasksWanted
from wtman.journal.state import State
from wtman.model.ids import Sha, TaskId
from wtman.model.plan import Task
from wtman.model.states import SCHEMA
from wtman.text.terminal import clean, fold
from wtman.text.words import listed

_PATIENCE = 20.0  # seconds that a coordinator may take to answer
_POLL = 0.05


def add(
    ctx: typer.Context,
    task: Annotated[
        list[str],
        typer.Argument(metavar="'ID: PROMPT'...", help="Task to add; - reads it from stdin."),
    ],
    run: Annotated[str, typer.Option(metavar="RUN", help="The run to add to.")] = "",
    owns: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Paths it owns; repeatable.")
    ] = None,
    needs: Annotated[
        list[str] | None, typer.Option(metavar="TASK", help="Task it starts from; repeatable.")
    ] = None,
    agent: Annotated[str, typer.Option(metavar="NAME", help="Its agent.")] = "",
    title: Annotated[str, typer.Option(metavar="TEXT", help="Its title.")] = "",
    allow_overlap: run_options.AllowOverlap = False,
    detach: run_options.Detach = False,
    yes: run_options.Yes = False,
    as_json: options.Json = False,
    directory: options.Directory = "",
) -> int:
    """Add a task to a run. A run that is not running goes on here.

    `ID: -` reads the prompt from stdin, `-` alone the whole `ID: PROMPT`. A task without
    --owns may change everything. With --needs it starts from the work of those tasks.
    """
    words = [_read(text) for text in task]
    if title and len(words) > 1:
        raise UsageError("--title names one task", hint="add the tasks one by one")
    with target.journal(ctx, directory) as home:
        state = home.state(a_run(home, run))
        tasks = tuple(_task(text, owns, needs, agent, title) for text in words)
        # Like `split --task`: a task that does not say what it owns overlaps with every other.
        wanted = TasksWanted(
            secrets.token_hex(8), tasks, _onto(home, state), allow_overlap or not owns
        )
        return Addition(home, state, wanted, as_json).made(yes, detach)


def _read(text: str) -> str:
    if text.strip() == "-":
        return streams.requested("-", "task")
    head, colon, prompt = text.partition(":")
    if colon and prompt.strip() == "-":
        return f"{head}: {streams.requested('-', 'prompt')}"
    return text


def _task(
    text: str, owns: list[str] | None, needs: list[str] | None, agent: str, title: str
) -> Task:
    from wtman.plan.file import quick_task

    named = tuple(
        TaskId(name.strip()) for item in needs or () for name in item.split(",") if name.strip()
    )
    task = quick_task(text, "wtman add")
    return replace(task, owns=tuple(owns or ()), needs=named, agent=agent.strip(), title=title)


def _onto(home: Home, state: State) -> Sha:
    """The target now, where something of the run has landed on it: there a new task starts."""
    from wtman.git.refs import read_one

    if state.merge is None or not any(view.merged for view in state.tasks.values()):
        return Sha("")
    return read_one(home.repo, f"refs/heads/{state.merge.asked.target}") or Sha("")


class Addition:
    """Tasks on their way into a run."""

    def __init__(self, home: Home, state: State, wanted: TasksWanted, as_json: bool) -> None:
        self.home = home
        self.state = state
        self.wanted = wanted
        self.as_json = as_json
        self.names = tuple(task.id for task in wanted.tasks)

    def made(self, yes: bool, detach: bool) -> int:
        """Judge them and have them added; the exit status of what that sets going."""
        from wtman.coordinator.home import require_shown

        require_shown(self.state)
        if self._is_asked():
            raise UsageError(
                f"{listed(self.names)} was asked for already, and waits for the run to go on",
                hint=f"wtman resume {self.state.run}",
            )
        self._anchored()
        live = bool(self.home.store.live(self.state.run))
        warnings = self._judged(live)
        self._require_agents()
        self._foreseen()
        if not self.as_json:
            self._warn(warnings)
        if live and self._taken_over():
            return self._told("added to run {run}, which is running")
        if not self.state.approved:
            self._planned()
            return self._told("added to run {run}; start it: wtman resume {run}")
        return self._go_on(yes, detach, asked=live)

    def _judged(self, live: bool) -> tuple[str, ...]:
        """The warnings about them. UsageError for what cannot be added."""
        from wtman.tasks.addition import LIMIT, require_addable

        try:
            return require_addable(self.state, self.wanted)
        except UsageError as error:
            if live and error.code == LIMIT:  # a run that is running keeps its limits
                error.hint = f"stop it first: wtman stop {self.state.run}; then {error.hint}"
            raise

    def _warn(self, warnings: tuple[str, ...]) -> None:
        if warnings and not self.wanted.tasks[0].owns:
            whole = f"{listed(self.names)} may change every path, which others own too"
            warnings = (f"{whole}: say less with --owns, or order them with --needs",)
        for text in warnings:
            print("\n".join(fold(f"warning: {clean(text, 400)}", terminal.width())))

    def _is_asked(self) -> bool:
        asked = {task.id for item in self.state.wanted for task in item.tasks}
        return any(name in asked for name in self.names)

    def _planned(self) -> None:
        """Add them to the plan of a run that nobody has started."""
        from wtman.tasks.addition import admission

        run = self.state.run
        with self.home.store.lock(run):
            (first, *more) = admission(self.home.state(run), self.wanted)
            if isinstance(first, TasksRefused):
                raise UsageError(first.reason, hint=first.hint)
            self.home.store.append(run, [first, *more], time.time())

    def _anchored(self) -> None:
        """Agents as the user means them here."""
        from wtman.coordinator.start.agents import anchored
        from wtman.files import working_folder
        from wtman.git.control_dir import prepare
        from wtman.git.objects.history import files

        if not any(task.agent for task in self.wanted.tasks):
            return
        top, tracked = (
            self.home.repo.toplevel,
            frozenset(files(prepare(self.home.repo), self.state.base)),
        )
        tasks = tuple(
            replace(task, agent=anchored(task.agent, working_folder(), top, tracked))
            for task in self.wanted.tasks
        )
        self.wanted = replace(self.wanted, tasks=tasks)

    def _foreseen(self) -> None:
        """Say how likely they conflict with the tasks of a run of which that was told."""
        from wtman.coordinator.start.order import pairs_with

        pairs = pairs_with(self.home.repo, self.state, self.wanted.tasks, os.environ)
        self.wanted = replace(self.wanted, pairs=pairs)

    def _require_agents(self) -> None:
        from wtman.coordinator.start.requirements import require
        from wtman.model.plan import Plan

        plan = Plan(self.state.request, self.wanted.tasks)
        require(plan, self.state.settings, self.state.roles, os.environ, frozenset())

    def _taken_over(self) -> bool:
        """Ask whoever drives the run. False: nobody does any more, and nobody has answered."""
        run = self.state.run
        (asked,) = self.home.store.append(run, [self.wanted], time.time())
        until = time.monotonic() + _PATIENCE
        while True:
            live = self.home.store.live(run)
            for record in self.home.store.events(run, asked.seq):
                match record.event:
                    case TaskAdded(key=key) if key == self.wanted.key:
                        return True
                    case TasksRefused(key=key) as refused if key == self.wanted.key:
                        raise UsageError(refused.reason, hint=refused.hint)
            if not live:
                return False
            if time.monotonic() > until:
                raise UsageError(
                    f"run {run} has not answered; it adds {listed(self.names)} when it does",
                    hint=f"see: wtman status {run}",
                )
            time.sleep(_POLL)

    def _go_on(self, yes: bool, detach: bool, asked: bool) -> int:
        """Drive the run with them. `asked`: the journal has the request, and its end came first."""
        from wtman.cli.start import Console
        from wtman.config.trust import approve, approved
        from wtman.coordinator.start.approval import unapproved, unapproved_of
        from wtman.coordinator.start.proposal import after
        from wtman.coordinator.start.resumption import changed_since
        from wtman.ui.proposal import change_lines, to_approve

        home, state = self.home, self.home.state(self.state.run)
        since = changed_since(home.repo, state, os.environ, {})
        anew, key = since.events, home.repo.common_dir
        missing = unapproved_of(after(state, anew), os.environ, key)
        missing = (*missing, *approved(since.openings, os.environ, key))
        if missing:
            may_ask = not (yes or self.as_json) and terminal.may_ask()
            if not may_ask or not terminal.ask("\n".join([*to_approve(missing), "Approve?"])):
                raise unapproved(
                    missing, "approve what you read with `wtman trust`, then try again"
                )
            approve(missing, os.environ, home.repo.common_dir)
        events = () if asked else (self.wanted,)
        if not (self.as_json or detach):
            print(f"{listed(self.names)} added to run {state.run}, which goes on", flush=True)
            print("".join(f"{line}\n" for line in change_lines(since.told)), end="", flush=True)
        return Console(self.as_json, yes, detach).drive(
            home, state, [Resumed("add"), *anew, *events]
        )

    def _told(self, words: str) -> int:
        run = self.state.run
        if self.as_json:
            print(json.dumps({"schema": SCHEMA, "run": run, "tasks": list(self.names)}))
        else:
            print(target.here(f"{listed(self.names)} {words.format(run=run)}"))
        return 0
