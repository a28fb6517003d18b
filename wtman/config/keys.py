"""The keys of the configuration and the types of their values, as a pydantic model.

The only module that imports pydantic, and itself imported late: it costs more
than all the rest of a short command. Everything is optional, so that one model
judges each source by itself; `model_fields_set` says what a source gave.
"""

import math
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from wtman.formats.durations import seconds
from wtman.formats.gitignore import flaw
from wtman.sandbox.hosts import rule
from wtman.text.words import quoted


def _as_list(value: object) -> object:
    """One text is a list of one."""
    return [value] if isinstance(value, str) else value


def _some(text: str) -> str:
    if not text.strip():
        raise ValueError("is an empty text")
    if "\0" in text:
        raise ValueError("holds a NUL character")
    return text


def _pattern(text: str) -> str:
    if what := flaw(text):
        raise ValueError(f"has the pattern {quoted(text)}, which {what}")
    return text


def _duration(value: object) -> float:
    length = seconds(value)
    if not length:
        raise ValueError("has to be more than 0")
    return length


def _amount(value: float) -> float:
    if not math.isfinite(value) or value <= 0:
        raise ValueError("has to be a finite number above 0")
    return value


def _network(value: object) -> object:
    """On, off, `allow-list` (the agents' providers), or the hosts that may be reached besides."""
    if isinstance(value, bool):
        return value
    words = {"on": True, "off": False, "allow-list": []}
    if isinstance(value, str) and value in words:
        return words[value]
    hosts = [value] if isinstance(value, str) else value
    if not isinstance(hosts, list) or not all(isinstance(host, str) for host in hosts):
        raise ValueError("is neither true nor false nor a list of hosts")
    for host in hosts:
        try:
            rule(host)
        except ValueError as error:
            raise ValueError(f"names {quoted(host)}, which {error}") from None
    return hosts


def _variable(text: str) -> str:
    if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", text):
        raise ValueError(f"has {quoted(text)}, which is no name of a variable")
    if text == "HOME" or text.startswith(("WTMAN_", "LD_", "GIT_")):
        raise ValueError(f"has {quoted(text)}, which cannot be handed in")
    return text


Text = Annotated[str, Field(strict=True, max_length=65536), AfterValidator(_some)]
Texts = Annotated[list[Text], BeforeValidator(_as_list)]
Patterns = Annotated[
    list[Annotated[str, Field(strict=True), AfterValidator(_pattern)]], BeforeValidator(_as_list)
]
Variables = Annotated[
    list[Annotated[str, Field(strict=True), AfterValidator(_variable)]], BeforeValidator(_as_list)
]
Duration = Annotated[float, BeforeValidator(_duration)]
Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
Positive = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
Tokens = Annotated[int, Field(strict=True, ge=1, le=10**12)]
Money = Annotated[float, Field(strict=True), AfterValidator(_amount)]
Switch = Annotated[bool, Field(strict=True)]


class Budget(BaseModel):
    """Limits of a run; `plan_usd` is for the planning alone, `session_*` for each session."""

    model_config = ConfigDict(extra="forbid")

    usd: Money | None = None
    tokens: Tokens | None = None
    plan_usd: Money | None = None
    session_usd: Money | None = None
    session_tokens: Tokens | None = None


class Keys(BaseModel):
    """One source of configuration: a file, the environment or the flags."""

    model_config = ConfigDict(extra="forbid")

    agent: Text | None = None
    model: Text | None = None
    effort: Text | None = None
    roles: dict[str, Text] | None = None
    jobs: Positive | None = None
    check_jobs: Positive | None = None
    max_sessions: Positive | None = None
    attempts: Positive | None = None
    timeout: Duration | None = None
    check_timeout: Duration | None = None
    grace: Duration | None = None
    check: Texts | None = None
    setup: Texts | None = None
    cleanup: Texts | None = None
    copy_: Patterns | None = Field(default=None, alias="copy")
    symlink: Patterns | None = None
    protect: Patterns | None = None
    reviewers: Count | None = None
    rounds: Count | None = None
    worktrees: Text | None = None
    sandbox: Text | None = None
    network: Annotated[Any, BeforeValidator(_network)] = None
    check_network: Switch | None = None
    env: Variables | None = None
    budget: Budget | None = None
    block_on: Texts | None = None
    notify: Texts | None = None
    agents: dict[str, dict[str, Any]] | None = None


class FlagKeys(Keys):
    """What flags may say beyond what files may."""

    allow_failing_base: Switch | None = None
    reviewed_by: Texts | None = None
