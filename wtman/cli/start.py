"""A run started or continued: shown, asked about once, and driven; the exit status.

What starts is a value of `coordinator.start`; here it is told, as lines for people or as one
JSON object a line. A planner's session is journalled like any other, so whatever happens on
the way, the run is there and a resume goes on with it.
"""

import functools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TextIO

from wtman.cli import question, target, terminal
from wtman.cli.drive import Doing, Watch, driven
from wtman.cli.notify import call
from wtman.cli.progress import Progress
from wtman.config.trust import approve
from wtman.coordinator.create import open_store
from wtman.coordinator.home import Home
from wtman.coordinator.outcome import exit_status, next_told, shortfall
from wtman.coordinator.start.approval import (
    approve_first,
    unapproved,
    unapproved_of,
    unapproved_plan,
    unconfirmed,
)
from wtman.coordinator.start.disk import require_room
from wtman.coordinator.start.order import (
    PreparedRun,
    edit_plan,
    effort_prices,
    forecast_of,
    order,
    proposal_of,
)
from wtman.coordinator.start.proposal import Proposal, Resumption, StartRequest, after, is_planned
from wtman.coordinator.start.requirements import require_builders
from wtman.errors import MissingError, WtmanError
from wtman.git.discovery import Repository
from wtman.journal.events import Approved, Event, FlowAdded, PlanWanted
from wtman.journal.record import Recorded
from wtman.journal.state import State
from wtman.model.ids import TaskId
from wtman.model.settings import ULTRA
from wtman.model.states import SCHEMA, RunKind, RunState
from wtman.plan.one_task import one_task
from wtman.plan.planning_sessions import planning_warnings
from wtman.tasks.lifecycle import run_state, standings
from wtman.text.terminal import clean, fit
from wtman.ui.jsonl import JsonLines
from wtman.ui.proposal import (
    announced,
    change_lines,
    proposal_json,
    resumption_lines,
    screen,
    to_approve,
    ultra_lines,
)

if TYPE_CHECKING:
    from wtman.coordinator.start.flow_proposal import FlowRequest
    from wtman.coordinator.start.resumption import ResumeRequest

_RESUMED = StartRequest()
# Settings that a planner, a scout and a judge are run with.
_OPENED_TO_PLANNERS = ("sandbox = ", "network = ", "env = ")
_ONE = "one"  # the answer that makes a plan one task


def _ends_stream(way: Callable[..., int]) -> Callable[..., int]:
    """An error after the stream has begun is a line of it, and ends it."""

    @functools.wraps(way)
    def walked(self: "Console", *args: Any) -> int:
        try:
            return way(self, *args)
        except WtmanError as error:
            if self.told is None:
                raise
            self.stream.error(error)
            return self.ended(self.told, error.status)

    return walked


