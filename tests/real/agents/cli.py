"""The coding agents of the battery: how each is signed in, and how it is made to do something.

A `Cli` is all that a test needs to know of one. Its provider is the ledger, which speaks its
API; what it then does is a call of one of its own tools.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.apiagent.server import Turn
from tests.real.ledger import Asked, shell, tool, words, writes

Texts = Callable[[str, str], Mapping[str, str]]


def none(address: str, key: str) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class Cli:
    """One agent. `env` and `files` (below the HOME) are a signed-in user's, for an address and
    a key; `writes` has it write a file of its worktree, `shell` has it run a command.

    `resumes`: whether it goes on with its conversation; `priced`: whether money is known of
    `model`; `sign_in`: a word of what a user is told to do about a refused key, `refused` a word
    of why it was; `patience`: seconds in which it has been refused by a provider that fails for
    good; `leave`: the keys that end its interactive mode, empty where it goes on with no
    conversation there; `caches`: whether it tells what came from a cache; `tools`: whether it has
    any: without them a session asks once, and runs no command.
    """

    name: str
    model: str
    env: Texts
    writes: Callable[[Asked, str, str], Turn]
    shell: Callable[[Asked, str], Turn]
    files: Texts = none
    resumes: bool = True
    priced: bool = True
    sign_in: str = ""
    refused: str = "invalid x-api-key"
    patience: int = 45
    leave: str = ""
    caches: bool = True
    tools: bool = True
    more: tuple[str, ...] = field(default=())  # flags of wtman's

    def __str__(self) -> str:
        return self.name


GEMINI = Cli(
    name="gemini",
    model="gemini-2.5-pro",
    env=lambda address, key: {"GEMINI_API_KEY": key, "GOOGLE_GEMINI_BASE_URL": address},
    writes=lambda asked, path, content: tool(
        asked, "write_file", file_path=path, content=f"{content}\n"
    ),
    shell=lambda asked, command: tool(asked, "run_shell_command", command=command),
    sign_in="GEMINI_API_KEY",
    leave="\x03\x03",
)

PI = Cli(
    name="pi",
    model="anthropic/claude-sonnet-4-5",
    env=lambda address, key: {"ANTHROPIC_API_KEY": key},
    files=lambda address, key: {
        ".pi/agent/models.json": json.dumps({"providers": {"anthropic": {"baseUrl": address}}})
    },
    writes=lambda asked, path, content: tool(asked, "write", path=path, content=f"{content}\n"),
    shell=lambda asked, command: tool(asked, "bash", command=command),
    sign_in="API key",
    leave="\x04",
)

OPENCODE = Cli(
    name="opencode",
    model="anthropic/claude-sonnet-4-5",
    env=lambda address, key: {"ANTHROPIC_API_KEY": key},
    files=lambda address, key: {
        ".config/opencode/opencode.json": json.dumps(
            {"provider": {"anthropic": {"options": {"baseURL": f"{address}/v1"}}}}
        )
    },
    writes=lambda asked, path, content: tool(asked, "write", filePath=path, content=f"{content}\n"),
    shell=lambda asked, command: tool(asked, "bash", command=command, description="x"),
    sign_in="API key",
    patience=90,  # its start takes long where the machine is busy, and it never gives up
    leave="\x03",
)


def _written_by_copilot(asked: Asked, path: str, content: str) -> Turn:
    """By its tool, which only makes what is not there yet; else by a command."""
    if asked.turn == 0:
        return tool(asked, "create", path=path, file_text=f"{content}\n")
    return _run_by_copilot(asked, f"printf '%s\\n' '{content}' > '{path}'")


def _run_by_copilot(asked: Asked, command: str) -> Turn:
    return tool(asked, "bash", command=command, description="x")


COPILOT = Cli(
    name="copilot",
    model="anthropic/claude-sonnet-4-5",
    env=lambda address, key: {
        "COPILOT_PROVIDER_TYPE": "anthropic",
        "COPILOT_PROVIDER_BASE_URL": address,
        "COPILOT_PROVIDER_API_KEY": key,
    },
    writes=_written_by_copilot,
    shell=_run_by_copilot,
    sign_in="COPILOT_GITHUB_TOKEN",
    refused="Authentication failed with provider",
)


def _written_by_aider(asked: Asked, path: str, content: str) -> Turn:
    return words(asked, f"I write it.\n\n{path}\n```\n{content}\n```\n")


def _written_by_qwen(asked: Asked, path: str, content: str) -> Turn:
    """Its tool takes absolute paths alone, of files that are new or were read; it says in which
    folder it is. Else by a command."""
    if asked.turn:
        return _run_by_qwen(asked, f"printf '%s\\n' '{content}' > '{path}'")
    place = re.search(r"working in the directory: (/[^\s\"\\]+)", json.dumps(asked.body))
    assert place, asked.body
    return tool(asked, "write_file", file_path=f"{place[1]}/{path}", content=f"{content}\n")


def _run_by_qwen(asked: Asked, command: str) -> Turn:
    return tool(asked, "run_shell_command", command=command, is_background=False)


AIDER = Cli(
    name="aider",
    model="openai/gpt-4o",
    env=lambda address, key: {
        "OPENAI_API_KEY": key,
        "OPENAI_API_BASE": f"{address}/v1",
        "AIDER_EDIT_FORMAT": "whole",
    },
    writes=_written_by_aider,
    shell=lambda asked, command: words(asked, f"I would run `{command}`"),
    resumes=False,
    sign_in="OPENAI_API_KEY",
    patience=90,  # a minute of tries, after a long start
    caches=False,
    tools=False,
)

QWEN = Cli(
    name="qwen",
    model="qwen3-coder-plus",
    env=lambda address, key: {"OPENAI_API_KEY": key, "OPENAI_BASE_URL": f"{address}/v1"},
    writes=_written_by_qwen,
    shell=_run_by_qwen,
    priced=False,
    sign_in="OPENAI_API_KEY",
    patience=150,  # seven tries, more than a minute, and a long start
    leave="\x03\x03",
)

CLIS = (GEMINI, PI, OPENCODE, COPILOT, AIDER, QWEN)

# These have a battery of their own, in the folder above.
CLAUDE = Cli(
    name="claude",
    model="claude-opus-5-5",
    env=lambda address, key: {"ANTHROPIC_API_KEY": key, "ANTHROPIC_BASE_URL": address},
    writes=writes,
    shell=shell,
)

CODEX = Cli(
    name="codex",
    model="gpt-5.4",
    env=lambda address, key: {"OPENAI_API_KEY": key, "OPENAI_BASE_URL": f"{address}/v1"},
    writes=writes,
    shell=shell,
)

SEVEN = (CLAUDE, CODEX, GEMINI, PI, OPENCODE, COPILOT, AIDER)
