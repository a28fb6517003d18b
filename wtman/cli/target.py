"""Which repository a command means, and which file, from where its user stands."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from wtman import files
from wtman.coordinator.home import Home, no_run
from wtman.git.discovery import Repository, discover
from wtman.git.disk import on_network
from wtman.journal.store import Store


def repository(ctx: typer.Context, directory: str) -> Repository:
    """The repository of -C, of the command or of `wtman` itself, else of the current folder."""
    return discover(folder(ctx, directory))


def folder(ctx: typer.Context, directory: str) -> str:
    """The folder that a command works in."""
    outer = ctx.find_root().obj or {}
    return os.path.join(files.working_folder(), outer.get("directory", ""), directory)


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
        raise no_run()
    with Store.open(repo.wtman_dir, network=on_network(repo.common_dir)) as store:
        if not store.runs():
            raise no_run()
        yield Home(repo, store)
