"""The way from a request to a plan that the user says yes to: ordered, planned, shown, asked.

Shared by split, plan and resume. The planner's session is journalled like any other, so
whatever happens on the way, the run is there and `resume` goes on with it.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from textwrap import wrap
from typing import TextIO

from wtman.cli import target
from wtman.cli.notify import call
from wtman.cli.start import order as ordering
from wtman.cli.start import request
from wtman.cli.start.agents import assigned_agents
from wtman.config.trust import approve
from wtman.errors import MissingError, UsageError, WtmanError
from wtman.git.control_dir import prepare
from wtman.git.discovery import Repository
from wtman.git.objects.history import files
from wtman.git.trees import remove_tree
from wtman.journal.events import Approved, Event, Planned
from wtman.journal.record import Recorded
from wtman.journal.state import State
from wtman.model.ids import RunId, TaskId
from wtman.model.plan import Plan
from wtman.model.settings import Settings
from wtman.model.states import SCHEMA, RunKind, RunState
from wtman.plan.forecast import forecast
from wtman.review.judgement import reviews_each
from wtman.tasks.edit import changes
from wtman.tasks.lifecycle import run_state
from wtman.text.terminal import clean, count, duration, fit
from wtman.ui.confirm import Proposal, answer, screen
from wtman.ui.jsonl import JsonLines
from wtman.ui.lines import RunLines
from wtman.ui.outcome import exit_status, shortfall

Tell = Callable[[State, Sequence[Recorded]], None]
Doing = Callable[[TaskId, str], None]


@dataclass(frozen=True, slots=True)
class Manner:
    """How the command was called. `only`: it ends with the plan shown."""

    yes: bool = False
    as_json: bool = False
    only: bool = False
    edit: bool = False
    detach: bool = False  # once approved it goes on in the background
    out: TextIO = sys.stdout  # where what happens on the way is told

    @property
    def asks(self) -> bool:
        """Whether there is a terminal to ask on, and something to ask."""
        return not (self.yes or self.as_json) and sys.stdin.isatty() and sys.stdout.isatty()


def begin(
    repo: Repository, wanted: request.StartRequest, manner: Manner
) -> tuple[target.Home, RunId]:
    """A run in state `planning`, its planner announced and approved. The store is left open."""
    from wtman.coordinator.create import create, open_store

    order = ordering.order(repo, wanted, os.environ)
    # The planner alone runs now; what else the repository brought is asked about with the plan.
    commands = tuple(text for text in order.proposal.commands if text == _planner(order))
    if commands:
        if not manner.asks:
            raise ordering.unapproved(commands)
        print("the planner is a command of this repository and needs your approval:")
        print("\n".join(f"    {clean(command)}" for command in commands))
        if not answer("Approve?", sys.stdin, sys.stdout):
            raise ordering.unapproved(commands)
        approve(commands, os.environ, repo.common_dir)
    if not manner.as_json:
        print(announced(_planner(order), order.proposal.settings), file=manner.out, flush=True)
    store = open_store(repo)
    run = create(
        store,
        order.proposal.plan,
        order.proposal.settings,
        base=order.proposal.base,
        target=order.proposal.target,
        identity=order.identity,
        kind=RunKind.PLAN if wanted.aside else RunKind.SPLIT,
        given=order.given,
        notes=order.notes,
        begin=order.begin,
    )
    return target.Home(repo, store), run


def _planner(order: ordering.PreparedRun) -> str:
    from wtman.journal.events import PlanWanted

    return next((item.agent for item in order.begin if isinstance(item, PlanWanted)), "")


def announced(planner: str, settings: Settings) -> str:
    """What planning may cost, before it does."""
    limit = settings.plan_budget_usd or settings.budget_usd / 10
    money = f"at most ${limit:.2f}" if limit else "no limit in dollars (--plan-budget-usd)"
    return (
        f"planning with {clean(planner, 200)}: one session, and one more if its answer needs "
        f"mending; {duration(settings.timeout)} each, {money}"
    )


def split(repo: Repository, wanted: request.StartRequest, manner: Manner) -> int:
    """Plan, show, ask, start."""
    home, run = begin(repo, wanted, manner)
    with home.store:
        return go_on(home, run, [], manner)


def go_on(home: target.Home, run: RunId, events: Sequence[Event], manner: Manner) -> int:
    """From wherever the run is before its start: plan if there is none, show, ask, start."""
    before, began = home.state(run), time.monotonic()
    stream = JsonLines(sys.stdout) if manner.as_json else None
    if stream is not None:
        stream.begin(before)
    else:
        print(f"run {run}", flush=True)
    known = before.planning is not None and before.planning.made is not None
    state = planned(home, run, events, stream)
    if state.planning is None or state.planning.made is None:
        return _ended(state, stream)
    try:
        if manner.edit:
            plan = ordering.edited_by_hand(plan_of(state), os.environ)
            with home.store.lock(run):
                home.store.append(run, changes(state, plan), time.time())
            state = home.state(run)
        proposal = proposed(home, state)
        if stream is None:
            print()
            print("\n".join(screen(proposal, target.width(), target.colour())))
        if manner.only:
            return _shown_only(state, stream)
        if proposal.commands and manner.yes:
            raise _unapproved(state, proposal.commands)
        if not (manner.yes or manner.asks):
            return _saved(state, proposal.commands, stream)
    except WtmanError as error:
        if stream is None:
            raise
        told = {"code": error.code, "message": error.message, "hint": error.hint}
        print(json.dumps({"schema": SCHEMA, "error": told}), flush=True)
        stream.end(state, error.status)
        return error.status
    if manner.asks:
        call(home.repo, state, "approve", f"run {run} has a plan and waits for your yes", began)
        if not answer("\nStart?", sys.stdin, sys.stdout):
            print(f"nothing was started; the plan is kept: wtman resume {run}")
            return 0
        approve(proposal.commands, os.environ, home.repo.common_dir)
    begin = [*(events if known else ()), Approved()]
    if manner.detach:
        from wtman.cli.detach import detach

        return detach(home, run, begin, manner.as_json)
    return _start(home, run, begin, stream)


def planned(
    home: target.Home,
    run: RunId,
    events: Sequence[Event],
    stream: JsonLines | None,
    out: TextIO = sys.stdout,
) -> State:
    """The run with its plan, if the planner gave one; nothing runs where there is one already.

    What happens is told to the stream, else as lines to `out`.
    """
    from wtman.cli.drive import driven

    state = home.state(run)
    if state.planning is None or state.planning.made is not None:
        return state
    if stream is not None:
        return driven(home, run, events, stream.watch, after=state.seq)
    with _one_line(out) as (tell, doing):
        return driven(home, run, events, tell, doing, after=state.seq)


@contextmanager
def _one_line(out: TextIO) -> Iterator[tuple[Tell, Doing]]:
    """What the planner does, on one line of a terminal; what is worth keeping, as lines."""
    lines = RunLines(out)
    live = out.isatty() and target.on_terminal()

    def wipe() -> None:
        if live:
            out.write("\r\x1b[K")

    def tell(state: State, news: Sequence[Recorded]) -> None:
        wipe()
        lines.watch(state, news)

    def doing(task: TaskId, words: str) -> None:
        if live:
            text = fit(clean(f"{task}: {words}", 400), target.width() - 1)
            out.write(f"\r\x1b[K{text}")
            out.flush()

    try:
        yield tell, doing
    finally:
        wipe()


def plan_of(state: State) -> Plan:
    """The run's plan as it is now."""
    tasks = tuple(view.planned for view in state.tasks.values())
    return Plan(state.request, tasks, state.context, state.settings.check)


