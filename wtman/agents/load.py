"""Agents found by name: the shipped ones and a user's own."""

import os
from importlib import import_module

from wtman.agents import Agent
from wtman.errors import UsageError
from wtman.formats.shell_words import with_home

_SHIPPED = ("api", "claude", "codex", "command", "replay")


def load(spec: str) -> Agent:
    """The agent that `NAME`, `NAME:ARGUMENT` or `package.module:attribute` names."""
    name, colon, argument = spec.partition(":")
    if "." in name:
        return _load_outside(spec, name, argument if colon else "make")
    unknown = UsageError(
        f"there is no agent {spec!r}",
        hint=f"known: {', '.join(known())}; or command:ARGV for any program, "
        "or package.module:attribute",
    )
    if name not in _SHIPPED:
        raise unknown
    if name == "command":
        argument = with_home(argument, os.path.expanduser("~"))
    made: Agent = import_module(f"wtman.agents.{name}").make(argument)
    return made


def _load_outside(spec: str, module: str, attribute: str) -> Agent:
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, TypeError) as error:  # TypeError: a leading dot
        raise UsageError(
            f"there is no agent {spec!r}: {error}", hint="is its package installed beside wtman?"
        ) from error
    made: Agent = found() if callable(found) else found
    return made


def known() -> tuple[str, ...]:
    """The names of the shipped agents."""
    return _SHIPPED
