"""One coding agent a file: how it is called, and how its stream is read.

An adapter is a fold without any I/O, so that usage, retries and quota are seen
live and a recorded transcript is a complete test:

    command(job) -> Command      begin() -> state
    step(state, line) -> state, activities      end(state, exit) -> Outcome

One whose CLI tells of refusals on stderr alone has `complains(state, line) -> state`, too: it
gets the lines of stderr after the whole stream.

A plug-in is a module with `make(argument: str) -> Agent`. Its file name is the
agent's name; `argument` is what follows the colon in `NAME:ARGUMENT`, mostly empty.
"""

import posixpath
from dataclasses import replace
from typing import Any, Literal, Protocol

from wtman.model.command import Command, Exit
from wtman.model.session import Job, Outcome, Usage
from wtman.model.values import dataclass
from wtman.prices import cost

_PROMPT = 50_000  # tokens
_ARGUMENT = 100_000  # bytes: Linux takes 128 KiB in one argument


@dataclass(frozen=True, slots=True)
class Activity:
    """Something a session did, for people to see. `usage` is what it has used so far.

    `retry` is a provider's word that it is too much (429, 529): `wait` is for how many
    seconds, 0 where the stream does not say.
    """

    kind: Literal["says", "does", "usage", "retry"]
    text: str = ""
    usage: Usage | None = None
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class Needs:
    """What an agent needs of its user's surroundings, all by name.

    `program` is looked up on PATH (empty: the agent is no program of its own, or any).
    `secrets` are variables that sign in, most preferred first; `env` others that are handed
    in where set (endpoints, model names). `files` are paths below the user's HOME that are
    copied into a session's own HOME, read-only. `hosts` are its provider's, for a network
    that allows only some; `endpoints` are those of `env` that name the provider's address
    where it is another one. `version` is what prints it. `memory` is what one session takes at
    its peak, in MiB: 0 is not known.
    """

    program: str = ""
    version: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    install: str = ""  # how a user gets it, one line
    sign_in: str = ""  # how a user signs in, one line
    memory: int = 0


class Agent(Protocol):
    """An adapter. Its state is its own affair: whoever folds only hands it back."""

    @property
    def name(self) -> str: ...

    @property
    def resumes(self) -> bool:
        """Whether it can go on with its own conversation (`Job.resume`)."""
        ...

    @property
    def priced(self) -> bool:
        """Whether its usage comes with money; else `provider`, if it has one, names a price
        list for its tokens (`with_cost`)."""
        ...

    @property
    def needs(self) -> Needs:
        """What it needs to be handed in."""
        ...

    @property
    def structured(self) -> bool:
        """Whether it can be held to a JSON schema (`Job.schema`) by itself."""
        ...

    def command(self, job: Job) -> Command: ...

    def begin(self) -> Any: ...

    def step(self, state: Any, line: bytes) -> tuple[Any, tuple[Activity, ...]]:
        """Take one line of its stdout, without its end; any bytes."""
        ...

    def end(self, state: Any, exit: Exit) -> Outcome: ...


def tells_tokens(agent: Agent) -> bool:
    """Whether its stream says how many tokens a session used; one that does not says so by
    an attribute `metered` that is False."""
    return bool(getattr(agent, "metered", True))


def gives_answers(agent: Agent) -> bool:
    """Whether what it says can be read; one whose exit status is all it says so by an attribute
    `answers` that is False."""
    return bool(getattr(agent, "answers", True))


def lacks(agent: Agent) -> tuple[str, ...]:
    """What it cannot do, in words behind "it cannot"."""
    able = {
        "resume a conversation": agent.resumes,
        "be attached to": hasattr(agent, "attach"),
        "tell tokens": tells_tokens(agent),
        "answer (plan, review)": gives_answers(agent),
    }
    return tuple(words for words, can in able.items() if not can)


def shares_prefix(agent: Agent) -> bool:
    """Whether its sessions of one role begin their requests alike, with more than a provider's
    cache takes in at least; one whose do says so by an attribute of this name."""
    return bool(getattr(agent, "shares_prefix", False))


def with_cost(agent: Agent, model: str, usage: Usage) -> Usage:
    """The usage, with its money by the price list of the agent's `provider` where it tells none;
    an agent of many providers has them in the names of its models, as in `openai/gpt-5`.

    Its stream tells the sum of many requests, each far below the price of a long prompt.
    """
    provider = str(getattr(agent, "provider", ""))
    if not provider:
        provider, _, model = model.rpartition("/") if model.count("/") == 1 else ("", "", "")
    if usage.usd is not None or not usage.tokens or not provider or not model:
        return usage
    requests = usage.input_tokens // _PROMPT + 1
    return replace(usage, usd=cost(provider, model, usage, requests=requests))


def tells_cost(agent: Agent, model: str) -> bool:
    """Whether it is known what its sessions cost: by its stream, or by its model's price."""
    return agent.priced or with_cost(agent, model, Usage(1)).usd is not None


def anchored(spec: str, folder: str) -> str:
    """The spec with the file that it names made absolute, from where the user said it.

    Sessions start in worktrees, and a resume may come from elsewhere.
    """
    name, _, argument = spec.partition(":")
    if name != "replay" or not argument:
        return spec
    return f"{name}:{posixpath.normpath(posixpath.join(folder, argument))}"


def way_in(prompt: str, file: str) -> str:
    """The prompt as one argument; of one that is too long, where it is to be read."""
    if len(prompt.encode("utf-8", "replace")) <= _ARGUMENT:
        return prompt
    return f"Your task is in the file {file}. Read all of it first, then do what it says."


def text_of(line: bytes, most: int = 400) -> str:
    """A line of a stream as one line of text, cut; what a terminal may show is ui's affair."""
    text = " ".join(line[: most * 4].decode("utf-8", "replace").split())
    return text if len(text) <= most else text[: most - 1] + "…"
