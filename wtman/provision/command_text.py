"""The text of a command: its words, and what is filled in."""

import shlex

JUNIT = "{junit}"


UNITTEST = "{wtman-unittest}"  # the program in `witness/` that speaks for unittest


def argv(command: str, junit: str, unittest: str = "") -> tuple[str, ...]:
    """What to execute: `command:ARGV` split like a shell would, else `sh -c`."""
    places = {JUNIT: junit, UNITTEST: unittest}
    if command.startswith("command:"):
        words = shlex.split(command.removeprefix("command:"))
        return tuple(_filled(word, places) for word in words)
    return ("/bin/sh", "-c", _filled(command, {k: shlex.quote(v) for k, v in places.items()}))


def _filled(text: str, places: dict[str, str]) -> str:
    for mark, place in places.items():
        text = text.replace(mark, place)
    return text


def by_hand(commit: str, command: str) -> str:
    """A line for the shell that runs a command on a commit, beside the user's checkout."""
    place = f"../reproduce-{commit[:12]}"
    shown = f"git worktree add --detach {place} {commit[:12]}"
    if not command:
        return shown
    # The file of results goes into that folder; nobody has to make a place for it.
    command = command.removeprefix("command:").replace(JUNIT, "junit.xml")
    return f"{shown} && cd {place} && ({command})"
