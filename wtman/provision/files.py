"""Files that a checkout needs and git does not carry: copied and linked."""

import os
import shlex
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from wtman.context import Context
from wtman.errors import machine_error
from wtman.formats.gitignore import matches
from wtman.git import repo
from wtman.git.objects import history
from wtman.model.settings import Settings
from wtman.sandbox import programs, system

_ANY_CHILD = "\uffff"  # a name that only a wildcard, or what owns the folder, matches


def linked(ctx: Context, settings: Settings) -> tuple[str, ...]:
    """What of the main checkout `symlink` shows in every other one. Blocking.

    A virtual environment comes with the interpreter that it was made of.
    """
    source = ctx.repo.main or ctx.repo.toplevel
    if not source or not settings.symlink:
        return ()
    tracked = frozenset(history.files(ctx.control, repo.resolve(ctx.repo, "HEAD")))
    paths = [
        os.path.join(source, path) for path in chosen(source, settings.symlink, tracked, whole=True)
    ]
    path = ctx.environ.get("PATH", os.defpath)
    bases = (base for folder in paths for base in programs.of_environment(folder, path))
    return tuple(dict.fromkeys([*paths, *map(os.path.realpath, paths), *bases]))


def bring(
    ctx: Context, settings: Settings, folder: str, tell: Callable[[str], None] = lambda text: None
) -> str:
    """Copy and link from the main checkout what its user named; says what went wrong.

    `tell` is given a sentence on each link whose content what runs in `folder` cannot read.
    """
    source = ctx.repo.main or ctx.repo.toplevel
    if not source:
        return ""
    tracked = frozenset(history.files(ctx.control, repo.resolve(ctx.repo, "HEAD")))
    confined = ctx.sandbox.name != "none"
    links = []
    try:
        for path in chosen(source, settings.symlink, tracked, whole=True):
            origin = os.path.join(source, path)
            if not os.path.exists(origin):
                tell(f"{path} is a link to {os.readlink(origin)}, which does not exist")
            _place(source, folder, path, link=True)
        for path in chosen(source, settings.copy, tracked):
            if os.path.islink(os.path.join(source, path)):
                links.append(path)
            else:
                _place(source, folder, path, link=False)
        for path in links:  # last, because they may lead to what is copied
            tell_of = _place_link(source, folder, path, confined=confined)
            if tell_of:
                tell(tell_of)
    except OSError as error:
        if refusal := machine_error(error, f"cannot copy files into {folder}"):
            raise refusal from error
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
    if not _is_free(folder, path):
        return
    if link:
        os.symlink(origin, target)
    elif stat.S_ISREG(os.lstat(origin).st_mode):
        shutil.copy2(origin, target, follow_symlinks=False)


def _place_link(source: str, folder: str, path: str, *, confined: bool) -> str:
    """Put a link of the main checkout into a checkout; says so where it cannot be followed.

    What it leads to in the main checkout, which no session sees, comes along as a copy, unless
    the checkout has it itself. A link that leads out of there stays one.
    """
    origin, target = os.path.join(source, path), os.path.join(folder, path)
    if not _is_free(folder, path):
        return ""
    text, end = os.readlink(origin), os.path.realpath(origin)
    inner = os.path.relpath(end, os.path.realpath(source))
    if not os.path.exists(origin):
        if not os.path.isabs(text) and _stays(path, text):
            os.symlink(text, target)
        return f"{path} is a link to {text}, which does not exist"
    if inner == ".." or inner.startswith("../"):
        os.symlink(text if os.path.isabs(text) else end, target)
        if confined and not system.holds(end):
            return (
                f"{path} is a link to {end}, outside of the repository, which the sandbox "
                "does not show: put a copy of the file in the place of the link"
            )
        return ""
    if inner == "." or inner.split("/")[0] == ".git" or inner == os.path.dirname(path):
        return f"{path} is a link to {text}, which is not brought along"
    if os.path.exists(os.path.join(folder, inner)):
        os.symlink(os.path.relpath(inner, os.path.dirname(path)), target)
    elif os.path.isdir(end):
        shutil.copytree(end, target, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    elif os.path.isfile(end):
        shutil.copy2(end, target)
    return ""


def _is_free(folder: str, path: str) -> bool:
    """Whether something may be put at `path` below `folder`; its parents are made then."""
    # A branch may hold a link where the main checkout has a folder: never write through it.
    target = os.path.join(folder, path)
    if not _real_folders(folder, os.path.dirname(path)) or os.path.lexists(target):
        return False
    Path(os.path.dirname(target)).mkdir(parents=True, exist_ok=True)
    return True


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
        place = os.path.join(source, path)
        # Of a link what counts is where it leads, and what is there.
        facts, text = os.lstat(place), ""
        if stat.S_ISLNK(facts.st_mode):
            text = f" {shlex.quote(os.path.realpath(place))}"
            facts = os.stat(place) if os.path.exists(place) else facts
        marks.append(f"{shlex.quote(path)} {facts.st_size} {facts.st_mtime_ns}{text}")
    return tuple(marks)
