"""One coding agent a file: how it is called, and how its stream is read.

An adapter is a fold without any I/O, so that usage, retries and quota are seen
live and a recorded transcript is a complete test:

    command(job) -> Command      begin() -> state
    step(state, line) -> state, activities      end(state, exit) -> Outcome

A plug-in is a module with `make(argument: str) -> Agent`. Its file name is the
agent's name; `argument` is what follows the colon in `NAME:ARGUMENT`, mostly empty.
"""

import posixpath
import re
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, Protocol

from wtman.core.model import Command, Exit, ExitReason, Job, Outcome, Usage
from wtman.errors import UsageError


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
    where it is another one. `version` is what prints it.
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
        """Whether its usage comes with money."""
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

    # Optional, for `wtman attach`: `attach(job) -> Command | None`, its interactive mode that
    # goes on with the conversation `job.resume`. Without it the user gets a shell. And
    # `settled(job) -> {path below its HOME: text}`: files that spare its first-time questions.


def tells_tokens(agent: Agent) -> bool:
    """Whether its stream says how many tokens a session used; one that does not says so by
    an attribute `metered` that is False."""
    return bool(getattr(agent, "metered", True))


def load(spec: str) -> Agent:
    """The agent that `NAME`, `NAME:ARGUMENT` or `package.module:attribute` names."""
    name, colon, argument = spec.partition(":")
    if "." in name:
        return _load_outside(spec, name, argument if colon else "make")
    unknown = UsageError(
        f"no agent {spec!r}",
        hint=f"known: {', '.join(known())}; or command:ARGV for any program, "
        "or package.module:attribute",
    )
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise unknown
    module = f"{__name__}.{name}"
    try:
        make = import_module(module).make
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise unknown from error
    made: Agent = make(argument)
    return made


def anchored(spec: str, folder: str) -> str:
    """The spec with the file that it names made absolute, from where the user said it.

    Sessions start in worktrees, and a resume may come from elsewhere.
    """
    name, _, argument = spec.partition(":")
    if name != "replay" or not argument:
        return spec
    return f"{name}:{posixpath.normpath(posixpath.join(folder, argument))}"


def _load_outside(spec: str, module: str, attribute: str) -> Agent:
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, TypeError) as error:  # TypeError: a leading dot
        raise UsageError(
            f"no agent {spec!r}: {error}", hint="is its package installed beside wtman?"
        ) from error
    made: Agent = found() if callable(found) else found
    return made


def known() -> tuple[str, ...]:
    """The names in this folder."""
    from pkgutil import iter_modules

    return tuple(sorted(module.name for module in iter_modules(__path__)))


def text_of(line: bytes, most: int = 400) -> str:
    """A line of a stream as one line of text, cut; what a terminal may show is ui's affair."""
    text = " ".join(line[: most * 4].decode("utf-8", "replace").split())
    return text if len(text) <= most else text[: most - 1] + "…"


def why(exit: Exit) -> str:
    """One line on how a program ended; empty when it ended well."""
    match exit.reason:
        case ExitReason.EXITED if exit.signal is not None:
            return f"killed by {signal_name(exit.signal)}"
        case ExitReason.EXITED:
            return f"exit status {exit.code}" if exit.code else ""
        case ExitReason.TIMEOUT:
            return f"stopped at its time limit, after {exit.ended - exit.started:.0f} s in all"
        case ExitReason.STOPPED:
            return "stopped"
        case ExitReason.OUTPUT:
            return "stopped, because it wrote too much output"
        case ExitReason.UNSTARTED:
            return f"could not be started: {exit.detail}"
        case ExitReason.LOST:
            return f"lost: {exit.detail}"


def signal_name(number: int) -> str:
    from signal import Signals

    try:
        return Signals(number).name
    except ValueError:
        return f"signal {number}"
