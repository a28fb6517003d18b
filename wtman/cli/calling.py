"""Calling the user back: the terminal's bell and the `notify` commands."""

import os
import sys
import time

from wtman.cli import where
from wtman.core.model import RunState
from wtman.core.render import clean
from wtman.core.standing import run_state
from wtman.core.state import State
from wtman.core.status import next_command, shortfall
from wtman.errors import WtmanError
from wtman.git.discovery import Repository

# Who started something this short is still looking: no bell.
_LOOKS_AWAY = 10.0  # seconds
# What a run ends in that waits for its user; one that they stopped does not.
_CALLS = {
    RunState.READY: "is ready to merge",
    RunState.PARKED: "is parked",
    RunState.FAILED: "has failed",
    RunState.MERGED: "is merged",
}


def call_back(repo: Repository, state: State, began: float) -> None:
    """Tell that the run has come to where it needs its user. `began`: monotonic seconds."""
    word = _CALLS.get(run_state(state))
    if word is None or state.anonymous:
        return
    why = "; ".join(shortfall(state))
    words = f"run {state.run} {word}" + (f": {why}" if why else "")
    call(repo, state, str(run_state(state)), f"{words}; next: {next_command(state, False)}", began)


def call(repo: Repository, state: State, event: str, words: str, began: float) -> None:
    """Ring and notify; what went wrong with that is a line and no more."""
    from wtman.config import load
    from wtman.notifying import commands, notify

    if where.on_terminal() and time.monotonic() - began >= _LOOKS_AWAY:
        sys.stdout.write("\a")
        sys.stdout.flush()
    try:
        loaded = load(repo.toplevel or repo.common_dir, os.environ, {}, None)
        problems = notify(
            commands(loaded, os.environ, repo.common_dir), state.run, event, clean(words, 500)
        )
    except WtmanError as error:
        problems = (error.message,)
    for problem in problems:
        print(f"wtman: {clean(problem, 500)}", file=sys.stderr)
