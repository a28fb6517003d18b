"""A flow that a planner wrote, kept as a file for somebody to read: nothing of it has run."""

import json
import os

from wtman.cli import flow as flows
from wtman.cli import target as where
from wtman.coordinator.start.flow import FOLDER, find, remember_written
from wtman.coordinator.start.proposal import planner_notes
from wtman.errors import MissingError
from wtman.git.discovery import Repository
from wtman.journal.state import State
from wtman.model.states import SCHEMA
from wtman.text.terminal import clean


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


def _free_path(repo: Repository, name: str) -> str:
    folder = os.path.join(repo.toplevel, FOLDER)
    path, number = os.path.join(folder, f"{name}.py"), 1
    while os.path.lexists(path):
        number += 1
        path = os.path.join(folder, f"{name}-{number}.py")
    return path
