"""What a run said, kept small: its logs packed when it is over, and let go after 14 days.

Sessions and checks may print hundreds of megabytes. `wtman logs` reads packed streams as it
reads others. Blocking, with the run's lock held; safe to do twice.
"""

import os
from collections.abc import Iterable, Iterator

from wtman.execution.output import PACKED, pack
from wtman.execution.removal import set_aside
from wtman.git import scratch
from wtman.git.disk import DiskTally
from wtman.model.ids import TaskId
from wtman.sandbox.environment import SCRATCH
from wtman.sandbox.home import forget

_STREAMS = ("stdout", "stderr")
_SAYING = ("tasks", "checks", "setup", "cleanup")  # whose logs nobody but people read
_UNSEEN = ("home", "git")
_LOCK = "coordinator"  # held by whoever deletes the rest
_OF_WORKTREES = ("handouts", "environments", "homes")
# What tools keep in a HOME and get again, and what setup put there beside the checkout.
_CACHES = tuple(
    (
        f"{SCRATCH} .cache .npm .npm-global .pnpm-store .yarn .bun .deno .cargo .rustup go .gradle "
        ".m2 .ivy2 .sbt .coursier .nuget .dotnet .gem .bundle .conda .pyenv .nvm .node-gyp .ccache "
        ".composer .pub-cache .cocoapods .hex .mix .stack .cabal .julia .virtualenvs "
        ".local/bin .local/lib .local/pipx .local/share/pnpm .local/share/uv "
        ".local/share/virtualenvs .local/share/NuGet .local/share/pypoetry"
    ).split()
)


def pack_logs(folder: str) -> None:
    """Compress what the sessions and checks of a run that is over have said."""
    for path in _streams(folder, _STREAMS):
        pack(path)


def drop_logs(folder: str) -> None:
    """Delete them for good, the private HOMEs of its tasks, and what is kept of setup."""
    for path in _streams(folder, (*_STREAMS, *(name + PACKED for name in _STREAMS))):
        scratch.discard(path)
    for part in ("environments", "handouts"):
        scratch.discard(os.path.join(folder, part))
    tasks = os.path.join(folder, "tasks")
    for task in os.listdir(tasks) if os.path.isdir(tasks) else ():
        scratch.discard(os.path.join(tasks, task, "home"))


def leave_task(
    folder: str, task: TaskId, sign_in: Iterable[str], gone: str, tally: DiskTally
) -> None:
    """Take from the evidence of a cleaned task what only a session needs.

    `sign_in` are paths of copied sign-in files, below its private HOME, which stays for a
    conversation that might be gone on with, without the caches of tools. What is large is set
    aside in the folder `gone` and counted.
    """
    place = os.path.join(folder, "tasks", task)
    home = os.path.join(place, "home")
    forget(home, sign_in)
    for path in _CACHES:
        if _is_inside(home, path):
            set_aside(os.path.join(home, path), gone, tally)
    if os.path.isdir(packages := os.path.join(place, "home-packages")):
        set_aside(packages, gone, tally)
    for attempt in os.listdir(place) if os.path.isdir(place) else ():
        git = os.path.join(place, attempt, "git")
        if os.path.isdir(git):
            set_aside(git, gone, tally)


def leave_run(folder: str, gone: str, tally: DiskTally) -> None:
    """Take from the evidence of a run without worktrees how these were handed out."""
    for name in _OF_WORKTREES:
        if os.path.isdir(os.path.join(folder, name)):
            set_aside(os.path.join(folder, name), gone, tally)


def drop(folder: str, gone: str, tally: DiskTally) -> None:
    """Set all evidence of a run that nobody can ask for any more aside for deletion."""
    for name in os.listdir(folder):
        if name != _LOCK:
            set_aside(os.path.join(folder, name), gone, tally)


def _is_inside(home: str, path: str) -> bool:
    """Whether a folder of the HOME is there, with no link on the way that leads elsewhere."""
    place = os.path.join(home, path)
    return os.path.isdir(place) and os.path.realpath(place) == os.path.join(
        os.path.realpath(home), path
    )


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