def proposed(home: target.Home, state: State) -> Proposal:
    """What the user says yes to, for a run that is planned and not started."""
    control = prepare(home.repo)
    plan = plan_of(state)
    missing = ordering.unapproved_of(state, (), os.environ, home.repo.common_dir)
    return Proposal(
        plan=plan,
        forecast=forecast(
            plan,
            state.settings,
            files(control, state.base),
            reviewers=reviews_each(state.settings, state.roles.get("reviewer")),
            rounds=state.settings.rounds,
        ),
        settings=state.settings,
        base=state.base,
        subject=ordering.subject(control, state.base),
        target=state.target,
        commands=missing,
        warnings=(*of_planner(state), *state.notes),
        assigned_agents=assigned_agents(plan, state.settings, state.roles, os.environ),
    )


def of_planner(state: State) -> list[str]:
    """What the planner says of its plan, and what it took."""
    made = state.planning.made if state.planning is not None else None
    if made is None or not made.agent:
        return []
    spent = f", ${made.usage.usd:.2f}" if made.usage.usd is not None else ""
    said = [
        f"planned in {count(max(made.sessions, 1), 'session')}, {duration(made.seconds)}{spent}"
    ]
    if made.reason:
        said.append(f"the planner: {made.reason}")
    return said


def annotated(state: State, text: str) -> str:
    """The text of a plan file with what its reader should know on top."""
    made = state.planning.made if state.planning is not None else None
    lines = []
    if made is not None and made.reason:
        lines += wrap(f"Why it is cut like this: {clean(made.reason)}", 97)
    if made is not None and made.proposed:
        lines += wrap("The check is the planner's proposal: read it before you run this plan.", 97)
    return "".join(f"# {line}\n" for line in lines) + text


