"""What the sandboxes have in common: how confine.py is called, and what they do to a Command."""

import os
from dataclasses import replace
from functools import cache

from wtman.execution.spawn import ISOLATED, program_of
from wtman.model.command import Command
from wtman.sandbox import confine, programs, system
from wtman.sandbox.policy import Limits, SandboxPolicy

# Set by what stands between the keeper and the command, where the command did not ask for it.
_OURS = ("LC_CTYPE", "PWD")
_TEMPORARY = ("TMPDIR", "TMP", "TEMP", "TEMPDIR")


def confined_by(mode: str, *words: str) -> tuple[str, ...]:
    """The start of a command line that goes through confine.py."""
    return (system.interpreter(), *ISOLATED, program_of(confine), mode, *words, "--")


def narrowed(command: Command, limits: Limits, terminal: bool) -> tuple[str, ...]:
    """Options of confine.py: limits, and what must not be added to the environment."""
    wanted = (
        ("--memory", limits.memory),
        ("--processes", limits.processes),
        ("--file", limits.file),
    )
    words = [word for name, value in wanted if value for word in (name, str(value))]
    for name in _OURS:
        if name not in command.env:
            words += ("--unset", name)
    if terminal:
        words += ("--terminal", "1")
    return tuple(words)


def placed(
    command: Command, policy: SandboxPolicy, temporary: str, argv: tuple[str, ...]
) -> Command:
    """The command as `argv`, with its HOME and its folder for temporary files."""
    env = {name: value for name, value in command.env.items() if name not in _TEMPORARY}
    if policy.home:
        env["HOME"] = policy.view.seen(policy.home)
    if temporary:
        env["TMPDIR"] = temporary
    return replace(command, argv=argv, env=env)


def needed(command: Command) -> tuple[str, ...]:
    """Where the programs of a command are, wtman's own interpreter and package included."""
    path = command.env.get("PATH", os.defpath)
    package = os.path.dirname(os.path.dirname(confine.__file__))
    return (*programs.needed(command.argv[0], path, command.cwd), *_interpreters(path), package)


@cache
def _interpreters(path: str) -> tuple[str, ...]:
    """What wtman's own interpreter needs: it stays while it runs."""
    return tuple(programs.of_file(system.interpreter(), path))
