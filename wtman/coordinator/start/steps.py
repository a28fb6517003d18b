"""The way from a request to a run that works: ordered, planned, shown, asked for once, begun.

One way for every door. A planner's session is journalled like any other, so whatever
happens on the way, the run is there and a resume goes on with it. Prints nothing: what is
to be shown, asked and driven goes through the `Door`.
"""

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from wtman.config.trust import approve
from wtman.coordinator.create import open_store
from wtman.coordinator.home import Home, require_idle
from wtman.coordinator.start.approval import (
    unapproved,
    unapproved_of,
    unapproved_plan,
    unconfirmed,
)
from wtman.coordinator.start.order import PreparedRun, order, propose
from wtman.coordinator.start.proposal import (
    Proposal,
    Resumption,
    plan_of,
    planner_notes,
    resumption,
)
from wtman.coordinator.start.request import StartRequest
from wtman.coordinator.start.resumption import ResumeRequest, edited_plan, require_budget
from wtman.coordinator.start.static_plan import cut
from wtman.git.control_dir import prepare
from wtman.git.discovery import Repository
from wtman.git.trees import remove_tree
from wtman.journal.events import Approved, Event, LimitsChanged, Planned, Resumed
from wtman.journal.state import State
from wtman.model.settings import Settings
from wtman.model.states import RunKind
from wtman.tasks.edit import changes

_RESUMED = StartRequest()


class Door(Protocol):
    """Who stands before a start: a terminal, a reader of JSON, another program."""

    @property
    def yes(self) -> bool:
        """Whether the start is confirmed beforehand. That approves no command."""
        ...

    def announce(self, planner: str, settings: Settings) -> None:
        """Say what planning may cost, before it does."""

    def began(self, state: State) -> None:
        """Say that the run is in the journal."""

    def show(self, proposal: Proposal) -> None:
        """Show what would start."""

    def tell(self, resumption: Resumption) -> None:
        """Say what a resume reuses and what it costs."""

    def ask(self, question: str, commands: Sequence[str] = ()) -> bool | None:
        """The answer to a question, about `commands` that are shown; None: nobody can be asked."""
        ...

    def plan(self, home: Home, state: State, events: Sequence[Event]) -> State:
        """Drive the planning of a run."""
        ...

    def carry(self, home: Home, state: State, events: Sequence[Event]) -> int:
        """Drive a run, or have it driven; the exit status."""
        ...


class End(Enum):
    """Where the way ended."""

    SHOWN = auto()
    DECLINED = auto()
    UNPLANNED = auto()  # failed, paused or interrupted: there is no plan
    STARTED = auto()


@dataclass(frozen=True, slots=True)
class Started:
    """What came of it. `state` is that of before the start; None: no run was made."""

    end: End
    state: State | None = None
    proposal: Proposal | None = None
    status: int = 0  # of a run that was started


def start(
    repo: Repository, request: StartRequest, environ: Mapping[str, str], door: Door
) -> Started:
    """Order a run, show it, ask once, make it, and drive it."""
    request = cut(repo, request, environ)
    prepared = order(repo, request, environ)
    if request.unplanned:
        _approve_planner(repo, prepared, environ, door)
        door.announce(prepared.planner, prepared.proposal.settings)
        with open_store(repo) as store:
            home = Home(repo, store)
            state = home.state(prepared.create(store))
            return go_on(home, state, [], environ, door, request)
    if request.kind is RunKind.PLAN:
        door.show(prepared.proposal)
        return Started(End.SHOWN, proposal=prepared.proposal)
    commands = prepared.proposal.commands
    if commands and door.yes:
        raise unapproved(commands)
    door.show(prepared.proposal)
    answer = _answer(repo, "\nStart?", commands, environ, door)
    if answer is False:
        return Started(End.DECLINED)
    with open_store(repo) as store:
        home = Home(repo, store)
        state = home.state(prepared.create(store))
        door.began(state)
        if answer is None:
            raise unconfirmed(state, commands)
        return Started(End.STARTED, state, status=door.carry(home, state, [Approved()]))