def require_writable(path: str) -> None:
    """Refuse a file that could not be written, before a session is paid for."""
    if not path:
        return
    folder = os.path.dirname(path)
    place = path if os.path.exists(path) else folder
    if os.path.isdir(path) or not os.path.isdir(folder) or not os.access(place, os.W_OK):
        raise UsageError(f"{path} cannot be written", hint="name a file in a folder that is there")


def put_away(state: State) -> None:
    """Remove the checkout that the planner read: nothing else of the run is in its place."""
    place = state.settings.worktrees
    remove_tree(os.path.join(place, f"{state.run}-reading"))
    with suppress(OSError):
        os.rmdir(place)  # only an empty one goes


def unplanned(state: State, as_json: bool) -> int:
    """The end of a `wtman plan` that came to none."""
    status = exit_status(state)
    if as_json:
        reason = "; ".join(shortfall(state)) or "interrupted"
        hint = f"wtman resume {state.run}"
        told = {"code": "planning", "message": reason, "hint": hint}
        print(json.dumps({"schema": SCHEMA, "error": told}))
        return status
    return _ended(state, None)


def _start(home: target.Home, run: RunId, events: Sequence[Event], stream: JsonLines | None) -> int:
    from wtman.cli.drive import carry, driven

    if stream is None:
        return carry(home, run, events)
    state = driven(home, run, events, stream.watch, after=home.state(run).seq)
    status = exit_status(state)
    stream.end(state, status)
    return status


def _ended(state: State, stream: JsonLines | None) -> int:
    """There is no plan: failed, paused or interrupted."""
    status = exit_status(state)
    if stream is not None:
        stream.end(state, status)
        return status
    if run_state(state) is not RunState.PAUSED:
        for problem in _problems(state):
            print(f"  {clean(problem, 500)}")
    print(f"next: wtman resume {state.run}")
    return status


def _problems(state: State) -> tuple[str, ...]:
    planning = state.planning
    failed = planning.failed if planning is not None else None
    return failed.problems[:10] if failed is not None else ()


def _shown_only(state: State, stream: JsonLines | None) -> int:
    if stream is not None:
        stream.end(state, 0)
    else:
        print(f"\nnothing was started; the plan is kept: wtman resume {state.run}")
    return 0


def _saved(state: State, commands: tuple[str, ...], stream: JsonLines | None) -> int:
    """Nobody can be asked: the plan waits in the journal."""
    if stream is not None:
        stream.end(state, 3)
        return 3
    print(f"\nrun {state.run} is saved and not started: nobody was there to ask")
    again = f"wtman resume {state.run}" + ("" if commands else " --yes")
    print(f"next: {again}" + (" (on a terminal: commands need your approval)" if commands else ""))
    return 3


def _unapproved(state: State, commands: tuple[str, ...]) -> MissingError:
    shown = ", ".join(f"`{command}`" for command in commands)
    return MissingError(
        f"commands of this plan need your approval: {shown}",
        hint=f"read and approve them on a terminal: wtman resume {state.run}; "
        "or give the check by hand: --check CMD",
        code="approval",
    )


def by_hand() -> Planned:
    """The end of a planning that a plan file has taken the place of."""
    return Planned(0, "", "the plan was given by hand")
