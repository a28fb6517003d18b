"""What makes a bare checkout fit for work: files that git does not carry, and setup commands.

Serves the worktrees of tasks and the checkouts of checks alike. It promises to
write only below the folder that it is given, and never over a file that is there;
a symbolic link is copied as a link and followed nowhere. A setup that fails is a
sentence, not an exception.

A setup command runs what the branch says (`npm ci`, `pip install -e .`), so what it may
reach depends on who may have written the tree:
- the base itself, where no session has worked (`trusted`): the main checkout and the
  repository, read-only, and the network;
- any other tree, and every check checkout, so that base and branch are judged alike: the
  network, and of the main checkout only what `symlink` points at; a command whose text
  says WTMAN_ROOT has the main checkout without its git, read-only, and no network.
Nobody sees wtman's own folder in the repository: HOMEs of others, logs, results. The tier
`none` holds nothing of this.
"""

import errno
import os
import shlex
import shutil
import stat
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from wtman.agents import Needs
from wtman.context import Context
from wtman.core.globs import matches
from wtman.core.model import (
    Command,
    Exit,
    ExitReason,
    Identity,
    RunId,
    Settings,
    TaskId,
    Work,
)
from wtman.core.ran import Ran, ending, excerpt
from wtman.core.runners import argv
from wtman.environment import SCRATCH, furnish_home, surroundings
from wtman.errors import DiskFullError, WtmanError
from wtman.git import control, private, repo
from wtman.git.discovery import Repository
from wtman.sandbox import USUAL, Reach

# Ten ports each, below the range from which the kernel hands out its own.
_FIRST_PORT, _PORT_BLOCKS, _CHECK_BLOCKS = 20000, 1200, 70
_TAIL = 16 * 1024  # bytes of each stream that are looked at for an excerpt
_UNITTEST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "witness", "unittest_junit.py")
_ROOT = "WTMAN_ROOT"
_ANY_CHILD = "\uffff"  # a name that only a wildcard, or what owns the folder, matches


async def furnish(
    ctx: Context,
    settings: Settings,
    folder: str,
    *,
    task: TaskId,
    branch: str,
    home: str,
    port: int = 0,
    trusted: bool = False,
) -> str:
    """Copy, link and set up what a checkout needs; says what went wrong, or nothing.

    `trusted`: nothing in the folder is an agent's work. `home` is the HOME of the setup
    commands, made where missing: that of what runs in the checkout afterwards, for some
    installers leave half of what they make there.
    """
    if settings.copy or settings.symlink:
        problem = await ctx.git(_bring_files, ctx, settings, folder)
        if problem:
            return str(problem)
    if not settings.setup:
        return ""
    await ctx.git(make_home, ctx, home)
    named = {
        "WTMAN_RUN": ctx.run,
        "WTMAN_TASK": task,
        "WTMAN_BRANCH": branch,
        "WTMAN_WORKTREE": folder,
        "WTMAN_PORT": str(port or port_of(ctx.run, task)),
        _ROOT: ctx.repo.main or ctx.repo.toplevel,
    }
    shown = (*await ctx.git(git_folders, ctx), *await ctx.git(linked, ctx, settings))
    for text in settings.setup:
        reach = _reach(ctx, text, folder, shown, trusted=trusted)
        online = reach.network == "on"
        given = surroundings(ctx.sandbox.name, ctx.environ, home, settings.env, online=online)
        env = {**given.env, **named}
        reach = replace(
            reach,
            read=(*reach.read, *given.read),
            home=env.get("HOME", ""),
            scratch=os.path.join(home, SCRATCH),
        )
        ran = await run_text(ctx, settings, Spoken(text, folder, env, reach, f"setup/{task}"))
        problem = ending(ran)
        if problem:
            said = f"\n{ran.output}" if ran.output else ""
            return f"`{text}`: {problem}{_kept_from(ctx, reach)}{said}"
    return ""


def _reach(
    ctx: Context,
    text: str,
    folder: str,
    shown: tuple[str, ...],
    *,
    trusted: bool,
) -> Reach:
    """What one setup command may touch, its HOME apart (see the head of this file)."""
    root, common = ctx.repo.main or ctx.repo.toplevel, ctx.repo.common_dir
    given = Reach(read=shown, write=(folder,), limits=USUAL)
    if trusted:
        # A worktree's git leads to the repository.
        read = tuple(path for path in (root, common, *shown) if path)
        return replace(given, read=read, hide=(ctx.repo.wtman_dir,))
    if _ROOT not in text or not root:
        return given
    hide = (os.path.join(root, ".git"), common)
    return replace(given, read=(root, *shown), hide=hide, network="off")


def _kept_from(ctx: Context, reach: Reach) -> str:
    """A word on the network, for whoever wonders why it was not there."""
    if reach.network == "on" or ctx.sandbox.name == "none":
        return ""
    return f" (what names {_ROOT} has no network here: fetch in a command of its own)"


