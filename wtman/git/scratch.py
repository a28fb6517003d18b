"""Folders of one call's own, and what a killed process left of those and of half-made files.

A scratch folder is named after its process and locked while it is in use; drafts of files and
folders (`files.beside`) are named after theirs. So what nobody owns any more can be told, by
whoever comes next, from what another wtman is making at this moment. Promises to delete
nothing that a living process made less than a minute ago, or holds.
"""

import fcntl
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from wtman.git.trees import remove_tree

_SETTLED = 60.0  # seconds: by then a process that lives on under the same number has let go
_DRAFT = re.compile(r".+\.(\d+)-[0-9a-f]{8}(?:\.old)?")


@contextmanager
def scratch(place: str, prefix: str = "") -> Iterator[str]:
    """A new folder below `place`, for as long as the block lasts."""
    named = f"{prefix}{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=named, dir=place) as folder:
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield folder
        finally:
            os.close(held)


def sweep(place: str, prefix: str = "") -> None:
    """Delete the scratch folders below `place` that a killed process left."""
    named = re.compile(re.escape(prefix) + r"(\d+)-.+")
    for path, found in _entries(place, named):
        if not _is_left(path, int(found[1])):
            continue
        try:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            held = os.open(path, flags)
        except OSError:
            continue
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_tree(path)
        except OSError:
            pass
        finally:
            os.close(held)


def sweep_drafts(place: str) -> None:
    """Delete the half-made files and folders in `place` that a killed process left."""
    for path, found in _entries(place, _DRAFT):
        if _is_left(path, int(found[1])):
            discard(path)


def discard(path: str) -> None:
    """Delete a file or a folder, whichever it is; what resists stays."""
    with suppress(OSError):
        if os.path.isdir(path) and not os.path.islink(path):
            remove_tree(path)
        else:
            os.unlink(path)


def _entries(place: str, named: re.Pattern[str]) -> list[tuple[str, re.Match[str]]]:
    try:
        with os.scandir(place) as items:
            found = [(item.path, named.fullmatch(item.name)) for item in items]
    except OSError:
        return []
    return [(path, match) for path, match in found if match is not None]


def _is_left(path: str, pid: int) -> bool:
    try:
        facts = os.lstat(path)
    except OSError:
        return False
    if facts.st_uid != os.getuid():
        return False
    return not _is_alive(pid) or time.time() - facts.st_ctime > _SETTLED


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
