"""What a worktree held when its session was collected, by the state of each file.

So whoever takes it over later need not ask git whether all that is there is in a commit. Kept
with the evidence of the task, where no session can write; an answer of no costs time only.
Blocking.
"""

import json
import os
from collections.abc import Iterable

from wtman import files, inventory
from wtman.context import Context
from wtman.inventory import Difference
from wtman.model.ids import Sha, TaskId

_NAME = "collected.json"
_CAP = 1 << 24  # bytes
_MOST = 10_000  # files


def ended_at(ctx: Context, task: TaskId, attempt: int) -> int:
    """When a session was over, in nanoseconds on the clock of the disk; 0: nobody knows."""
    try:
        return os.stat(ctx.below("tasks", task, str(attempt), "exit.json")).st_ctime_ns
    except OSError:
        return 0


def remember(
    ctx: Context, task: TaskId, worktree: str, commit: Sha, paths: Iterable[str], before: int
) -> None:
    """Remember that `commit`, the task's, has the files at `paths` as they are now.

    Those whose state has changed since `before` are left out: nanoseconds on the clock of the
    disk, when nobody had looked at them yet.
    """
    states = {}
    for path in paths:
        try:
            state = inventory.of_file(os.path.join(worktree, path))
        except FileNotFoundError:
            continue  # it was deleted: that is asked of git
        except OSError:
            return
        if state[2] < before:
            states[path] = state
    if 0 < len(states) <= _MOST:
        place = ctx.below("tasks", task, _NAME)
        files.replace(place, json.dumps({"commit": commit, "states": states}).encode())


def are_collected(
    ctx: Context, task: TaskId, worktree: str, commit: Sha, found: Difference
) -> bool:
    """Whether `commit` has all of what is beyond the handout of its task's worktree."""
    if not found.paths:
        return True
    if found.gone:
        return False
    try:
        content, _ = files.read(ctx.below("tasks", task, _NAME), _CAP)
        kept = json.loads(content)
        if kept["commit"] != commit:
            return False
        now = inventory.again(worktree, {}, found.paths)
        return all(
            kept["states"].get(path) == list(state)
            for path, state in now.items()
            if not path.endswith("/")
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
