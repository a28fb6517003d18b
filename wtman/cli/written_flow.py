"""A flow that a planner writes: asked for, shown, and kept as a file that nobody has approved."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from wtman.cli import flow as flows
from wtman.cli import target as where
from wtman.cli import terminal
from wtman.cli.start import approve_planner, approve_resumed, planned, unplanned, unplanned_json
from wtman.config import load
from wtman.coordinator.create import open_store
from wtman.coordinator.home import Home
from wtman.coordinator.start.flow import FOLDER, find, remember_written
from wtman.coordinator.start.order import order
from wtman.coordinator.start.proposal import StartRequest, is_planned, planner_notes
from wtman.coordinator.start.resumption import ResumeRequest, resumption
from wtman.errors import MissingError, UsageError
from wtman.git.discovery import Repository
from wtman.journal.events import Event
from wtman.journal.state import State
from wtman.model.roles import PLANNER
from wtman.model.states import SCHEMA
from wtman.text.terminal import clean
from wtman.ui.proposal import announced
from wtman.worktrees.clean import remove_traces


def write(repo: Repository, wanted: StartRequest, run: Any, path: str, as_json: bool) -> int:
    """Have the planner write a flow, show it and keep it; the exit status.

    `run` is the command `wtman run`, `path` the file that is to hold it: else it is one of
    `.wtman/flows/` that is not there yet.
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
        reserved=tuple(sorted(flows.reserved(run))),
        flags={**wanted.flags, **({"agent": agent} if agent else {})},
    )
    prepared = order(repo, wanted, os.environ)
    approve_planner(repo, prepared, may_ask=not as_json)
    if not as_json and prepared.wanted is not None:
        print(announced(prepared.wanted, prepared.proposal.settings), file=sys.stderr, flush=True)
    with open_store(repo) as store:
        home = Home(repo, store)
        state = home.state(prepared.create(store))
        return _written(home, state, [], path, as_json, replaces=replaces)


def go_on(home: Home, state: State, change: ResumeRequest, as_json: bool) -> int:
    """Have a flow written of which the planning failed or was interrupted."""
    if is_planned(state):
        raise UsageError(
            f"run {state.run} has written its flow", hint="run that: wtman run FILE|NAME"
        )
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
    return kept(home.repo, state, path, as_json, replaces=replaces)


def not_started(repo: Repository, state: State, as_json: bool) -> MissingError:
    """Keep the flow that a planner has chosen over a plan: nobody has read it, so the error says
    what starts it."""
    path, shown = _keep(repo, state, "", replaces=False)
    if not as_json:
        print("\n".join(shown))
    return MissingError(
        f"the planner chose a flow, which is not started: nobody has read {clean(path)}",
        hint=f"read it, then: wtman run {_named(repo, path)}",
        code="approval",
    )


def kept(
    repo: Repository, state: State, path: str, as_json: bool, *, replaces: bool = False
) -> int:
    """Write the flow of a planning to its file, and show what it would do."""
    assert state.planning is not None and state.planning.made is not None
    made = state.planning.made
    path, lines = _keep(repo, state, path, replaces=replaces)
    if as_json:
        script = find(repo, path)
        sizes = flows.sizes_in(repo, script.outline, state.base)
        told = {
            "run": state.run,
            "file": path,
            "source": made.source,
            "flow": flows.plain_outline(script.outline, sizes),
        }
        print(json.dumps({"schema": SCHEMA, **told}, ensure_ascii=True, default=str))
        return 0
    print("\n".join(lines))
    name = _named(repo, path)
    step = f"next: wtman run {name} --dry-run; wtman run {name} shows it again and asks"
    print(where.here(step))
    return 0


def _keep(
    repo: Repository, state: State, path: str, *, replaces: bool
) -> tuple[str, tuple[str, ...]]:
    """The file that the flow of a planning now is, and lines on what it would do."""
    assert state.planning is not None and state.planning.made is not None
    made = state.planning.made
    if path and not replaces and os.path.lexists(path):
        path = ""  # it came while the planner was asked: nobody said that it may go
    path = path or _free_path(repo, made.flow)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w" if replaces else "x", encoding="utf-8") as file:
        file.write(made.source)
    remember_written(repo, path, made.source)
    script = find(repo, path)
    sizes = flows.sizes_in(repo, script.outline, state.base)
    lines = [*(clean(note) for note in planner_notes(state)), "", *flows.shown(script, sizes), ""]
    written = f"written to {clean(where.typed(path))}: read it, nobody has yet"
    return path, (*lines, written)


def _named(repo: Repository, path: str) -> str:
    """The flow as `wtman run` takes it."""
    is_kept = os.path.dirname(path) == os.path.join(repo.toplevel, FOLDER)
    return os.path.basename(path).removesuffix(".py") if is_kept else where.typed(path)


def _require_free(path: str, as_json: bool) -> bool:
    """Whether a file is replaced: that is asked before a session is paid for."""
    if not path or not os.path.lexists(path):
        return False
    if as_json or not terminal.ask(f"Replace {clean(path)}?"):
        raise UsageError(f"{path} is there already", hint="name another file with -o")
    return True


def _free_path(repo: Repository, name: str) -> str:
    folder = os.path.join(repo.toplevel, FOLDER)
    path, number = os.path.join(folder, f"{name}.py"), 1
    while os.path.lexists(path):
        number += 1
        path = os.path.join(folder, f"{name}-{number}.py")
    return path