def make_home(ctx: Context, home: str, needs: Needs | None = None) -> None:
    """Make a private HOME, where the tier has one, for an agent of these needs. Blocking."""
    if ctx.sandbox.name == "none" and needs in (None, Needs()):
        return
    furnish_home(home, ctx.environ, needs, _identity(ctx.repo))


@cache
def _identity(of: Repository) -> Identity | None:
    try:
        return repo.identity(of)
    except WtmanError:
        return None  # nobody in particular: who commits in there will be told by git


def git_folders(ctx: Context) -> tuple[str, ...]:
    """Where the repository's objects are, for a `.git` that borrows them. Blocking."""
    objects = os.path.join(ctx.repo.common_dir, "objects")
    return (objects, *private.alternates(objects))


def linked(ctx: Context, settings: Settings) -> tuple[str, ...]:
    """What of the main checkout `symlink` shows in every other one. Blocking."""
    source = ctx.repo.main or ctx.repo.toplevel
    if not source or not settings.symlink:
        return ()
    tracked = frozenset(control.files(ctx.control, repo.resolve(ctx.repo, "HEAD")))
    paths = [
        os.path.join(source, path) for path in chosen(source, settings.symlink, tracked, whole=True)
    ]
    return tuple(dict.fromkeys([*paths, *map(os.path.realpath, paths)]))


def port_of(run: RunId, task: str, among: Iterable[str] = ()) -> int:
    """The first of ten ports for a task: the same at every call, unlikely to be another run's.

    With `among`, the run's tasks in order, no two of them share a block; a task
    that is added at the end moves no other.
    """
    taken: set[int] = set()
    for name in (*among, task):
        block = zlib.crc32(f"{run}/{name}".encode()) % _PORT_BLOCKS
        while block in taken and len(taken) < _PORT_BLOCKS:
            block = (block + 1) % _PORT_BLOCKS
        if name == task:
            return _FIRST_PORT + 10 * block
        taken.add(block)
    raise AssertionError("unreachable: the task is the last name")


def check_port(run: RunId, slot: int) -> int:
    """The first of ten ports for a check checkout, in a range that no task gets."""
    block = (zlib.crc32(run.encode()) + slot) % _CHECK_BLOCKS
    return _FIRST_PORT + 10 * (_PORT_BLOCKS + block)


# --- commands ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spoken:
    """A command text (SPEC section 4) with all that running it needs. `label` names its log."""

    text: str
    folder: str
    env: dict[str, str]
    reach: Reach
    label: str
    junit: str = ""


async def run_text(ctx: Context, settings: Settings, spoken: Spoken) -> Ran:
    """Run a command text to its end, in the sandbox, with its output in the run's evidence."""
    log = fresh_folder(ctx, spoken.label)
    try:
        words = argv(spoken.text, spoken.junit, _UNITTEST)
    except ValueError as error:
        return Ran(Exit(ExitReason.UNSTARTED, detail=f"it cannot be split into words: {error}"))
    if not words:
        return Ran(Exit(ExitReason.UNSTARTED, detail="it names no program"))
    command = Command(argv=words, cwd=spoken.folder, env=spoken.env)
    work = Work(
        id=f"{ctx.run}/{os.path.relpath(log, ctx.folder)}",
        command=ctx.sandbox.wrap(command, spoken.reach),
        folder=log,
        timeout=settings.check_timeout,
        grace=settings.grace,
    )
    end = await ctx.executor.run(work)
    out, err = (_last(os.path.join(log, name)) for name in ("stdout", "stderr"))
    return Ran(
        exit=end,
        output=excerpt(out, err),
        log=os.path.relpath(log, ctx.folder),
        limit=settings.check_timeout,
    )


def fresh_folder(ctx: Context, label: str) -> str:
    """A new folder for evidence: a Work whose folder holds an end would not run again."""
    parts = [part for part in label.split("/") if part not in ("", ".", "..")]
    number = 1
    while True:
        path = f"{ctx.below(*parts)}-{number}"
        try:
            os.mkdir(path, mode=0o700)
        except FileExistsError:
            number += 1
        else:
            return path


def _last(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - _TAIL))
            return stream.read(_TAIL)
    except OSError:
        return b""


# --- files -------------------------------------------------------------------------------------


def _bring_files(ctx: Context, settings: Settings, folder: str) -> str:
    """Copy and link from the main checkout what its user named; says what went wrong."""
    source = ctx.repo.main or ctx.repo.toplevel
    if not source:
        return ""
    tracked = frozenset(control.files(ctx.control, repo.resolve(ctx.repo, "HEAD")))
    try:
        for path in chosen(source, settings.symlink, tracked, whole=True):
            _place(source, folder, path, link=True)
        for path in chosen(source, settings.copy, tracked):
            _place(source, folder, path, link=False)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
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
