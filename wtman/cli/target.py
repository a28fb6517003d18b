"""Which repository a command means, and which file, from where its user stands."""

import os
import re
import shlex
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pkgutil import iter_modules

import typer

from wtman import files
from wtman.cli import commands
from wtman.coordinator.home import MEANT, Home, a_run, chosen_run, no_run
from wtman.errors import MissingError
from wtman.git.discovery import Repository, common_dir_of, discover
from wtman.git.disk import on_network
from wtman.journal.state import State
from wtman.journal.store import Store
from wtman.model.ids import RunId
from wtman.model.states import RunKind


def repository(ctx: typer.Context, directory: str) -> Repository:
    """The repository of -C, of the command or of `wtman` itself, else of the current folder."""
    from wtman.config.trust import approved_texts

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


def run_of(
    home: Home,
    name: str,
    wanted: Callable[[State], bool] | None = None,
    quiet: bool = False,
    kinds: Collection[RunKind] = MEANT,
) -> RunId:
    """The run called `name`; without a name the one that is meant, with a line about others."""
    if name:
        return a_run(home, name)
    chosen = chosen_run(home, wanted, kinds)
    if chosen.why and not quiet:
        print(f"wtman: run {chosen.run}; {chosen.why}", file=sys.stderr, flush=True)
    return chosen.run


def here(text: str) -> str:
    """A text with its commands as they are typed where the user stands: with the -C that this
    command was given, and scripts by their path from here."""
    if place := files.working_folder():
        text = re.sub(rf"((?:\bwtman run|\bedit)\s+){re.escape(place)}/", r"\1", text)
    words = sys.argv[1:]
    words = words[: words.index("--")] if "--" in words else words
    given = [word for before, word in pairwise(words) if before == "-C"]
    given += [word[2:] for word in words if word.startswith("-C") and len(word) > 2]
    if not given:
        return text
    place = shlex.quote(os.path.join(*given))
    known = "|".join(module.name for module in iter_modules(commands.__path__))
    return re.sub(rf"\bwtman (?=(?:{known})\b)", lambda _: f"wtman -C {place} ", text)


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