class Console:
    """Where a start is told and asked about. JSON asks nothing, and goes from the run's first
    event to its end, or to the error that ended it. `yes` confirms, and approves no command."""

    def __init__(self, as_json: bool, yes: bool = False, detach: bool = False) -> None:
        self.as_json = as_json
        self.yes = yes
        self._detach = detach
        self.stream = JsonLines(sys.stdout)
        self.told: State | None = None  # as the stream told it last
        self._began = time.monotonic()

    @_ends_stream
    def start(self, repo: Repository, request: StartRequest) -> int:
        """Order a run, show it, ask, make it, and drive it."""
        with self._at("reading the repository"):
            prepared = order(repo, request, os.environ)
        if request.kind is not RunKind.PLAN:
            require_room(prepared.proposal.disk)
        if prepared.wanted is not None:
            approve_planner(repo, prepared, may_ask=not (self.yes or self.as_json))
            if not self.as_json:
                lines = announced(prepared.wanted, prepared.proposal.settings, terminal.width())
                print("\n".join(lines), flush=True)
            if not confirmed_ultra(repo, prepared, sys.stdout, yes=self.yes, as_json=self.as_json):
                print("nothing was started")
                return 0
            with open_store(repo) as store:
                home = Home(repo, store)
                state = home.state(prepared.create(store))
                return self._go_on(home, state, [], request)
        proposal = prepared.proposal
        if request.kind is RunKind.PLAN and self.as_json:
            print(json.dumps(proposal_json(proposal), ensure_ascii=True))
            return 0
        if request.kind is not RunKind.PLAN and self.yes and proposal.commands:
            raise unapproved(proposal.commands)
        self._show(proposal)
        if request.kind is RunKind.PLAN:
            print("\nnothing was started")
            return 0
        answer = self._choice(repo, proposal)
        if answer == "no":
            print("nothing was started")
            return 0
        if answer == _ONE:
            one = one_task(proposal.plan)
            foretold = forecast_of(repo, one, proposal.settings, proposal.base, os.environ)
            proposal = proposal.as_one(foretold)
            prepared = replace(prepared, proposal=proposal)
        with open_store(repo) as store:
            home = Home(repo, store)
            state = home.state(prepared.create(store))
            if not (self.as_json and self._detach):  # says nothing before it goes there
                self._begun(state)
            if answer is None:
                raise unconfirmed(state, proposal.commands)
            return self._driven(home, state, [proposal.foreseen, Approved()])

    @_ends_stream
    def start_flow(self, repo: Repository, request: "FlowRequest") -> int:
        """Order a flow, show it, ask, make its run, and drive it."""
        from wtman.coordinator.start.flow import create_flow, flow_order
        from wtman.ui.flow_start import flow_screen

        with self._at("reading the flow"):
            prepared = flow_order(repo, request, os.environ)
        if self.yes and prepared.commands:
            raise unapproved(prepared.commands)
        if not self.as_json:
            print("\n".join(flow_screen(prepared, terminal.width(), terminal.colour())))
        answer = self._answer("\nStart?", repo, prepared.commands)
        if answer is False:
            print("nothing was started")
            return 0
        with open_store(repo) as store:
            home = Home(repo, store)
            state = home.state(create_flow(store, prepared))
            if not (self.as_json and self._detach):
                self._begun(state)
            if answer is None:
                raise unconfirmed(state, prepared.commands)
            return self._driven(home, state, [Approved()])

    @_ends_stream
    def resume(self, home: Home, change: "ResumeRequest") -> int:
        """Go on where the journal of a run ends, with what is to be changed."""
        from wtman.coordinator.start.resumption import resumption

        state = home.state(change.run)
        if state.flow is not None:
            return self.resume_flow(home, state, change)
        with self._at("reading the repository"):
            going = resumption(home, state, change, os.environ)
        if state.planning is not None and not state.approved and not change.plan:
            may_ask = not (self.yes or self.as_json)
            approve_resumed(home.repo, state, going, may_ask, planned=is_planned(state))
            return self._go_on(home, state, going.events, _RESUMED, going.told)
        if going.idle:
            return self._done_with(state)
        if going.commands and self.yes:
            raise unapproved(going.commands, approve_first(state.run))
        if not self.as_json:
            print("\n".join(resumption_lines(going, terminal.width())))
        if going.changed or going.commands or not state.approved:
            answer = self._answer("\nGo on?", home.repo, going.commands)
            if answer is None:
                raise unconfirmed(state, going.commands, change.plan)
            if not answer:
                print("nothing was started")
                return 0
        confirmed = [] if state.approved else [Approved()]
        return self._driven(home, state, [*going.events, *confirmed])

    def _done_with(self, state: State) -> int:
        """Say that nothing is left to resume, and what can be done; the run stays as it is."""
        from wtman.ui.table import run_words

        if self.as_json:
            self._begun(state)
            return self.ended(state, exit_status(state))
        known = standings(state)
        words, _ = run_words(state, known)
        words = "it waits for your answer" if state.questions else words
        print(f"nothing to resume in run {state.run} ({words})")
        print(target.here("\n".join(next_told(state, live=False, known=known))))
        return exit_status(state)

    def resume_flow(
        self,
        home: Home,
        state: State,
        change: "ResumeRequest",
        edited: FlowAdded | None = None,
        typed: str = "",
    ) -> int:
        """Go on with a flow, `edited` by the command `typed` or as it was; says first what is
        reused."""
        from wtman.coordinator.start.flow_replay import rehearsed
        from wtman.coordinator.start.resumption import resumption
        from wtman.ui.flow_start import rehearsal_lines

        going = resumption(home, state, change, os.environ)
        events = (*going.events, *((edited,) if edited is not None else ()))
        with self._at("replaying the flow, to see what is reused"):
            found = rehearsed(home, after(state, events))
        over = run_state(state) in (RunState.READY, RunState.MERGED)
        if over and edited is None and not going.told and not found.differs:
            return self._done_with(state)
        commands = unapproved_of(after(state, events), os.environ, home.repo.common_dir)
        commands = tuple(dict.fromkeys((*commands, *going.commands)))
        if commands and self.yes:
            raise unapproved(commands, approve_first(state.run))
        again = bool(going.told) and bool(found.unused)  # what had its answer is asked for anew
        if not self.as_json:
            lines = change_lines(going.told)
            lines += rehearsal_lines(state, found, terminal.width())
            print("\n".join([*lines, *to_approve(commands)]))
        if edited is not None or commands or again or not state.approved:
            answer = self._answer("\nGo on?", home.repo, commands)
            if answer is None:
                raise unconfirmed(state, commands, again=typed)
            if not answer:
                print("nothing was started")
                return 0
        confirmed = [] if state.approved else [Approved()]
        return self._driven(home, state, [*events, *confirmed])

    @_ends_stream
    def drive(self, home: Home, state: State, events: Sequence[Event]) -> int:
        """Journal `events` and drive a run to its end."""
        return self._driven(home, state, events)

    def _go_on(
        self,
        home: Home,
        state: State,
        events: Sequence[Event],
        request: StartRequest,
        told: Sequence[str] = (),
    ) -> int:
        """From wherever a run is before its start: plan if there is no plan, then on."""
        self._begun(state)
        was_planned, known = is_planned(state), state.notes
        if told and not self.as_json:
            print("\n".join(change_lines(told)), flush=True)
        if not was_planned:
            if self.as_json:
                self.told = state = driven(
                    home, state.run, events, self.stream.watch, after=state.seq
                )
            else:
                state = planned(home, state, events, sys.stdout)
            events = ()
            if request.kind is RunKind.PLAN:
                from wtman.worktrees.clean import remove_traces

                remove_traces(state)
            if not is_planned(state):
                return self.ended(state, exit_status(state)) if self.as_json else unplanned(state)
            if state.planning is not None and state.planning.flow is not None:
                from wtman.cli.saved_flow import not_started

                raise not_started(home, state, self.as_json)
        if request.edit is not None:
            state = edit_plan(home, state, request.edit)
        with self._at("reading the repository"):
            proposal = proposal_of(home.repo, after(state, tuple(events)), os.environ)
        if self.as_json:
            self.stream.proposal(proposal, request.kind is RunKind.PLAN)
        elif not was_planned:  # what it was told as it happened is not told again below
            said = (*planning_warnings(state), *(it for it in state.notes if it not in known))
            left = tuple(text for text in proposal.warnings if text not in said)
            proposal = replace(proposal, warnings=left)
            print()
        self._show(proposal)
        kept = target.here(f"nothing was started; the plan is kept: wtman resume {state.run}")
        if request.kind is RunKind.PLAN:
            if self.as_json:
                return self.ended(state, 0)
            print(f"\n{kept}")
            return 0
        require_room(proposal.disk)
        require_builders(after(state, tuple(events)), os.environ)
        if proposal.commands and self.yes:
            raise unapproved_plan(state, proposal.commands)
        if not was_planned and not self.yes and not self.as_json and terminal.may_ask():
            words = f"run {state.run} has a plan and waits for your yes"
            call(home.repo, state, "approve", words, self._began)
        answer = self._choice(home.repo, proposal)
        if answer is None:
            raise unconfirmed(state, proposal.commands)
        if answer == "no":
            print(kept)
            return 0
        if answer == _ONE:
            state = edit_plan(home, state, one_task)
            proposal = proposal_of(home.repo, after(state, tuple(events)), os.environ)
        return self._driven(home, state, [*events, proposal.foreseen, Approved()])

    def _at(self, words: str) -> Progress:
        """What is done before there is anything to show."""
        return Progress(words, quiet=self.as_json)

    def _begun(self, state: State) -> None:
        if not self.as_json:
            print(f"run {state.run}", flush=True)
        elif self.told is None:
            self.told = state
            self.stream.begin(state)

    def _show(self, proposal: Proposal) -> None:
        if not self.as_json:
            print("\n".join(screen(proposal, terminal.width(), terminal.colour())))

    def _choice(self, repo: Repository, proposal: Proposal) -> str | None:
        """`yes`, `no`, or that it is to be one task, where it is better not split."""
        split = proposal.forecast.worth_splitting or len(proposal.plan.tasks) < 2
        if self.yes or self.as_json or split:
            answer = self._answer("\nStart?", repo, proposal.commands)
            return None if answer is None else "yes" if answer else "no"
        words = f"`{_ONE}` starts it as one task with all of these prompts, owns and checks."
        found = terminal.choice(f"\n{words}\nStart?", _ONE)
        if found in ("yes", _ONE):
            approve(proposal.commands, os.environ, repo.common_dir)
        return found

    def _answer(self, question: str, repo: Repository, commands: Sequence[str]) -> bool | None:
        """A yes approves the commands. None: nobody can be asked."""
        if self.yes:
            return True
        answer = None if self.as_json else terminal.ask(question)
        if answer:
            approve(commands, os.environ, repo.common_dir)
        return answer

    def _driven(self, home: Home, state: State, events: Sequence[Event]) -> int:
        if self._detach:
            from wtman.cli.detach import detach

            return detach(home, state.run, events, self.as_json)
        if self.as_json:
            self._begun(state)
            state = driven(home, state.run, events, self.stream.watch, after=state.seq)
            return self.ended(state, exit_status(state))
        while True:
            with _live(home, state) as (watch, doing):
                state = driven(home, state.run, events, watch, doing, after=state.seq)
            if (going_on := question.answered(home, state)) is None:
                break
            state, events = going_on, ()
        if not terminal.on_terminal():
            from wtman.ui.rows import Moment
            from wtman.ui.table import table

            lines = table(state, terminal.width(), Moment(time.time()), False)
            print(target.here("\n".join(["", *lines])))
        return exit_status(state)

    def ended(self, state: State, status: int) -> int:
        """End the stream; the exit status."""
        self.stream.end(state, status)
        return status


