"""Directory trees made to hold exactly what they should, whatever was done to them.

Nothing here follows a symbolic link. Folders that their owner made unreadable or
read-only are opened up first.
"""

import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Set
from typing import AnyStr

_OPEN = stat.S_IRWXU


def remove_tree(path: str) -> bool:
    """Delete a folder with everything in it; whether that succeeded."""
    if os.path.islink(path):
        os.unlink(path)
        return True
    for attempt in range(2):
        try:
            shutil.rmtree(path)
        except FileNotFoundError:
            return not os.path.lexists(path)
        except OSError:
            if attempt:
                return False
            open_up(os.fsencode(path))
            for place, below, _ in os.walk(os.fsencode(path)):
                for name in below:  # before it is listed itself
                    open_up(os.path.join(place, name))
        else:
            return True
    return False


def strays(root: str, files: Set[bytes], folders: Set[bytes]) -> Iterator[tuple[bytes, bool]]:
    """What does not belong, as (absolute path, is a folder).

    `files` and `folders` are relative to `root`; a folder that is not among them is
    reported whole. A file with a second name does not belong either: whoever has that
    name could change it later, and git does not look at link counts.
    """
    base = os.fsencode(root)
    waiting = [b""]
    while waiting:
        place = waiting.pop()
        with os.scandir(os.path.join(base, place)) as entries:
            for entry in entries:
                name = place + b"/" + entry.name if place else entry.name
                if not entry.is_dir(follow_symlinks=False):
                    if name not in files or entry.stat(follow_symlinks=False).st_nlink > 1:
                        yield entry.path, False
                elif name in folders:
                    open_up(entry.path)
                    waiting.append(name)
                else:
                    yield entry.path, True


def purge(root: str, files: Set[bytes], folders: Set[bytes]) -> bool:
    """Delete what does not belong; whether everything could be."""
    open_up(os.fsencode(root))
    done = True
    for path, is_folder in list(strays(root, files, folders)):
        if is_folder:
            done = remove_tree(os.fsdecode(path)) and done
            continue
        try:
            os.unlink(path)
        except OSError:
            done = False
    return done


def folders_of(paths: Iterable[AnyStr], slash: AnyStr) -> set[AnyStr]:
    """All folders above relative paths, the root not included."""
    found: set[AnyStr] = set()
    for path in paths:
        place = path.rpartition(slash)[0]
        while place and place not in found:
            found.add(place)
            place = place.rpartition(slash)[0]
    return found


def open_up(folder: bytes) -> None:
    """Let its owner list, search and change a folder, where that may be done."""
    try:
        mode = stat.S_IMODE(os.lstat(folder).st_mode)
        if mode & _OPEN != _OPEN:
            os.chmod(folder, mode | _OPEN)
    except OSError:
        pass
