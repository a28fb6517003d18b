"""Agents found by name: the shipped ones and a user's own."""

import os
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from wtman.agents import Agent
from wtman.errors import UsageError
from wtman.formats.shell_words import with_home
from wtman.model.agent_definition import READ_LIKE, AgentDefinition
from wtman.text.words import did_you_mean, quoted

_SHIPPED = tuple("aider api claude codex command copilot gemini opencode pi qwen replay".split())


def load(spec: str, defined: Mapping[str, AgentDefinition] = MappingProxyType({})) -> Agent:
    """The agent that `NAME`, `NAME:ARGUMENT` or `package.module:attribute` names, or a name of
    those that the user has `defined`."""
    name, colon, argument = spec.partition(":")
    if spec in defined:
        from wtman.agents.defined import make

        own = defined[spec]
        like = own.stream.removesuffix("-json") if own.stream in READ_LIKE else ""
        return make(spec, own, os.path.expanduser("~"), load(like) if like else None)
    if "." in name:
        return _load_outside(spec, name, argument if colon else "make")
    near = did_you_mean(name, (*known(), *defined))
    unknown = UsageError(
        f"there is no agent {quoted(spec)}{near}",
        hint=f"known: {', '.join((*known(), *defined))}; or command:ARGV for any program, "
        "or package.module:attribute, or define it: wtman help agents",
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
            f"there is no agent {spec!r}: {error}",
            hint="install its package beside wtman, or name another agent: --agent NAME",
        ) from error
    made: Agent = found() if callable(found) else found
    return made


def known() -> tuple[str, ...]:
    """The names of the shipped agents."""
    return _SHIPPED
