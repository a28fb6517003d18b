"""Directory trees made to hold exactly what they should, whatever was done to them.

Nothing here follows a symbolic link. Folders that their owner made unreadable or
read-only are opened up first.
"""

import os
import secrets
import stat
from collections.abc import Iterable, Iterator, Set
from typing import AnyStr

_OPEN = stat.S_IRWXU
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DEEPEST = 100


def remove_tree(path: str) -> bool:
    """Delete a folder with everything in it, however deep; whether that succeeded."""
    try:
        if os.path.islink(path):
            os.unlink(path)
            return True
        open_up(os.fsencode(path))
        top = os.open(path, _FOLDER)
        try:
            while os.listdir(top):
                _empty(top, top, _DEEPEST)
        finally:
            os.close(top)
        os.rmdir(path)
    except FileNotFoundError:
        return not os.path.lexists(path)
    except OSError:
        return False
    return True


def _empty(folder: int, top: int, depth: int) -> None:
    """Delete what is in an open folder; what is deeper than `depth` is moved up to `top`."""
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if not is_folder:
            os.unlink(name, dir_fd=folder)
        elif depth:
            below = _opened(name, folder)
            try:
                _empty(below, top, depth - 1)
            finally:
                os.close(below)
            os.rmdir(name, dir_fd=folder)
        else:
            os.close(_opened(name, folder))  # a move rewrites its ".."
            os.rename(name, f".{secrets.token_hex(8)}", src_dir_fd=folder, dst_dir_fd=top)


def _opened(name: str, folder: int) -> int:
    """An open folder in which its owner may delete."""
    mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    if mode & _OPEN != _OPEN:
        os.chmod(name, stat.S_IMODE(mode) | _OPEN, dir_fd=folder)
    return os.open(name, _FOLDER, dir_fd=folder)


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
