"""The text of a command: its words, and what is filled in."""

import shlex
from collections.abc import Mapping

from wtman.formats.shell_words import with_home
from wtman.model.check import CheckCommand

JUNIT = "{junit}"


def argv(command: str, fill: Mapping[str, str], home: str = "") -> tuple[str, ...]:
    """What to execute: `command:ARGV` split like a shell would, else `sh -c`.

    `fill` says what each mark in the text stands for, `home` what `~/` does.
    """
    if command.startswith("command:"):
        words = shlex.split(with_home(command.removeprefix("command:"), home))
        return tuple(_filled(word, fill) for word in words)
    quoted = {mark: shlex.quote(place) for mark, place in fill.items()}
    return ("/bin/sh", "-c", _filled(command, quoted))


def _filled(text: str, fill: Mapping[str, str]) -> str:
    for mark, place in fill.items():
        text = text.replace(mark, place)
    return text


def by_hand(commit: str, command: str) -> str:
    """A line for the shell that runs a command on a commit, beside the user's checkout."""
    place = f"../reproduce-{commit[:12]}"
    shown = f"git worktree add --detach {place} {commit[:12]}"
    if not command:
        return shown
    check = CheckCommand.of(command)
    # The file of results goes into that folder; nobody has to make a place for it.
    run = check.run.removeprefix("command:").replace(JUNIT, "junit.xml")
    within = f"cd {shlex.quote(check.folder)} && " if check.folder else ""
    return f"{shown} && cd {place} && {within}({run})"
