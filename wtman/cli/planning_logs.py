"""`wtman logs` of the planning: what scouts, planners and the judge of plans said.

They are no tasks: each has a name of its own behind `planning/`.
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

from wtman.coordinator.home import Home, a_run
from wtman.errors import UsageError
from wtman.execution.output import read_exit
from wtman.journal.state import State
from wtman.model.states import SCHEMA
from wtman.model.values import dataclass
from wtman.plan.planning_sessions import CACHED, FAILED, PLANNING, RUNNING, PlanningSession
from wtman.plan.planning_sessions import planning_sessions as sessions_of
from wtman.sandbox.inside import SANDBOXES, view
from wtman.tasks.lifecycle import standings
from wtman.text.terminal import clean, pad
from wtman.text.words import did_you_mean, listed, quoted
from wtman.ui import logs as shown
from wtman.ui.plan_story import session_json

_POLL = 0.25  # seconds between two looks at the files
_WIDE = 28  # columns of a name


@dataclass(frozen=True, slots=True)
class NamedPlanning:
    """A run, and the sessions of its planning that were named."""

    state: State
    sessions: tuple[PlanningSession, ...]


def named_planning(home: Home, text: str) -> NamedPlanning | None:
    """What `planning`, `planning/NAME`, and the same behind `RUN/`, mean; None: it is a task."""
    parts = text.split("/")
    if PLANNING not in parts[:2]:
        return None
    at = parts.index(PLANNING)
    state = home.state(a_run(home, parts[0] if at else ""))
    name = "/".join(parts[at + 1 :])
    if PLANNING in state.tasks and not name:
        return None
    found = sessions_of(state)
    if not found:
        raise UsageError(
            f"nobody has planned run {state.run}: its plan was given",
            hint=f"what there is: wtman logs {state.run}",
        )
    names = list(dict.fromkeys(item.name for item in found))
    near = [it for it in names if it == name] or [it for it in names if it.startswith(name)]
    if name and len(near) != 1:
        raise UsageError(
            f"the planning of run {state.run} has no session {quoted(name)}"
            f"{did_you_mean(name, names)}",
            hint=f"its sessions: {listed(names, 8)}",
        )
    return NamedPlanning(state, tuple(item for item in found if item.name in near))


def show_planning(
    home: Home,
    named: NamedPlanning,
    *,
    follow: bool = False,
    raw: bool = False,
    failed: bool = False,
    attempt: int = 0,
    as_json: bool = False,
) -> int:
    """What was said, by one session after the other."""
    state = named.state
    items = [it for it in named.sessions if attempt in (0, it.attempt)]
    items = [it for it in items if it.state == FAILED] if failed else items
    if as_json:
        told = {"schema": SCHEMA, "run": state.run, PLANNING: plain(home, state, items)}
        print(json.dumps(told, ensure_ascii=True))
        return 0
    if not items:
        what = "has failed" if failed else f"is attempt {attempt}"
        print(f"wtman: nothing of the planning of {state.run} {what}", file=sys.stderr)
    if follow:
        return _follow(home, state, items, raw=raw)
    for item in items:
        _print(home, state, item, raw=raw)
    return 0


def show_failed(home: Home, state: State) -> bool:
    """What failed of the planning: whole where there is no plan, else where it is told."""
    items = [item for item in sessions_of(state) if item.state == FAILED]
    over = state.planning is not None and state.planning.made is not None
    for item in items:
        if over:
            print(f"== {_head(home, state, item)} ==")
            print(f"wtman logs {state.run}/{PLANNING}/{item.name}")
        else:
            _print(home, state, item, raw=False)
    return bool(items)


def list_run(home: Home, state: State) -> None:
    """The names of all that has logs, with what came of it."""
    live = bool(home.store.live(state.run))
    rows = [
        (f"{PLANNING}/{item.name}", _word(item, live=live), item.told)
        for item in sessions_of(state)
    ]
    rows += [(task, str(it.state), it.reason) for task, it in standings(state).items()]
    for name, word, told in rows:
        print(clean(f"{pad(name, _WIDE)}  {pad(word, 11)}  {told}".rstrip(), 400))
    if rows:
        print(f"one of them: wtman logs {state.run}/{rows[0][0]}")
    else:
        print(f"wtman: {state.run} has no session yet", file=sys.stderr)


def plain(home: Home, state: State, items: Sequence[PlanningSession]) -> list[dict[str, Any]]:
    """The sessions as JSON, with the files of what they printed."""
    live = bool(home.store.live(state.run))
    return [
        {
            **session_json(state, item, live),
            "files": [
                path
                for folder in _folders(home, state, item)
                for path in (os.path.join(folder, name) for name in ("stdout", "stderr"))
                if os.path.isfile(path)
            ],
        }
        for item in items
    ]


def _folders(home: Home, state: State, item: PlanningSession) -> list[str]:
    """The evidence of each of its sessions: of the first, and of repairs of its answer."""
    return shown.numbered_folders(os.path.join(home.folder(state.run), item.folder))


def _word(item: PlanningSession, *, live: bool) -> str:
    return "interrupted" if item.state == RUNNING and not live else item.state


def _head(home: Home, state: State, item: PlanningSession) -> str:
    return shown.planning_heading(item, _word(item, live=bool(home.store.live(state.run))))


def _print(home: Home, state: State, item: PlanningSession, *, raw: bool) -> None:
    folders = _folders(home, state, item)
    if raw:
        for folder in folders:
            shown.copy_raw(folder, sys.stdout.buffer)
        return
    print(f"== {_head(home, state, item)} ==")
    if item.hint:
        print(f"-- {clean(item.hint, 500)} --")
    for problem in item.problems if item.state == FAILED else ():
        print(f"-- {clean(problem, 500)} --")
    if item.state == CACHED:
        print("\n".join(shown.report_lines(state, item)))
    for number, folder in enumerate(folders, 1):
        if number > 1:
            print("-- asked once more --", flush=True)
        shown.print_attempt(folder, sys.stdout, _teller(home, state), answers=True)


def _teller(home: Home, state: State) -> shown.Told:
    place = os.path.join(state.settings.worktrees or "", f"{state.run}-reading")
    repo = home.repo
    inside = state.settings.sandbox in SANDBOXES
    return view(inside, repo.main or repo.common_dir, place).told


def _follow(home: Home, state: State, items: Sequence[PlanningSession], *, raw: bool) -> int:
    """What the newest session says, until it ends."""
    begun = [item for item in items if _folders(home, state, item)]
    if not begun:
        print("wtman: none of them has begun yet", file=sys.stderr)
        return 0
    item = next((it for it in reversed(begun) if it.state == RUNNING), begun[-1])
    folder = _folders(home, state, item)[-1]

    def over() -> bool:
        return read_exit(folder) is not None or not home.store.live(state.run)

    if raw:
        steps = shown.follow_raw(folder, sys.stdout.buffer, over)
    else:
        print(f"== {_head(home, state, item)} ==", flush=True)
        teller = _teller(home, state)
        steps = shown.follow_attempt(folder, sys.stdout, over, teller, answers=True)
    for _ in steps:
        time.sleep(_POLL)
    return 0
