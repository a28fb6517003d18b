"""Files that a checkout needs and git does not carry: copied and linked."""

import os
import shlex
import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from wtman.context import Context
from wtman.errors import DiskFullError
from wtman.files import NO_SPACE
from wtman.formats.gitignore import matches
from wtman.git import repo
from wtman.git.objects import history
from wtman.model.settings import Settings

_ANY_CHILD = "\uffff"  # a name that only a wildcard, or what owns the folder, matches


def linked(ctx: Context, settings: Settings) -> tuple[str, ...]:
    """What of the main checkout `symlink` shows in every other one. Blocking."""
    source = ctx.repo.main or ctx.repo.toplevel
    if not source or not settings.symlink:
        return ()
    tracked = frozenset(history.files(ctx.control, repo.resolve(ctx.repo, "HEAD")))
    paths = [
        os.path.join(source, path) for path in chosen(source, settings.symlink, tracked, whole=True)
    ]
    return tuple(dict.fromkeys([*paths, *map(os.path.realpath, paths)]))


def bring(ctx: Context, settings: Settings, folder: str) -> str:
    """Copy and link from the main checkout what its user named; says what went wrong."""
    source = ctx.repo.main or ctx.repo.toplevel
    if not source:
        return ""
    tracked = frozenset(history.files(ctx.control, repo.resolve(ctx.repo, "HEAD")))
    try:
        for path in chosen(source, settings.symlink, tracked, whole=True):
            _place(source, folder, path, link=True)
        for path in chosen(source, settings.copy, tracked):
            _place(source, folder, path, link=False)
    except OSError as error:
        if error.errno in NO_SPACE:
            raise DiskFullError(
                f"no space left to copy files into {folder}",
                hint="free some space, then `wtman resume`",
            ) from error
        return f"cannot copy or link {error.filename or ''} into {folder}: {error.strerror}"
    return ""


def chosen(
    source: str, patterns: tuple[str, ...], tracked: frozenset[str], *, whole: bool = False
) -> Iterator[str]:
    """Paths below `source` that the patterns name and git does not carry.

    With `whole`, a folder that is named as a whole is one path and not searched.
    """
    if not patterns:
        return
    carrying = {path[:at] for path in tracked for at, char in enumerate(path) if char == "/"}
    plain = not any(pattern.startswith("!") for pattern in patterns)
    pending = [""]
    while pending:
        below = pending.pop()
        for entry in _entries(os.path.join(source, below)):
            path = f"{below}/{entry.name}" if below else entry.name
            if entry.name == ".git" or path in tracked:
                continue
            if entry.is_dir(follow_symlinks=False):
                named = matches(patterns, path) or matches(patterns, f"{path}/{_ANY_CHILD}")
                if whole and plain and named and path not in carrying:
                    yield path
                elif named or not _is_repository(entry.path):
                    pending.append(path)
            elif matches(patterns, path) or (
                # A link to a folder: `node_modules/` means it, too.
                entry.is_symlink() and matches(patterns, f"{path}/{_ANY_CHILD}")
            ):
                yield path


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except PermissionError:
        return []  # a database's own folder, say: what cannot be read cannot be brought along


def _is_repository(path: str) -> bool:
    return os.path.lexists(os.path.join(path, ".git"))


def _place(source: str, folder: str, path: str, *, link: bool) -> None:
    """Put one path of the main checkout into a checkout, unless something is there."""
    origin, target = os.path.join(source, path), os.path.join(folder, path)
    parent = os.path.dirname(target)
    # A branch may hold a link where the main checkout has a folder: never write through it.
    if not _real_folders(folder, os.path.dirname(path)) or os.path.lexists(target):
        return
    Path(parent).mkdir(parents=True, exist_ok=True)
    mode = os.lstat(origin).st_mode
    if link:
        os.symlink(origin, target)
    elif stat.S_ISLNK(mode):
        text = os.readlink(origin)
        if os.path.isabs(text) or _stays(path, text):
            os.symlink(text, target)
    elif stat.S_ISREG(mode):
        shutil.copy2(origin, target, follow_symlinks=False)


def _real_folders(folder: str, path: str) -> bool:
    """Whether each part of `path` below `folder` is a real folder, or not there yet."""
    here = folder
    for part in path.split("/") if path else ():
        here = os.path.join(here, part)
        try:
            mode = os.lstat(here).st_mode
        except FileNotFoundError:
            return True
        if not stat.S_ISDIR(mode):
            return False
    return True


def _stays(path: str, text: str) -> bool:
    """Whether a relative link at `path` points below the root, going by its words alone."""
    target = os.path.normpath(os.path.join(os.path.dirname(path), text))
    return not (target == ".." or target.startswith("../"))


def stamp(source: str, patterns: Sequence[str]) -> tuple[str, ...]:
    """What of the files that `copy` and `symlink` bring along decides a check's result."""
    marks = []
    for path in chosen(source, tuple(patterns), frozenset(), whole=True):
        facts = os.lstat(os.path.join(source, path))
        marks.append(f"{shlex.quote(path)} {facts.st_size} {facts.st_mtime_ns}")
    return tuple(marks)
