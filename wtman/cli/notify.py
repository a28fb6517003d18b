"""Calling the user back: the terminal's bell, the desktop and the `notify` commands."""

import contextlib
import os
import shlex
import shutil
import sys
import time
from collections.abc import Mapping

from wtman.cli import terminal
from wtman.cli.desktop import notification
from wtman.config import NO_COMMANDS, Loaded, repository_commands
from wtman.config.trust import approved
from wtman.coordinator.outcome import next_step, shortfall
from wtman.errors import ExternalError, WtmanError
from wtman.execution.spawn import answer_of
from wtman.git.discovery import Repository
from wtman.journal.state import State
from wtman.model.states import RunState
from wtman.tasks.lifecycle import run_state
from wtman.text.terminal import clean

# Who started something this short is still looking: no bell.
_LOOKS_AWAY = 10.0  # seconds
_LEAVES = 60.0  # seconds; from then on they may be at something else
# What a run ends in that waits for its user; one that they stopped does not.
_CALLS = {
    RunState.READY: "is ready to merge",
    RunState.PAUSED: "is paused",
    RunState.WAITING: "waits for your answer",
    RunState.FAILED: "has failed",
    RunState.MERGED: "is merged",
}


def call_back(repo: Repository, state: State, began: float) -> None:
    """Tell that the run has come to where it needs its user. `began`: monotonic seconds."""
    word = _CALLS.get(run_state(state))
    if word is None or state.kind.external:
        return
    why = "; ".join(shortfall(state))
    words = f"run {state.run} {word}" + (f": {why}" if why else "")
    call(repo, state, str(run_state(state)), f"{words}; next: {next_step(state, False)}", began)


def call(repo: Repository, state: State, event: str, words: str, began: float) -> None:
    """Ring and notify; what went wrong with that is a line and no more."""
    from wtman.config import load

    if terminal.on_terminal() and time.monotonic() - began >= _LOOKS_AWAY:
        sys.stdout.write("\a")
        sys.stdout.flush()
    try:
        loaded = load(repo.toplevel or repo.common_dir, os.environ, {}, None)
        said: tuple[str, ...] = loaded.extra.get("notify", ())
        if "off" in said:
            return
        if (not said or "on" in said) and time.monotonic() - began >= _LEAVES:
            show(f"wtman {state.run}", clean(words.removeprefix(f"run {state.run} "), 300))
        problems = notify(
            commands(loaded, os.environ, repo.common_dir), state.run, event, clean(words, 500)
        )
    except WtmanError as error:
        problems = (error.message,)
    for problem in problems:
        print(f"wtman: {clean(problem, 500)}", file=sys.stderr)


def show(title: str, words: str) -> None:
    """Show it on the desktop, if there is one. Waits for nothing, and fails nothing."""
    argv = notification(title, words, sys.platform, os.environ, shutil.which, os.path.exists)
    if argv:
        with contextlib.suppress(ExternalError):
            answer_of(("sh", "-c", _APART, "sh", *argv), os.sep, timeout=_PATIENCE)


# Whoever shows it may take its time, and is nobody's child.
_APART = '"$@" </dev/null >/dev/null 2>&1 &'
_PATIENCE = 10.0  # seconds for each command


def commands(loaded: Loaded, environ: Mapping[str, str], repo_key: str) -> tuple[str, ...]:
    """The commands to run: the user's own, and those of the repository that were approved."""
    texts = tuple(text for text in loaded.extra.get("notify", ()) if text not in NO_COMMANDS)
    if not texts:
        return ()
    theirs = [text for text in repository_commands(loaded) if text in texts]
    missing = approved(theirs, environ, repo_key)
    return tuple(text for text in texts if text not in missing)


def notify(texts: tuple[str, ...], run: str, event: str, words: str) -> tuple[str, ...]:
    """Run each command; what went wrong, one line each. Waits for them, a few seconds at most.

    `event` is a state of the run, or `approve` where a plan waits for a yes.
    """
    told = {"WTMAN_RUN": run, "WTMAN_EVENT": event, "WTMAN_TEXT": words}
    problems = []
    for text in texts:
        try:
            argv = tuple(shlex.split(text))
            status, _, err = answer_of(argv, os.sep, timeout=_PATIENCE, extra=told)
        except (ExternalError, ValueError, IndexError) as error:
            problems.append(f"notify `{text}`: {error}")
            continue
        if status:
            said = err.strip().splitlines()
            problems.append(
                f"notify `{text}`: exit status {status}" + (f": {said[-1]}" if said else "")
            )
    return tuple(problems)
