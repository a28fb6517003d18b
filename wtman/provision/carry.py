"""What setup made in one checkout, copied into another.

Copied, by reference where the file system can, and never linked: nobody may reach what
another has through a second name. Names that files have for each other within a folder stay.
Nothing writes in either checkout meanwhile. A copy that is cut off is worth nothing; it is
the caller who says, at the end, that it is there. Blocking.
"""

import errno
import os
import shutil
import stat
from collections.abc import Iterable
from functools import cache

from wtman.errors import SPACE_HINT, DiskFullError, ExternalError, machine_error
from wtman.execution import spawn
from wtman.inventory import FileState

_FEW = 500  # paths in one call
_PLAIN = (stat.S_ISREG, stat.S_ISLNK, stat.S_ISDIR)


def carry(source: str, target: str, made: Iterable[str]) -> None:
    """Copy what is listed as made, folders ending with `/`, from one checkout to another.

    Raises DiskFullError, or ExternalError where it cannot be copied.
    """
    places: dict[str, list[str]] = {}
    for path in outermost(made):
        folder, _, name = path.rstrip("/").rpartition("/")
        places.setdefault(folder, []).append(name)
    for folder, names in places.items():
        above = os.path.join(target, folder)
        try:
            os.makedirs(above, exist_ok=True)
            for at in range(0, len(names), _FEW):
                copied(os.path.join(source, folder), names[at : at + _FEW], above)
        except OSError as error:
            what = f"cannot copy what setup made into {above}"
            raise machine_error(error, what) or ExternalError(
                f"{what}: {error.strerror or error}"
            ) from error


def outermost(paths: Iterable[str]) -> list[str]:
    """The paths that are in no folder among them."""
    known = set(paths)
    found = []
    for path in known:
        place = path.rstrip("/").rpartition("/")[0]
        while place and f"{place}/" not in known:
            place = place.rpartition("/")[0]
        if not place:
            found.append(path)
    return sorted(found)


def is_plain(states: Iterable[FileState]) -> bool:
    """Whether all are files, links and folders: others are no result that can be kept."""
    return all(any(kind(state[3]) for kind in _PLAIN) for state in states)


def copied(
    source: str, names: list[str], target: str, *, over: bool = True, here: bool = False
) -> None:
    """Copy files and folders of these names from one folder into another.

    Without `over` what is there stays as it is; what cannot be merged with it is left out.
    `here`: without a process of its own.
    """
    if here or not _is_gnu():
        for name in names:
            _copied_here(os.path.join(source, name), os.path.join(target, name), over)
        return
    paths = (os.path.join(source, name) for name in names)
    mode = () if over else ("--no-clobber",)
    argv = ("cp", "-a", "--reflink=auto", *mode, "-t", target, "--", *paths)
    status, _, said = spawn.answer_of(argv, source, extra={"LC_ALL": "C"})
    full = os.strerror(errno.ENOSPC) in said or os.strerror(errno.EDQUOT) in said
    if status and (over or full):
        what = f"cannot copy what setup made into {target}: {said.strip()}"
        raise DiskFullError(what, hint=SPACE_HINT) if full else ExternalError(what)


@cache
def _is_gnu() -> bool:
    """Whether `cp` is the one that copies by reference."""
    try:
        status, said, _ = spawn.answer_of(("cp", "--version"), os.sep)
    except ExternalError:
        return False
    return status == 0 and "GNU coreutils" in said


def _copied_here(source: str, target: str, over: bool) -> None:
    """The same without it; names that files have for each other become files of their own."""
    if os.path.isdir(source) and not os.path.islink(source):
        if os.path.lexists(target) and (os.path.islink(target) or not os.path.isdir(target)):
            if over:
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), target)
            return
        os.makedirs(target, exist_ok=True)
        for name in os.listdir(source):
            _copied_here(os.path.join(source, name), os.path.join(target, name), over)
        shutil.copystat(source, target)
    elif over or not os.path.lexists(target):
        shutil.copy2(source, target, follow_symlinks=False)