def go_on(
    home: Home,
    state: State,
    events: Sequence[Event],
    environ: Mapping[str, str],
    door: Door,
    request: StartRequest = _RESUMED,
) -> Started:
    """From wherever a run with a planner is before its start: plan if there is none, then on."""
    door.began(state)
    if not _is_planned(state):
        state = door.plan(home, state, events)
        events = ()
        if request.kind is RunKind.PLAN:
            _put_away(state)
    if not _is_planned(state):
        return Started(End.UNPLANNED, state)
    if request.edit is not None:
        with home.store.lock(state.run):
            edited = changes(state, request.edit(plan_of(state)))
            home.store.append(state.run, edited, time.time())
        state = home.state(state.run)
    proposal = propose(
        prepare(home.repo),
        plan_of(state),
        state.settings,
        state.roles,
        environ,
        base=state.base,
        target=state.target,
        commands=unapproved_of(state, environ, home.repo.common_dir),
        warnings=(*planner_notes(state), *state.notes),
    )
    door.show(proposal)
    if request.kind is RunKind.PLAN:
        return Started(End.SHOWN, state)
    if proposal.commands and door.yes:
        raise unapproved_plan(state, proposal.commands)
    answer = _answer(home.repo, "\nStart?", proposal.commands, environ, door)
    if answer is None:
        raise unconfirmed(state, proposal.commands)
    if not answer:
        return Started(End.DECLINED, state)
    return Started(End.STARTED, state, status=door.carry(home, state, [*events, Approved()]))


def resume(home: Home, change: ResumeRequest, environ: Mapping[str, str], door: Door) -> Started:
    """Go on where the journal of a run ends, with what is to be changed."""
    state = home.state(change.run)
    require_idle(home, state.run)
    limits = [change.limits] if change.limits != LimitsChanged() else []
    require_budget(state, change.limits)
    edited = edited_plan(home.repo, state, change) if change.plan else ()
    if state.planning is not None and not state.approved:
        if not change.plan:
            return go_on(home, state, [Resumed(), *limits], environ, door)
        if state.planning.made is None:
            edited = (*edited, Planned(0, "", "the plan was given by hand"))
    missing = unapproved_of(state, environ, home.repo.common_dir)
    if missing and door.yes:
        raise unapproved(missing)
    door.tell(resumption(state, edited, missing))
    if edited or missing or not state.approved:
        answer = _answer(home.repo, "\nGo on?", missing, environ, door)
        if answer is None:
            raise unconfirmed(state, missing, change.plan)
        if not answer:
            return Started(End.DECLINED)
    begin = [Resumed(), *edited, *limits, *([] if state.approved else [Approved()])]
    return Started(End.STARTED, state, status=door.carry(home, state, begin))


def _answer(
    repo: Repository,
    question: str,
    commands: Sequence[str],
    environ: Mapping[str, str],
    door: Door,
) -> bool | None:
    """The answer to the one question; a yes approves the commands. None: nobody can be asked."""
    if door.yes:
        return True
    answer = door.ask(question)
    if answer:
        approve(commands, environ, repo.common_dir)
    return answer


def _approve_planner(
    repo: Repository, prepared: PreparedRun, environ: Mapping[str, str], door: Door
) -> None:
    """The planner alone runs now; what else the repository brought is asked about with the plan."""
    commands = [text for text in prepared.proposal.commands if text == prepared.planner]
    if commands and (door.yes or not door.ask("Approve?", commands)):
        raise unapproved(commands)
    approve(commands, environ, repo.common_dir)


def _is_planned(state: State) -> bool:
    return state.planning is not None and state.planning.made is not None


def _put_away(state: State) -> None:
    """Remove the checkout that the planner read: nothing else of the run is in its place."""
    place = state.settings.worktrees
    remove_tree(os.path.join(place, f"{state.run}-reading"))
    with suppress(OSError):
        os.rmdir(place)  # only an empty one goes
