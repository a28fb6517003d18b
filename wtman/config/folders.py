"""Where the worktrees of a repository go when nobody said so."""

import os
from collections.abc import Mapping

from wtman.errors import MissingError


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


_HOME_PARTS = {"CONFIG": ".config", "STATE": ".local/state"}


def xdg_folder(kind: str, environ: Mapping[str, str]) -> str:
    """wtman's folder of a kind ("CONFIG", "STATE"); empty where there is no home to put it in."""
    base = environ.get(f"XDG_{kind}_HOME", "")
    if not base.startswith("/"):  # the rules: what is not absolute is ignored
        home = environ.get("HOME", "")
        if not home.startswith("/"):
            return ""
        base = f"{home.rstrip('/')}/{_HOME_PARTS[kind]}"
    return f"{base.rstrip('/')}/wtman"
