"""Which repository a command means."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from wtman.coordinator.home import Home, no_run
from wtman.git.discovery import Repository, discover
from wtman.git.disk import on_network
from wtman.journal.store import Store


def repository(ctx: typer.Context, directory: str) -> Repository:
    """The repository of -C, of the command or of `wtman` itself, else of the current folder."""
    outer = ctx.find_root().obj or {}
    return discover(os.path.join(os.getcwd(), outer.get("directory", ""), directory))


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
