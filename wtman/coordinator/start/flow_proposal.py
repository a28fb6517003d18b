"""A flow that is asked for, and what the user then says yes or no to. Pure."""

from collections.abc import Mapping
from dataclasses import field
from hashlib import sha256
from typing import Any

from wtman.flow.outline import Outline
from wtman.journal.events import Configured, FlowAdded, Noted
from wtman.model.ids import Sha
from wtman.model.plan import Identity, Role
from wtman.model.settings import Settings
from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class FlowScript:
    """A script with the flows that it loads, by name. `theirs` came with the repository."""

    name: str
    text: str
    outline: Outline
    sources: Mapping[str, str] = field(default_factory=dict)
    theirs: tuple[str, ...] = ()  # what has to be approved, as it is shown
    path: str = ""  # of one that was named by its file, absolute

    @property
    def digest(self) -> str:
        """Of the script and all that it loads."""
        return digest_of(self.text, *(f"{name}\n{text}" for name, text in self.sources.items()))

    @property
    def summary(self) -> str:
        """The first line of its docstring, else its name."""
        return (self.outline.about.splitlines() or [self.name])[0]


@dataclass(frozen=True, slots=True)
class FlowRequest:
    """A flow to be run. `flags` are configuration keys, `args` its own options."""

    script: FlowScript
    args: Mapping[str, Any] = field(default_factory=dict)
    base: str = "HEAD"
    flags: Mapping[str, Any] = field(default_factory=dict)
    confirm_above: int = 25


@dataclass(frozen=True, slots=True)
class PreparedFlow:
    """A flow that could be started now. `commands` are those that nobody has approved."""

    script: FlowScript
    added: FlowAdded
    settings: Settings
    roles: tuple[Role, ...]
    base: Sha
    target: str
    identity: Identity
    commands: tuple[str, ...]
    programs: tuple[str, ...]  # that the script gives sessions to
    given: tuple[str, ...]
    notes: tuple[Noted, ...]
    warnings: tuple[str, ...]
    configured: Configured

    @property
    def request(self) -> str:
        """What is asked for, in words: an input of this name, else what the flow is for."""
        return str(self.added.args.get("request") or "") or self.script.summary


def digest_of(*texts: str) -> str:
    """One digest over texts, 64 hex digits."""
    return sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()
