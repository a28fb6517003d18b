"""Who is in a folder: processes of this user that stand in it, or hold a file of it open.

Known where there is /proc; elsewhere nobody is seen. Processes of others cannot be asked.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache

_RECENT = 0.25  # seconds
_MOST = 10_000  # open files that are looked at


def occupants(folders: Sequence[str], *, files: bool = False) -> dict[str, tuple[int, str]]:
    """For each of the folders that somebody is in one process: its number and its name.

    With `files` also who has a file there open: it could be written later. What was seen less
    than a quarter of a second ago is not looked up again.
    """
    places = {os.path.realpath(folder) + os.sep: folder for folder in folders}
    tops = tuple(places)
    found: dict[str, tuple[int, str]] = {}
    for name, held in _held(files, int(time.monotonic() / _RECENT)) if places else ():
        for here in held:
            if here.startswith(tops):
                inside = next(to for top, to in places.items() if here.startswith(top))
                with (
                    suppress(OSError),  # it has ended
                    open(f"/proc/{name}/comm", encoding="utf-8", errors="replace") as file,
                ):
                    found.setdefault(inside, (int(name), file.read().strip()))
    return found


@lru_cache(maxsize=2)
def _held(files: bool, when: int) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Of each process, ours apart, where it stands, and with `files` what it has open."""
    found = []
    left, own = _MOST if files else 0, str(os.getpid())
    with suppress(OSError):
        for name in os.listdir("/proc"):
            if not name.isdigit() or name == own:
                continue
            try:
                held = [os.readlink(f"/proc/{name}/cwd") + os.sep]
                if left > 0:
                    held += _open_files(name)
                    left -= len(held)
            except OSError:
                continue  # it has ended, or it is somebody else's
            found.append((name, tuple(held)))
    return tuple(found)


def _open_files(process: str) -> Iterator[str]:
    for number in os.listdir(f"/proc/{process}/fd"):
        try:
            yield os.readlink(f"/proc/{process}/fd/{number}")
        except OSError:
            continue  # closed meanwhile
