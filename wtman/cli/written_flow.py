"""A flow that a planner writes: asked for, shown, and kept as a file that nobody has approved."""

import os
import sys
from collections.abc import Sequence
from dataclasses import replace

from wtman.cli import terminal
from wtman.cli.saved_flow import kept
from wtman.cli.start import approve_planner, approve_resumed, planned, unplanned, unplanned_json
from wtman.config import load
from wtman.coordinator.create import open_store
from wtman.coordinator.home import Home
from wtman.coordinator.outcome import written_as
from wtman.coordinator.start.order import order
from wtman.coordinator.start.proposal import StartRequest, is_planned
from wtman.coordinator.start.resumption import ResumeRequest, resumption
from wtman.errors import UsageError
from wtman.git.discovery import Repository
from wtman.journal.events import Event
from wtman.journal.state import State
from wtman.model.roles import PLANNER
from wtman.text.terminal import clean
from wtman.ui.proposal import announced
from wtman.worktrees.clean import remove_traces


def write(repo: Repository, wanted: StartRequest, path: str, as_json: bool) -> int:
    """Have the planner write a flow, show it and keep it; the exit status.

    `path` is the file that is to hold it: else it is one of `.wtman/flows/` that is not there yet.
    """
    settings = load(repo.toplevel, os.environ, wanted.flags, None).settings
    if settings.roles.get(PLANNER) == "static":
        raise UsageError(
            "--planner static writes no flows", hint="name an agent: --planner NAME; or leave it"
        )
    replaces = _require_free(path, as_json)
    # Nobody but the planner has a session here.
    agent = settings.roles.get(PLANNER) or settings.agent
    wanted = replace(
        wanted,
        code=True,
        flags={**wanted.flags, **({"agent": agent} if agent else {})},
    )
    prepared = order(repo, wanted, os.environ)
    approve_planner(repo, prepared, may_ask=not as_json)
    if not as_json and prepared.wanted is not None:
        lines = announced(prepared.wanted, prepared.proposal.settings, terminal.width())
        print("\n".join(lines), file=sys.stderr, flush=True)
    with open_store(repo) as store:
        home = Home(repo, store)
        state = home.state(prepared.create(store))
        return _written(home, state, [], path, as_json, replaces=replaces)


def go_on(home: Home, state: State, change: ResumeRequest, as_json: bool) -> int:
    """Have a flow written of which the planning failed or was interrupted."""
    if (done := written_as(state)) is not None:
        raise UsageError(
            f"run {state.run} has written its flow: {clean(done.path)}",
            hint=f"read it, then: wtman run {done.name}",
        )
    if is_planned(state):  # it was killed before it had written the file
        return kept(home, state, "", as_json)
    going = resumption(home, state, change, os.environ)
    approve_resumed(home.repo, state, going, may_ask=not as_json, planned=False)
    return _written(home, state, going.events, "", as_json)


def _written(
    home: Home,
    state: State,
    events: Sequence[Event],
    path: str,
    as_json: bool,
    *,
    replaces: bool = False,
) -> int:
    state = planned(home, state, events, sys.stderr)
    remove_traces(state)
    if not is_planned(state):
        return unplanned_json(state) if as_json else unplanned(state)
    return kept(home, state, path, as_json, replaces=replaces)


def _require_free(path: str, as_json: bool) -> bool:
    """Whether a file is replaced: that is asked before a session is paid for."""
    if not path or not os.path.lexists(path):
        return False
    if as_json or not terminal.ask(f"Replace {clean(path)}?"):
        raise UsageError(f"{path} is there already", hint="name another file with -o")
    return True
