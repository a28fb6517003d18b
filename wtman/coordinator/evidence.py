"""What a run said, kept small: its logs packed when it is over, and let go after 14 days.

Sessions and checks may print hundreds of megabytes. `wtman logs` reads packed streams as it
reads others. Blocking, with the run's lock held; safe to do twice.
"""

import os
from collections.abc import Iterable, Iterator

from wtman.execution.output import PACKED, pack
from wtman.git import scratch
from wtman.model.ids import TaskId
from wtman.sandbox.home import forget

_STREAMS = ("stdout", "stderr")
_SAYING = ("tasks", "checks", "setup", "cleanup")  # whose logs nobody but people read
_UNSEEN = ("home", "git")


def pack_logs(folder: str) -> None:
    """Compress what the sessions and checks of a run that is over have said."""
    for path in _streams(folder, _STREAMS):
        pack(path)


def drop_logs(folder: str) -> None:
    """Delete them for good, and the private HOMEs of its tasks."""
    for path in _streams(folder, (*_STREAMS, *(name + PACKED for name in _STREAMS))):
        scratch.discard(path)
    tasks = os.path.join(folder, "tasks")
    for task in os.listdir(tasks) if os.path.isdir(tasks) else ():
        scratch.discard(os.path.join(tasks, task, "home"))


def leave_task(folder: str, task: TaskId, sign_in: Iterable[str]) -> None:
    """Take from the evidence of a cleaned task what only a session needs.

    `sign_in` are paths of copied sign-in files, below its private HOME, which stays for a
    conversation that might be gone on with.
    """
    place = os.path.join(folder, "tasks", task)
    forget(os.path.join(place, "home"), sign_in)
    for attempt in os.listdir(place) if os.path.isdir(place) else ():
        scratch.discard(os.path.join(place, attempt, "git"))


def size_of(folder: str) -> int:
    """The bytes of a run's evidence."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size
            except OSError:
                continue
    return total


def _streams(folder: str, wanted: tuple[str, ...]) -> Iterator[str]:
    for part in _SAYING:
        for place, below, names in os.walk(os.path.join(folder, part)):
            below[:] = [name for name in below if name not in _UNSEEN]
            yield from (os.path.join(place, name) for name in names if name in wanted)