def confirmed_ultra(
    repo: Repository, prepared: PreparedRun, out: TextIO, *, yes: bool, as_json: bool
) -> bool:
    """Whether the user wants what `ultra` costs; it is said and asked before the planner."""
    settings = prepared.proposal.settings
    if settings.effort != ULTRA or prepared.wanted is None:
        return True
    if not as_json:
        prices = effort_prices(repo, prepared, os.environ)
        print("\n".join(ultra_lines(prepared.wanted, settings, prices)), file=out, flush=True)
    if yes:
        return True
    answer = None if as_json else terminal.ask("\nPlan with this effort?")
    if answer is None:
        raise MissingError(
            "the effort ultra is not confirmed: that needs a terminal",
            hint="give --yes, or a lower --effort",
            code="approval",
        )
    return answer


def approve_planner(repo: Repository, prepared: PreparedRun, may_ask: bool) -> None:
    """Whoever plans runs now; what else the repository brought is asked about with the plan."""
    if prepared.wanted is not None:
        _approve_planning(repo, prepared.wanted, prepared.proposal.commands, may_ask)


def approve_resumed(
    repo: Repository, state: State, going: Resumption, may_ask: bool, *, planned: bool
) -> None:
    """The same of a planning that goes on; one that is `planned` only opens what it opens."""
    wanted = after(state, going.events).planning
    assert wanted is not None
    who = PlanWanted("") if planned else wanted.wanted
    _approve_planning(repo, who, going.commands, may_ask, approve_first(state.run))


