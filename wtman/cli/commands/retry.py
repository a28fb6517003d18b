"""`wtman retry`: one more attempt, asked of the running coordinator or made here."""

import json
import os
import time
from collections.abc import Mapping
from typing import Annotated

import typer

from wtman.cli import options, streams, target
from wtman.coordinator.home import Home, a_task
from wtman.coordinator.outcome import IN_OTHER_WORDS
from wtman.errors import UsageError
from wtman.journal.events import Requested, Resumed
from wtman.journal.state import State, TaskView
from wtman.model.ids import Sha, TaskId
from wtman.model.states import DEAD, DONE, SCHEMA, SETTLED, Standing, TaskState


def retry(
    ctx: typer.Context,
    task: options.Task,
    message: Annotated[
        str,
        typer.Option(
            "-m", "--message", metavar="TEXT", help="What to tell the session; - reads stdin."
        ),
    ] = "",
    as_json: options.Json = False,
    directory: options.Directory = "",
) -> int:
    """Give a task one more attempt. A run that is not running is resumed here.

    What you tell its session, the sessions after it are told too. A session at work now is
    not broken off: the attempt after it is told. `wtman attach` pauses it.
    """
    message = streams.requested(message, "message")
    with target.journal(ctx, directory) as home:
        state, name = a_task(home, task)
        # As it is shown where a task fell short: nothing is said yet.
        message = "" if message == IN_OTHER_WORDS else message
        asked = request(home, state, name, message)
        if home.store.live(state.run):
            home.store.append(state.run, [asked], time.time())
            plain = {"schema": SCHEMA, "run": state.run, "task": name}
            print(json.dumps(plain) if as_json else f"{name} {_taken_up(state, name, message)}")
            return 0
        from wtman.cli.start import Console
        from wtman.config.trust import approved
        from wtman.coordinator.start.approval import unapproved, unapproved_of
        from wtman.coordinator.start.proposal import after
        from wtman.coordinator.start.resumption import changed_since
        from wtman.ui.proposal import change_lines

        since = changed_since(home.repo, state, os.environ, {}, only=name)
        begin = (Resumed("retry"), *since.events, asked)
        missing = unapproved_of(after(state, begin), os.environ, home.repo.common_dir)
        if missing := (*missing, *approved(since.openings, os.environ, home.repo.common_dir)):
            again = f"wtman trust, then: wtman retry {state.run}/{name}"
            raise unapproved(missing, f"read and approve them: {again}")
        if not as_json:
            print("".join(f"{line}\n" for line in change_lines(since.told)), end="", flush=True)
        return Console(as_json).drive(home, state, begin)


def _taken_up(state: State, task: TaskId, message: str) -> str:
    """What comes of it in a run that is running."""
    view = state.tasks[task]
    if view.planned.lead:
        return "is cut into parts anew"
    if view.in_flight is None:
        return "gets one more attempt" + (", which is told your message" if message else "")
    what = "your message goes to the attempt after it" if message else "one more attempt follows it"
    return f"is in attempt {view.in_flight.number}, which goes on; {what}"


def request(home: Home, state: State, task: TaskId, message: str = "") -> Requested:
    """What asks for one more attempt. UsageError for a task that cannot have one.

    A branch that a merge excluded has to come up to where the target is now. Good work stands
    until the attempt has made better.
    """
    from wtman.git.refs import read_one
    from wtman.tasks.lifecycle import last_counted, standings

    view = state.tasks[task]
    if view.external:
        raise UsageError(f"cannot retry {task}: wtman did not make this branch")
    if view.merged:
        raise UsageError(
            f"cannot retry {task}: it is merged",
            hint='start a new run for further work: wtman split "what is left to do"',
        )
    if not state.approved:
        raise UsageError(
            f"run {state.run} has not been started", hint=f"start it: wtman resume {state.run}"
        )
    known = standings(state)
    if view.planned.lead and state.flow is not None:
        raise UsageError(
            f"cannot retry {task}: its flow has it cut",
            hint=f"retry a part of it; or play the flow again: wtman resume {state.run}",
        )
    if view.planned.step and view.excluded is None and _is_answered(state, view):
        assert state.flow is not None
        again = state.flow.added.resume_command(state.run)
        raise UsageError(
            f"cannot retry {task}: its step is done, and the flow goes on from its work",
            hint=f"edit what the flow asks there, then: {again}",
        )
    onto = view.onto
    if view.excluded is not None and state.merge is not None:
        onto = read_one(home.repo, f"refs/heads/{state.merge.asked.target}") or onto
    if dead := next(iter(_dead(view, known)), None):
        _refuse_without(state, known, task, dead)
    stands = known[task].state
    return Requested(
        "retry",
        task,
        onto,
        once=stands in SETTLED and last_counted(view) is not None,
        keeps=view.head if stands in (*DONE, TaskState.EXCLUDED) else Sha(""),
        told=message,
    )


def _is_answered(state: State, view: TaskView) -> bool:
    """Whether the step that a task works on has its answer: nothing would look at another."""
    step = state.flow.steps.get(view.planned.step.partition("#")[0]) if state.flow else None
    return step is not None and step.answered


def _dead(view: TaskView, known: Mapping[TaskId, Standing]) -> list[TaskId]:
    """What the task depends on, and nothing comes of."""
    return [need for need in view.needed if need in known and known[need].state in DEAD]


def _refuse_without(
    state: State, known: Mapping[TaskId, Standing], task: TaskId, dead: TaskId
) -> None:
    """Nothing would run: say what has to come first."""
    first = dead
    while further := _dead(state.tasks[first], known):
        first = further[0]
    reason = "it needs" if first == dead else f"it needs {dead}, which needs"
    raise UsageError(
        f"cannot retry {task}: {reason} {first}, which is {known[first].state}",
        hint=f"retry that one, {task} then follows: wtman retry {state.run}/{first}",
    )
