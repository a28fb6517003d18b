"""`wtman completion`: the completion of a shell, printed or put where the shell looks for it."""

import os
import sys
from typing import Annotated

import typer

from wtman import files
from wtman.cli.completion.scripts import SCRIPTS
from wtman.config.folders import xdg_folder
from wtman.errors import MissingError, UsageError, no_access
from wtman.text.words import quoted


def completion(
    shell: Annotated[
        str,
        typer.Argument(
            metavar="SHELL", show_default=False, help="bash, zsh or fish; default: that of $SHELL."
        ),
    ] = "",
    install: Annotated[
        bool, typer.Option("--install", help="Write it where the shell looks for it.")
    ] = False,
) -> int:
    """Print the completion of a shell for wtman and `git wtman`, or install it.

    It completes commands, options, runs, tasks, agents, flows, branches and topics.
    """
    name = shell or os.path.basename(os.environ.get("SHELL", ""))
    if name not in SCRIPTS:
        raise UsageError(
            f"there is no completion for the shell {quoted(name)}"
            if name
            else "which shell? $SHELL is not set",
            hint=f"name one: wtman completion {'|'.join(SCRIPTS)}",
        )
    if not install:
        sys.stdout.write(SCRIPTS[name])
        return 0
    places, more = _places(name)
    for path in places:
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            files.replace(path, SCRIPTS[name].encode(), mode=0o644)
        except OSError as error:
            raise no_access(error) from error
        print(f"wrote {path}")
    print(more)
    return 0


def _places(shell: str) -> tuple[tuple[str, ...], str]:
    """The files to write, and what else the user has to do."""
    again = "Open a new shell to use it."
    if shell == "fish":
        folder = os.path.join(_base("CONFIG"), "fish", "completions")
        return _both(folder, "wtman.fish", "git-wtman.fish"), again
    if shell == "bash":
        folder = os.path.join(_base("DATA"), "bash-completion/completions")
        paths = _both(folder, "wtman", "git-wtman")
        return paths, (
            f"{again} Without the package bash-completion, add to ~/.bashrc:\n  source {paths[0]}"
        )
    folder = os.path.join(os.environ.get("ZDOTDIR") or os.path.expanduser("~"), ".zfunc")
    return _both(folder, "_wtman"), (
        f"Unless ~/.zshrc has it already, add:\n"
        f"  fpath+=({folder}); autoload -Uz compinit; compinit\n"
        f"{again}"
    )


def _base(kind: str) -> str:
    """The user's folder of a kind, of which programs have folders of their own."""
    folder = os.path.dirname(xdg_folder(kind, os.environ))
    if not folder:
        raise MissingError(
            "there is no home folder to write to",
            hint="print it instead: wtman completion SHELL",
        )
    return folder


def _both(folder: str, *names: str) -> tuple[str, ...]:
    return tuple(os.path.join(folder, name) for name in names)
