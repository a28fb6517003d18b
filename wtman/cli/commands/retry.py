"""`wtman retry`: one more attempt, asked of the running coordinator or made here."""

import json
import time

import typer

from wtman.cli import options, target
from wtman.coordinator.home import Home, a_task
from wtman.errors import UsageError
from wtman.journal.events import Requested, Resumed
from wtman.journal.state import State
from wtman.model.ids import TaskId
from wtman.model.states import SCHEMA


def retry(
    ctx: typer.Context,
    task: options.Task,
    as_json: options.Json = False,
    directory: options.Directory = "",
) -> int:
    """Give a task one more attempt. A run that is not running is resumed here."""
    with target.journal(ctx, directory) as home:
        state, name = a_task(home, task)
        asked = request(home, state, name)
        if home.store.live(state.run):
            home.store.append(state.run, [asked], time.time())
            told = f"{name} gets one more attempt"
            print(
                json.dumps({"schema": SCHEMA, "run": state.run, "task": name}) if as_json else told
            )
            return 0
        from wtman.cli.start import Console

        return Console(as_json).drive(home, state, [Resumed(), asked])


def request(home: Home, state: State, task: TaskId) -> Requested:
    """What asks for one more attempt. UsageError for a task that cannot have one.

    A branch that a merge excluded has to come up to where the target is now.
    """
    from wtman.git.refs import read_one

    view = state.tasks[task]
    if view.external:
        raise UsageError(f"cannot retry {task}: wtman did not make this branch")
    if view.merged:
        raise UsageError(
            f"cannot retry {task}: it is merged", hint="start a new run for further work"
        )
    if not state.approved:
        raise UsageError(
            f"run {state.run} has not been started", hint=f"start it: wtman resume {state.run}"
        )
    onto = view.onto
    if view.excluded is not None and state.merge is not None:
        onto = read_one(home.repo, f"refs/heads/{state.merge.asked.target}") or onto
    return Requested("retry", task, onto)
