"""Everything that an effect may touch, in one value.

An effect is `async def perform(ctx, state, action) -> tuple[Event, ...]`: it reads
the state, does its one effect (safe to do twice) and returns what happened. It
never writes the journal, never decides what comes next, and lets only errors
out that mean the run cannot go on.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from wtman.agents import Agent
from wtman.budget.meter import LiveUsage
from wtman.execution import Executor
from wtman.execution.space import Space
from wtman.git.checkouts.environments import Environments
from wtman.git.checkouts.handouts import Handouts
from wtman.git.checkouts.live import WatchMemory
from wtman.git.checkouts.pool import Checkouts
from wtman.git.control_dir import Control
from wtman.git.discovery import Repository
from wtman.git.run import Threaded
from wtman.journal.state import State
from wtman.journal.store import Store
from wtman.model.ids import RunId, TaskId
from wtman.model.values import dataclass
from wtman.sandbox.gateway import Gateway
from wtman.sandbox.guard import Guard
from wtman.sandbox.inside import SandboxView, view
from wtman.sandbox.policy import Sandbox


class LiveState:
    """The loop's newest state, for an action that lives as long as the run.

    `refresh` folds what is new in the journal into `state`; `wakeup` makes the loop decide again.
    """

    def __init__(self) -> None:
        self.state: State | None = None
        self.refresh: Callable[[], object] = lambda: None
        self.wakeup = asyncio.Event()
        self._changed = asyncio.Event()

    def publish(self, state: State) -> None:
        """The loop has another state."""
        self.state = state
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    @property
    def changed(self) -> asyncio.Event:
        """Set as soon as there is another state than now."""
        return self._changed


READERS = 1000  # no limit: the sessions themselves are bounded by `jobs`


@dataclass(frozen=True, slots=True)
class Context:
    """The outside world of one run.

    `folder` holds the run's evidence (`<common>/wtman/runs/<run>`). `clock` gives
    wall seconds since the epoch. `activity` is told what a task is doing now;
    `looks` is the memory of the overlap watch, `guard` knows what changed in the repository,
    `gateway` lets sessions out to the hosts that they may reach.
    `space` knows which file systems were full.
    `reading` is the pool of checkouts that sessions only read, apart from that of checks
    because a session holds one for minutes. `environments` knows what setup makes just now,
    `live_state` is the newest state of the loop.
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
    looks: WatchMemory = field(default_factory=WatchMemory)
    live_usage: LiveUsage = field(default_factory=LiveUsage)
    guard: Guard = field(default_factory=Guard)
    gateway: Gateway = field(default_factory=Gateway)
    space: Space = field(default_factory=Space)
    reading: Checkouts = field(default_factory=lambda: Checkouts(READERS))
    environments: Environments[Any] = field(default_factory=Environments)
    live_state: LiveState = field(default_factory=LiveState)

    @property
    def handouts(self) -> Handouts:
        """How the run's worktrees and check checkouts were handed out."""
        return Handouts(os.path.join(self.folder, "handouts"))

    def view(self, checkout: str, home: str = "") -> SandboxView:
        """What is seen where by a program that works in this checkout, with this HOME."""
        return view(self.sandbox.mounts, self.repo.main or self.repo.common_dir, checkout, home)

    def below(self, *parts: str) -> str:
        """A path in the run's evidence folder; its parents exist afterwards, mode 0700."""
        path = os.path.join(self.folder, *parts)
        Path(os.path.dirname(path)).mkdir(mode=0o700, parents=True, exist_ok=True)
        return path
