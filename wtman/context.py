"""Everything that a stage may touch, in one value.

A stage is `async def perform(ctx, state, action) -> tuple[Event, ...]`: it reads
the state, does its one effect (safe to do twice) and returns what happened. It
never writes the journal, never decides what comes next, and lets only errors
out that mean the run cannot go on.
"""

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
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


class Threaded(Protocol):
    """Runs a blocking function of git/ in its pool: `await ctx.git(control.commit, ...)`."""

    def __call__(self, function: Callable[..., Any], /, *args: Any) -> Awaitable[Any]: ...


@dataclass(frozen=True, slots=True)
class Context:
    """The outside world of one run.

    `folder` holds the run's evidence (`<common>/wtman/runs/<run>`). `clock` gives
    wall seconds since the epoch. `activity` is told what a task is doing now.
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

    def below(self, *parts: str) -> str:
        """A path in the run's evidence folder; its parents exist afterwards, mode 0700."""
        path = os.path.join(self.folder, *parts)
        Path(os.path.dirname(path)).mkdir(mode=0o700, parents=True, exist_ok=True)
        return path


def base_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What every session, setup and check gets of the user's environment: an allow-list.

    Git's own variables, tokens, loader and interpreter switches are dropped
    (facts/reliability section 2); an agent's credentials are added by its adapter.
    """
    kept = {
        name: value for name, value in environ.items() if name in _ALLOWED or name.startswith("LC_")
    }
    kept.setdefault("PATH", os.defpath)
    kept.update(_FIXED)
    return kept


_ALLOWED = frozenset(
    "PATH HOME LANG TERM TZ USER LOGNAME SHELL TMPDIR SSL_CERT_FILE NODE_EXTRA_CA_CERTS "
    "HTTPS_PROXY HTTP_PROXY NO_PROXY https_proxy http_proxy no_proxy VIRTUAL_ENV "
    "XDG_CACHE_HOME CARGO_HOME RUSTUP_HOME GOPATH GOCACHE JAVA_HOME NVM_DIR PYENV_ROOT "
    "PYTHONDONTWRITEBYTECODE PYTHONHASHSEED NO_COLOR".split()
)
_FIXED = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_EDITOR": "true",
    "GIT_OPTIONAL_LOCKS": "0",
    "CI": "1",
}
