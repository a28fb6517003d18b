"""Lock files of git whose holder was killed.

git takes a lock by making a file, and a git that is killed leaves it there for ever. Only
locks that are wtman's own are taken away: those of refs that nobody else moves, and those
that were made while a git of wtman's ran that was killed. And only while no process is
there that could hold one; where that cannot be seen (no /proc), none is taken away. A lock of
the user's git is never touched. Blocking.
"""

import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

from wtman import files

_OURS = re.compile(r"(.+)/refs/(?:heads/)?wtman/.+\.lock", re.DOTALL)
_PROCESSES = "/proc"
_SLACK = 1.0  # seconds, between the clocks of processes and of files
_SOON = 5.0  # seconds in which a git that is announced takes its locks
# What never locks anything, and may live for long.
_READERS = frozenset(
    (
        "cat-file merge-tree for-each-ref ls-files diff-files rev-list fsmonitor--daemon "
        "credential-cache--daemon daemon filter-process http-backend"
    ).split()
)


def drop_own(lock: str) -> bool:
    """Take away the lock of a ref of wtman's own if its holder is dead; whether it was."""
    ours = _OURS.fullmatch(lock)
    return ours is not None and _drop(lock, ours[1], 0.0, float("inf"))


def drop_packed(git_dir: str, since: float, until: float) -> bool:
    """Take away the lock of all refs if a git of wtman's made it in this time and is dead."""
    return _drop(os.path.join(git_dir, "packed-refs.lock"), git_dir, since, until)


def drop_made_since(lock: str, git_dir: str, since: float) -> bool:
    """Take away a lock that nobody but a git of wtman's can have made since then, if it is dead;
    whether there is none any more."""
    try:
        made = os.lstat(lock).st_mtime
    except OSError:
        return True
    return made < since - _SLACK or _drop(lock, git_dir, since, float("inf"))


def drop_left(git_dir: str, announced: str) -> bool:
    """The same for a git of a dead coordinator, which noted in this file what it would do."""
    try:
        noted = os.stat(announced).st_mtime
    except OSError:
        return False
    return drop_packed(git_dir, noted, noted + _SOON)


def _drop(lock: str, git_dir: str, since: float, until: float) -> bool:
    try:
        made = os.lstat(lock).st_mtime
    except OSError:
        return False
    if not since - _SLACK <= made <= until + _SLACK or _may_be_held(git_dir, made):
        return False
    with suppress(OSError):
        if os.lstat(lock).st_mtime == made:
            os.unlink(lock)
            return True
    return False


def _may_be_held(git_dir: str, made: float) -> bool:
    """Whether a git lives that was there when the lock was made, and may be at work there."""
    if not os.path.exists(os.path.join(_PROCESSES, "self", "stat")):
        return True
    places = tuple(_places(git_dir))
    return any(start <= made + _SLACK for start in _gits(places))


def _places(git_dir: str) -> Iterator[str]:
    """Where a git that works on this repository may stand."""
    yield os.path.realpath(git_dir)
    yield os.path.realpath(os.path.dirname(git_dir))
    with suppress(OSError):
        for entry in os.scandir(os.path.join(git_dir, "worktrees")):
            pointer = files.head(os.path.join(entry.path, "gitdir"), 1 << 12) or b""
            yield os.path.realpath(os.path.dirname(os.fsdecode(pointer.strip())))


def _gits(places: Sequence[str]) -> Iterator[float]:
    """When each living git at work there was started, as time since the epoch."""
    with suppress(OSError, ValueError):
        with open(os.path.join(_PROCESSES, "uptime"), encoding="ascii") as file:
            boot = time.time() - float(file.read().split()[0])
        ticks = os.sysconf("SC_CLK_TCK")
        for name in filter(str.isdigit, os.listdir(_PROCESSES)):
            with suppress(OSError, ValueError, IndexError):
                process = os.path.join(_PROCESSES, name)
                with open(os.path.join(process, "stat"), "rb") as file:
                    head, _, rest = file.read(4096).rpartition(b")")
                fields = rest.split()
                is_git = head.partition(b"(")[2].startswith(b"git") and fields[0] not in b"ZX"
                if is_git and _is_at_work(process, places):
                    yield boot + int(fields[19]) / ticks


def _is_at_work(process: str, places: Sequence[str]) -> bool:
    """Whether a git may write there; whose folder cannot be seen may."""
    with open(os.path.join(process, "cmdline"), "rb") as file:
        words = file.read(1 << 16).decode("utf-8", "surrogateescape").split("\0")
    if _READERS.intersection(words):
        return False
    try:
        stands = os.readlink(os.path.join(process, "cwd"))
        with open(os.path.join(process, "environ"), "rb") as file:
            told = os.fsdecode(file.read(1 << 17))
    except PermissionError:
        return True
    named = "\0".join((*words, told))
    return any((stands + os.sep).startswith(place + os.sep) or place in named for place in places)
