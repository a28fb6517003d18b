"""`wtman report --html`: the page with its diffs, written and shown."""

import os
import sys
import time

from wtman.coordinator.home import Home
from wtman.errors import ExternalError, UsageError
from wtman.git.control_dir import Control, prepare
from wtman.git.patches.series import diff
from wtman.journal.state import State, TaskView
from wtman.model.ids import TaskId

_LARGEST = 1 << 20  # bytes of a task's diff in the page


def write_page(home: Home, state: State, path: str, browse: bool) -> None:
    """Write the page to `path`, or into the run's evidence where it is only to be shown."""
    from wtman.ui.html import page

    control = prepare(home.repo)
    text = page(state, diffs(control, state), time.time(), bool(home.store.live(state.run)))
    target = path or os.path.join(home.folder(state.run), "report.html")
    try:
        with open(target, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(
            f"cannot write {target}: {error.strerror}", hint="name a file in a folder that is there"
        ) from error
    print(f"the report is in {target}")
    if browse:
        import webbrowser

        if not webbrowser.open(f"file://{os.path.abspath(target)}"):
            print("wtman: found no browser to show it in: open the file yourself", file=sys.stderr)


def diffs(control: Control, state: State) -> dict[TaskId, str]:
    """What each task changes against its start; without those whose commits are gone."""
    found = {}
    for task, view in state.tasks.items():
        if text := diff_of(control, view):
            found[task] = text
    return found


def diff_of(control: Control, view: TaskView) -> str:
    """One task's change; empty where there is none."""
    if not view.head or view.head == view.start:
        return ""
    try:
        raw = diff(control, view.start, view.head)
    except ExternalError:
        return ""  # cleaned, and collected as garbage since
    if len(raw) > _LARGEST:
        raw = diff(control, view.start, view.head, stat=True)
    return raw.decode("utf-8", "replace")
