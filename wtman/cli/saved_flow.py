"""A flow that a planner wrote, kept as a file for somebody to read: nothing of it has run."""

import json
import os
import time

from wtman.cli import flow as flows
from wtman.cli import target as where
from wtman.coordinator.home import Home
from wtman.coordinator.start.flow import FOLDER, find, remember_written
from wtman.errors import MissingError
from wtman.git.discovery import Repository
from wtman.journal.events import FlowKept
from wtman.journal.state import State
from wtman.model.states import SCHEMA
from wtman.text.terminal import clean
from wtman.ui.proposal import planning_lines


def not_started(home: Home, state: State, as_json: bool) -> MissingError:
    """Keep the flow that a planner has chosen over a plan: nobody has read it, so the error says
    what starts it."""
    path, name, shown = _keep(home, state, "", replaces=False)
    if not as_json:
        print("\n".join(shown))
    return MissingError(
        f"the planner chose a flow, which is not started: nobody has read {clean(path)}",
        hint=f"read it, then: wtman run {name}",
        code="approval",
    )


def kept(home: Home, state: State, path: str, as_json: bool, *, replaces: bool = False) -> int:
    """Write the flow of a planning to its file, and show what it would do."""
    assert state.planning is not None and state.planning.made is not None
    made = state.planning.made
    path, name, lines = _keep(home, state, path, replaces=replaces)
    if as_json:
        script = find(home.repo, path)
        sizes = flows.sizes_in(home.repo, script.outline, state.base)
        told = {
            "run": state.run,
            "file": path,
            "source": made.source,
            "flow": flows.plain_outline(script.outline, sizes),
        }
        print(json.dumps({"schema": SCHEMA, **told}, ensure_ascii=True, default=str))
        return 0
    print("\n".join(lines))
    step = f"next: wtman run {name} --dry-run; wtman run {name} shows it again and asks"
    print(where.here(step))
    return 0


def _keep(
    home: Home, state: State, path: str, *, replaces: bool
) -> tuple[str, str, tuple[str, ...]]:
    """The file that the flow of a planning now is, how `wtman run` takes it, and lines on what it
    would do."""
    assert state.planning is not None and state.planning.made is not None
    made, repo = state.planning.made, home.repo
    if path and not replaces and os.path.lexists(path):
        path = ""  # it came while the planner was asked: nobody said that it may go
    path = path or _free_path(repo, made.flow)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w" if replaces else "x", encoding="utf-8") as file:
        file.write(made.source)
    remember_written(repo, path, made.source)
    name = _named(repo, path)
    with home.store.lock(state.run):
        home.store.append(state.run, [FlowKept(path, name)], time.time())
    script = find(repo, path)
    sizes = flows.sizes_in(repo, script.outline, state.base)
    lines = [*planning_lines(state), "", *flows.shown(script, sizes), ""]
    written = f"written to {clean(where.typed(path))}: read it, nobody has yet"
    return path, name, (*lines, written)


def _named(repo: Repository, path: str) -> str:
    """The flow as `wtman run` takes it."""
    is_kept = os.path.dirname(path) == os.path.join(repo.toplevel, FOLDER)
    return os.path.basename(path).removesuffix(".py") if is_kept else where.typed(path)


def _free_path(repo: Repository, name: str) -> str:
    folder = os.path.join(repo.toplevel, FOLDER)
    path, number = os.path.join(folder, f"{name}.py"), 1
    while os.path.lexists(path):
        number += 1
        path = os.path.join(folder, f"{name}-{number}.py")
    return path
