"""What is to be deleted: renamed aside at once, and deleted here or by a process apart.

A folder of thousands of files takes its time to delete. It is renamed first, in one step, so
that nobody sees half of it; then a process that outlives the terminal deletes it. Where that is
killed, whoever comes next goes on with it. Blocking.
"""

import os
import secrets
import stat
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress

from wtman.errors import ExternalError
from wtman.execution.spawn import start_apart
from wtman.git.disk import DiskTally
from wtman.git.trees import remove_tree

FEW = 5000  # files that are deleted at once
_GONE = "gone-"  # what may be deleted begins so


def set_aside(path: str, folder: str, tally: DiskTally | None = None) -> None:
    """Rename what is to be deleted into `folder`, which is on the same file system.

    `tally` is given what will be free.
    """
    os.makedirs(folder, mode=0o700, exist_ok=True)
    gone = os.path.join(folder, f"{_GONE}{secrets.token_hex(8)}")
    move(path, gone)
    if tally is not None:
        tally.add(gone)


def empty(folder: str) -> None:
    """Delete what was set aside in `folder`. May take long."""
    with suppress(FileNotFoundError):
        for name in os.listdir(folder):
            if name.startswith(_GONE):
                remove(os.path.join(folder, name))


def remove_waiting(folders: Iterable[str], *, apart: bool) -> Callable[[], int | None] | None:
    """Delete what waits in these folders: `apart`, in the background.

    Gives what says whether that has ended (its exit status), None where nothing goes on.
    """
    waiting = [folder for folder in dict.fromkeys(folders) if _is_waiting(folder)]
    if not waiting:
        return None
    if apart:
        # The folder that it stands in is no place to import from.
        argv = (sys.executable, "-P", "-m", "wtman.execution.remover", *waiting)
        try:
            with open(os.devnull, "wb") as out:
                return start_apart(argv, "/", out)[1]
        except OSError:
            pass  # no process to be had: then here
    for folder in waiting:
        empty(folder)
    return None


def _is_waiting(folder: str) -> bool:
    with suppress(FileNotFoundError, NotADirectoryError):
        return any(name.startswith(_GONE) for name in os.listdir(folder))
    return False


def remove(path: str) -> None:
    """Delete a file, or a folder with all that is in it."""
    if os.path.isdir(path) and not os.path.islink(path):
        remove_tree(path)
    else:
        with suppress(FileNotFoundError):
            os.unlink(path)


def move(source: str, target: str) -> None:
    """Rename within one file system, a folder that may not be written too."""
    mode = os.lstat(source).st_mode
    if stat.S_ISDIR(mode) and not mode & stat.S_IWUSR:
        os.chmod(source, stat.S_IMODE(mode) | stat.S_IRWXU)  # a move rewrites its ".."
    try:
        os.rename(source, target)
    except OSError as error:
        raise ExternalError(
            f"{source} could not be moved to {target}: {error.strerror}",
            hint="the trash must be on the same file system as the worktrees",
        ) from error
