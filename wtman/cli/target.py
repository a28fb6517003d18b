"""Which repository a command means, and which file, from where its user stands."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import typer

from wtman import files
from wtman.config.trust import approved_texts
from wtman.coordinator.home import Home, no_run
from wtman.errors import MissingError
from wtman.git.discovery import Repository, common_dir_of, discover
from wtman.git.disk import on_network
from wtman.journal.store import Store


def repository(ctx: typer.Context, directory: str) -> Repository:
    """The repository of -C, of the command or of `wtman` itself, else of the current folder."""
    place = folder(ctx, directory)
    given = os.environ.get("GIT_DIR", "")
    try:
        found = discover(place)
    except MissingError as error:
        if given:
            error.hint = "wtman does not follow GIT_DIR: name a checkout whose .git leads there"
        raise
    if given and os.path.realpath(place) == os.path.realpath(files.working_folder()):
        _require_same(found, given)
    return replace(found, approved=approved_texts(os.environ, found.common_dir))


def _require_same(found: Repository, given: str) -> None:
    """Refuse a GIT_DIR that means another repository than the folder: which one is wanted?

    A hook of git has one that means the same.
    """
    if common_dir_of(os.path.realpath(given)) != found.common_dir:
        raise MissingError(
            f"GIT_DIR names {given}, which is not the repository of this folder "
            f"({found.toplevel or found.common_dir}): wtman does not follow GIT_DIR",
            hint="unset GIT_DIR; or name a checkout whose .git leads there: -C DIR",
        )


def folder(ctx: typer.Context, directory: str) -> str:
    """The folder that a command works in."""
    outer = ctx.find_root().obj or {}
    return os.path.join(files.working_folder(), outer.get("directory", ""), directory)


def command(ctx: typer.Context) -> str:
    """The command as its user typed it."""
    return shlex.join(["wtman", *(ctx.find_root().obj or {}).get("words", ())])


def path_of(name: str) -> str:
    """What the user calls `name`; nothing stays nothing."""
    return name and os.path.join(files.working_folder(), name)


def typed(path: str) -> str:
    """A path as the user would type it here."""
    return shlex.quote(os.path.relpath(path) if files.working_folder() else path)


@contextmanager
def journal(ctx: typer.Context, directory: str) -> Iterator[Home]:
    """The repository and its journal. Raises MissingError where no run was ever made."""
    repo = repository(ctx, directory)
    if not Store.exists(repo.wtman_dir):
        raise no_run(repo)
    with Store.open(repo.wtman_dir, network=on_network(repo.common_dir)) as store:
        if not store.runs():
            raise no_run(repo)
        yield Home(repo, store)
