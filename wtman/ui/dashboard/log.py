"""The log of a task as the dashboard shows it: its newest session, then setup and checks."""

import io
import os
import time
from collections import deque
from collections.abc import Iterator

from wtman.checks.excerpt import excerpt
from wtman.git.discovery import Repository
from wtman.journal.state import State
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.ids import TaskId
from wtman.model.session import Ended
from wtman.text.terminal import clean
from wtman.ui.causes import Cause, causes, run_causes
from wtman.ui.dashboard.said import Said, said
from wtman.ui.dashboard.source import TaskLog
from wtman.ui.logs import (
    Tail,
    Told,
    heading,
    output_of,
    passed,
    planning_folders,
    print_cause,
    teller,
)

_MOST = 8_000  # lines of a session, and of each command after it
_BYTES = 4 << 20  # read of a file that is longer
_TELLING = 12  # lines
_STREAMS = ("stdout", "stderr")


def task_log(repo: Repository, folder: str, state: State, task: TaskId) -> TaskLog:
    """What there is to read of a task; `folder` is the evidence of its run."""
    told = teller(repo, state, task)
    head, place = _newest(folder, state, task)
    lines = [Said(line, "bold") for line in head.splitlines()]
    tails = []
    for name in _STREAMS if place else ():
        tail = _tail(os.path.join(place, name), told)
        skipped = tail.offset > 0
        output = deque(tail.lines(), _MOST)
        if skipped and output:
            output[0] = f"… earlier output: wtman logs {state.run}/{task}"
        if output and name == "stderr":
            lines.append(Said("-- stderr --", "quiet"))
        lines += said(output)
        tails.append(tail)
    telling: tuple[str, ...] = ()
    for line in passed(state, task):
        lines += [Said(""), Said(line, "bold")]
    for cause in (*run_causes(state), *causes(state, task)):
        if cause.kind == "session":
            continue  # it is above
        first, *printed = _printed(cause, folder, told)
        lines += [Said(""), Said(first, "bold"), *said(deque(printed, _MOST))]
        telling = telling or cause.lines(output_of(cause, folder, told))
    last = next(reversed(state.tasks[task].attempts), None)
    if not telling and last is not None and last.ended is Ended.FAILED:
        detail = last.outcome.detail if last.outcome is not None else ""
        told_all = detail or "\n".join(line.text for line in lines[1:])
        telling = excerpt(told_all, _TELLING)

    def more() -> Iterator[str]:
        for tail in tails:
            yield from tail.lines()

    return TaskLog(lines, telling, more)


def _newest(folder: str, state: State, task: TaskId) -> tuple[str, str]:
    """The head of the newest session of a task, or planning of a lead, and its evidence."""
    view = state.tasks[task]
    if not view.planned.lead:
        if not view.attempts:
            return f"{task} has no session yet", ""
        last = view.attempts[-1]
        head = heading(last, time.time())
        if last.ended is None:  # how long it runs is in the list, and goes on there
            head = f"== attempt {last.number}: {clean(last.agent, 200)} =="
        return head, os.path.join(folder, "tasks", task, str(last.number))
    team = view.team
    begun = team.planned or team.failed or ActionKey(ActionKind.PLAN, task) in state.intents
    if not begun:
        return f"{task} is not cut yet", ""
    return f"== planning {team.attempt} ==", (planning_folders(folder, task) or [""])[-1]


def _tail(path: str, told: Told) -> Tail:
    tail = Tail(path, told, spoken=True)
    if os.path.exists(path):
        tail.offset = max(os.path.getsize(path) - _BYTES, 0)
    return tail


def _printed(cause: Cause, folder: str, told: Told) -> list[str]:
    out = io.StringIO()
    print_cause(cause, folder, out, told, apart=False)
    return out.getvalue().splitlines() or [""]
