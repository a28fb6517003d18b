"""The notes of a session on where it deviates from what was agreed: a file in its private HOME.

Whatever a session put there is hostile: only a small regular file is read. Blocking.
"""

import contextlib
import errno
import os

from wtman import files
from wtman.formats.deviations import MOST_BYTES, deviations
from wtman.model.session import Deviation
from wtman.model.values import dataclass

VARIABLE = "WTMAN_NOTES"


@dataclass(frozen=True, slots=True)
class Notes:
    """`written`: there is a file, which takes the place of what was noted before. `unread` says
    what of it could not be used."""

    written: bool = False
    deviations: tuple[Deviation, ...] = ()
    unread: str = ""


def path_of(home: str, attempt: int) -> str:
    """Where an attempt writes its notes; outside of every worktree, and of no other attempt."""
    return os.path.join(home, f"wtman-notes-{attempt}.json")


def prepare(home: str) -> None:
    """Make the folder that the notes go into: not every agent gets a private HOME."""
    with contextlib.suppress(OSError):
        os.makedirs(home, mode=0o700, exist_ok=True)


def read(home: str, attempt: int) -> Notes:
    """What an attempt has noted."""
    path = path_of(home, attempt)
    try:
        raw, _ = files.read(path, MOST_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return Notes()
    except OSError as error:
        large = error.errno == errno.EFBIG
        why = f"is {error.strerror}" if large else "is no regular file that can be read"
        return Notes(unread=f"the file that {VARIABLE} names {why}")
    found, problem = deviations(raw.decode("utf-8", "replace"))
    told = f"in the file that {VARIABLE} names {problem}" if problem else ""
    # What says nothing at all that can be used does not undo what was noted before.
    return Notes(bool(found) or not problem, found, told)
