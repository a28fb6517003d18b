"""Everything that a stage may touch, in one value.

A stage is `async def perform(ctx, state, action) -> tuple[Event, ...]`: it reads
the state, does its one effect (safe to do twice) and returns what happened. It
never writes the journal, never decides what comes next, and lets only errors
out that mean the run cannot go on.
"""

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from wtman.agents import Agent
from wtman.checkouts import Checkouts
from wtman.core.model import RunId, TaskId
from wtman.executors import Executor
from wtman.git.control import Control
from wtman.git.repo import Repository
from wtman.sandbox import Sandbox
from wtman.store import Store
from wtman.watching import Looks


class Threaded(Protocol):
    """Runs a blocking function of git/ in its pool: `await ctx.git(control.commit, ...)`."""

    def __call__(self, function: Callable[..., Any], /, *args: Any) -> Awaitable[Any]: ...


@dataclass(frozen=True, slots=True)
class Context:
    """The outside world of one run.

    `folder` holds the run's evidence (`<common>/wtman/runs/<run>`). `clock` gives
    wall seconds since the epoch. `activity` is told what a task is doing now;
    `looks` is the memory of the overlap watch.
    """

    run: RunId
    folder: str
    repo: Repository
    control: Control
    store: Store
    executor: Executor
    sandbox: Sandbox
    agent: Callable[[str], Agent]
    git: Threaded
    clock: Callable[[], float]
    environ: Mapping[str, str]
    activity: Callable[[TaskId, str], None]
    checkouts: Checkouts
    looks: Looks = field(default_factory=Looks)

    def below(self, *parts: str) -> str:
        """A path in the run's evidence folder; its parents exist afterwards, mode 0700."""
        path = os.path.join(self.folder, *parts)
        Path(os.path.dirname(path)).mkdir(mode=0o700, parents=True, exist_ok=True)
        return path


def base_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What every session, setup and check gets of the user's environment.

    Everything that is theirs, as without a sandbox they run with the user's own rights, but
    nothing that would lead them astray: git's variables of an outer command, switches of
    loaders and interpreters, and the sockets that sign and log in for the user.
    """
    kept = {name: value for name, value in environ.items() if not _is_dropped(name)}
    kept.setdefault("PATH", os.defpath)
    kept.update(_FIXED)
    return kept


def _is_dropped(name: str) -> bool:
    return name in _DROPPED or name.startswith(_DROPPED_PREFIXES)


_DROPPED = frozenset(
    "PYTHONPATH PYTHONHOME PYTHONSTARTUP NODE_OPTIONS BASH_ENV ENV PERL5OPT RUBYOPT "
    "PROMPT_COMMAND SSH_AUTH_SOCK SSH_AGENT_PID XDG_RUNTIME_DIR OLDPWD PWD SHLVL _".split()
)
_DROPPED_PREFIXES = ("GIT_", "WTMAN_", "LD_", "DYLD_", "GPG_", "DBUS_", "BASH_FUNC_")
_FIXED = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_EDITOR": "true",
    "GIT_OPTIONAL_LOCKS": "0",
    "CI": "1",
}
