"""Who stands in a folder: processes of this user whose working folder is in it.

Known where there is /proc; elsewhere nobody is seen. Processes of others cannot be asked.
"""

import os
from collections.abc import Sequence


def occupants(folders: Sequence[str]) -> dict[str, tuple[int, str]]:
    """For each of the folders that somebody stands in one process: its number and its name."""
    places = {os.path.realpath(folder) + os.sep: folder for folder in folders}
    found: dict[str, tuple[int, str]] = {}
    try:
        names = os.listdir("/proc") if places else []
    except OSError:
        return found
    for name in names:
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            here = os.readlink(f"/proc/{name}/cwd") + os.sep
            inside = next(
                (folder for place, folder in places.items() if here.startswith(place)), ""
            )
            if inside:
                with open(f"/proc/{name}/comm", encoding="utf-8", errors="replace") as file:
                    found.setdefault(inside, (int(name), file.read().strip()))
        except OSError:
            continue  # it has ended, or it is somebody else's
    return found
