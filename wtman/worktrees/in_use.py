"""Worktrees that the user has open in a shell or an editor: nobody moves one meanwhile.

Each terminal holds a lock of its own in the evidence of the task, so that several may, and one
that was killed counts no more. Who takes such a lock reads the journal afterwards; who would move
a worktree journals that first, and looks for locks afterwards. So one of the two sees the other.
Blocking.
"""

import contextlib
import os
import secrets
from collections.abc import Iterator

from wtman import files
from wtman.model.ids import TaskId

_FOLDER = "in-use"


@contextlib.contextmanager
def used(folder: str, task: TaskId) -> Iterator[None]:
    """While this lasts the user has the worktree open; `folder` is the evidence of the run."""
    place = _place(folder, task)
    os.makedirs(place, mode=0o700, exist_ok=True)
    path = os.path.join(place, secrets.token_hex(4))
    with files.locked(path):
        try:
            yield
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def is_used(folder: str, task: TaskId) -> bool:
    """Whether the user has the worktree of the task open at some terminal."""
    place = _place(folder, task)
    try:
        names = os.listdir(place)
    except FileNotFoundError:
        return False
    return any(files.is_locked(os.path.join(place, name)) for name in names)


def _place(folder: str, task: TaskId) -> str:
    return os.path.join(folder, "tasks", task, _FOLDER)