def _approve_planning(
    repo: Repository, wanted: PlanWanted, missing: Sequence[str], may_ask: bool, hint: str = ""
) -> None:
    """Ask about the agents of a planning, and about what the repository would open to them."""
    # Whoever helps to plan is often the planner's own agent: that is asked about once.
    agents = {wanted.judge: "judge", wanted.scout: "scout", wanted.agent: "planner"}
    roles = [role for agent, role in reversed(agents.items()) if agent in missing]
    commands = [text for text in missing if text in agents or text.startswith(_OPENED_TO_PLANNERS)]
    if not commands:
        return
    if may_ask and terminal.may_ask():
        what = "is a command" if len(roles) == 1 else "are commands"
        who = f"the {' and '.join(roles)} {what} of this repository and"
        who = who if roles else "what this repository sets"
        needs = "need" if len(roles) > 1 else "needs"
        print(f"{who} {needs} your approval:")
        print("\n".join(f"    {clean(command)}" for command in commands))
    if not may_ask or not terminal.ask("Approve?"):
        raise unapproved(commands, hint)
    approve(commands, os.environ, repo.common_dir)


def planned(home: Home, state: State, events: Sequence[Event], out: TextIO) -> State:
    """Drive the planning of a run; what happens goes to `out`."""
    with _one_line(out) as (watch, doing):
        return driven(home, state.run, events, watch, doing, after=state.seq)


