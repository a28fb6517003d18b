"""Where the worktrees of a repository go, as configured or when nobody said so."""

import os
from collections.abc import Mapping

from wtman.errors import MissingError, UsageError
from wtman.git.discovery import Repository
from wtman.text.words import printable

_ELSEWHERE = "set worktrees to another folder, in wtman.toml or by WTMAN_WORKTREES"


def worktrees_folder(configured: str, repo: Repository, environ: Mapping[str, str]) -> str:
    """The folder for the worktrees of a repository; nothing is made.

    Raises UsageError for a configured one where git or the checkout would be in the way, and
    MissingError where this user can make none.
    """
    folder = configured or default_worktrees(repo.main or repo.common_dir, environ)
    shown, real = printable(folder), os.path.realpath(folder)
    for taken in (repo.main, repo.toplevel, repo.common_dir):
        if taken and (real + os.sep).startswith(taken.rstrip(os.sep) + os.sep):
            raise UsageError(
                f"worktrees: {shown} is inside {printable(taken)}, the repository itself",
                hint='name a folder outside of it: worktrees = "../NAME.worktrees"',
            )
    if "\n" in folder:
        raise MissingError(
            "git cannot keep worktrees in a folder whose name holds a newline", hint=_ELSEWHERE
        )
    place = real
    while not os.path.lexists(place) and os.path.dirname(place) != place:
        place = os.path.dirname(place)
    if not os.path.isdir(place):
        raise MissingError(f"worktrees: {printable(place)} is not a folder", hint=_ELSEWHERE)
    if not os.access(place, os.W_OK | os.X_OK) or real.startswith("/proc/"):
        raise MissingError(
            f"worktrees cannot be made in {shown}: {printable(place)} is not writable",
            hint=_ELSEWHERE,
        )
    return folder


def default_worktrees(toplevel_main: str, environ: Mapping[str, str]) -> str:
    """`../<repo>.worktrees`, or a folder of the user's own where that cannot be written, or
    where it would be untracked files of another checkout (a submodule, a nested repository).

    `toplevel_main` is the main checkout. The caller says which of the two it is;
    neither is made here.
    """
    main = os.path.realpath(toplevel_main)
    parent, name = os.path.split(main)
    if name:
        sibling = f"{main}.worktrees"
        is_there = os.path.lexists(sibling)
        if _writable(sibling if is_there else parent) and (is_there or not _in_checkout(parent)):
            return sibling
    state = xdg_folder("STATE", environ)
    if not state:
        raise MissingError(
            f"no folder for worktrees: {parent} cannot have one, and there is no home folder",
            hint="set `worktrees` in wtman.toml, or XDG_STATE_HOME",
        )
    from hashlib import sha256

    tail = sha256(os.fsencode(main)).hexdigest()[:10]
    return f"{state}/worktrees/{name or 'root'}-{tail}"


def _writable(folder: str) -> bool:
    return (
        os.path.isdir(folder)
        and not os.path.islink(folder)
        and os.access(folder, os.W_OK | os.X_OK)
    )


def _in_checkout(folder: str) -> bool:
    while not os.path.lexists(os.path.join(folder, ".git")):
        folder, below = os.path.dirname(folder), folder
        if folder == below:
            return False
    return True


_HOME_PARTS = {"CONFIG": ".config", "DATA": ".local/share", "STATE": ".local/state"}


def xdg_folder(kind: str, environ: Mapping[str, str]) -> str:
    """wtman's folder of a kind ("CONFIG", "DATA", "STATE"); empty where there is no home for it."""
    base = environ.get(f"XDG_{kind}_HOME", "")
    if not base.startswith("/"):  # the rules: what is not absolute is ignored
        home = environ.get("HOME", "")
        if not home.startswith("/"):
            return ""
        base = f"{home.rstrip('/')}/{_HOME_PARTS[kind]}"
    return f"{base.rstrip('/')}/wtman"
