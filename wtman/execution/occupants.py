"""Who is in a folder: processes of this user that stand in it, or hold a file of it open.

Known where there is /proc; elsewhere nobody is seen. Processes of others cannot be asked.
"""

import os
from collections.abc import Iterator, Sequence

_MOST = 10_000  # open files that are looked at


def occupants(folders: Sequence[str], *, files: bool = False) -> dict[str, tuple[int, str]]:
    """For each of the folders that somebody is in one process: its number and its name.

    With `files` also who has a file there open: it could be written later.
    """
    places = {os.path.realpath(folder) + os.sep: folder for folder in folders}
    tops, own = tuple(places), str(os.getpid())
    found: dict[str, tuple[int, str]] = {}
    try:
        names = os.listdir("/proc") if places else []
    except OSError:
        return found
    left = _MOST if files else 0
    for name in names:
        if not name.isdigit() or name == own:
            continue
        try:
            held = [os.readlink(f"/proc/{name}/cwd") + os.sep]
            if left > 0:
                held += _open_files(name)
                left -= len(held)
            for here in held:
                if here.startswith(tops):
                    inside = next(to for top, to in places.items() if here.startswith(top))
                    with open(f"/proc/{name}/comm", encoding="utf-8", errors="replace") as file:
                        found.setdefault(inside, (int(name), file.read().strip()))
        except OSError:
            continue  # it has ended, or it is somebody else's
    return found


def _open_files(process: str) -> Iterator[str]:
    for number in os.listdir(f"/proc/{process}/fd"):
        try:
            yield os.readlink(f"/proc/{process}/fd/{number}")
        except OSError:
            continue  # closed meanwhile