def unplanned(state: State) -> int:
    """Say why there is no plan: failed, paused or interrupted; the exit status."""
    failed = state.planning.failed if state.planning is not None else None
    if failed is not None and run_state(state) is not RunState.PAUSED:
        for problem in failed.problems[:10]:
            print(f"  {clean(problem, 500)}")
    print(target.here("\n".join(next_told(state, live=False))))
    return exit_status(state)


def unplanned_json(state: State) -> int:
    """The same as one JSON object."""
    reason = "; ".join(shortfall(state)) or "interrupted"
    told = {"code": "planning", "message": reason, "hint": f"wtman resume {state.run}"}
    print(json.dumps({"schema": SCHEMA, "error": told}))
    return exit_status(state)


@contextmanager
def _live(home: Home, state: State) -> Iterator[tuple[Watch, Doing | None]]:
    if not terminal.on_terminal():
        from wtman.ui.lines import RunLines

        yield RunLines(sys.stdout).watch, None
        return
    from wtman.ui.live import LiveTable

    folder, durations = home.folder(state.run), home.durations()
    with LiveTable(state, terminal.colour(), folder, durations, target.here) as live:
        yield live.watch, live.doing


@contextmanager
def _one_line(out: TextIO) -> Iterator[tuple[Watch, Doing]]:
    """What the planner does, on one line of a terminal; what is worth keeping, as lines."""
    from wtman.ui.lines import RunLines

    lines = RunLines(out)
    live = out.isatty() and terminal.on_terminal()

    def wipe() -> None:
        if live:
            out.write("\r\x1b[K")

    def tell(state: State, news: Sequence[Recorded]) -> None:
        wipe()
        lines.watch(state, news)

    def doing(task: TaskId, words: str) -> None:
        if live:
            text = fit(clean(f"{task}: {words}", 400), terminal.width() - 1)
            out.write(f"\r\x1b[K{text}")
            out.flush()

    try:
        yield tell, doing
    finally:
        wipe()
