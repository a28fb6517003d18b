"""An agent that a user defined in the configuration, as `[agents.NAME]`."""

import re
from collections.abc import Mapping
from dataclasses import fields

from wtman.model.values import dataclass

# How its output is read: as that of an agent that wtman knows, as words, or not at all.
WORDS, STATUS = "text", "exit"
READ_LIKE = ("claude-json", "codex-json")
STREAMS = (*READ_LIKE, WORDS, STATUS)
# A place in a word, `{prompt}`, and what stands for the braces themselves, `{{prompt}}`.
PLACE = re.compile(r"\{\{([A-Za-z_][\w-]*)\}\}|\{([A-Za-z_][\w-]*)\}", re.ASCII)
PLACES = ("prompt", "prompt_file", "model", "session", "system", "worktree", "task", "options")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class AgentDefinition:
    """`command` is its argv, with places such as `{prompt_file}`; without one for the prompt it
    is fed on stdin.

    `model`, `resume`, `system` and `read_only` are options, put where `{options}` stands and
    else last: where a model is named, where a conversation goes on, for the text of a role,
    and in sessions that only read. `env` are variables that are handed in where set, or
    `NAME=VALUE`; `sign_in` variables and files (`~/...`) that sign in. `hosts` are its
    provider's, `provider` the one whose price list its models are in, `memory` MiB that one
    session takes.
    """

    command: tuple[str, ...] = ()
    stream: str = WORDS
    model: tuple[str, ...] = ()
    resume: tuple[str, ...] = ()
    system: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    sign_in: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    provider: str = ""
    memory: int = 0
    install: str = ""


def definition_texts(defined: Mapping[str, AgentDefinition]) -> dict[str, str]:
    """What an approval is of, by the place of each value in a file ("agents.mine.command")."""
    return {
        f"agents.{name}.{key.name}": f"agents.{name}.{key.name} = "
        + repr(list(value) if isinstance(value, tuple) else value)
        for name, definition in defined.items()
        for key in fields(definition)
        if (value := getattr(definition, key.name)) != key.default
    }


def is_agent_name(spec: str) -> bool:
    """Whether it is a name, of an agent of wtman's or one that is defined: anything else that
    can be said for an agent runs code of whoever says it."""
    return _NAME.fullmatch(spec) is not None
