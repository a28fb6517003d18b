"""Who may have changed the user's repository: the guard over the sessions of one run.

Lives in the coordinator's event loop. The repository's fingerprint is taken when a session
begins and when it ends, and every half second while a session lives whose sandbox cannot
keep it out of there: so a change is blamed only on those that lived at the time. What
wtman itself does, in this process or another, is noted before it is done and not blamed.

Detection, not prevention: a session without any sandbox could also change these notes.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from wtman.errors import WtmanError
from wtman.git import fingerprint, refs
from wtman.git.control import Control
from wtman.git.fingerprint import Fingerprint

Threaded = Callable[..., Awaitable[Any]]

INTERVAL = 0.5  # seconds between two looks while somebody could change something
_MOST = 20  # lines for one session
_LATELY = 30.0  # seconds


@dataclass(frozen=True, slots=True)
class Seen:
    """What changed in the repository while a session lived, one line each.

    `blamed` could have been its doing; `others` could not, and nobody has been told yet.
    """

    blamed: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@dataclass
class Guard:
    """One a run, in `ctx.guard`."""

    _weak: dict[str, dict[str, str]] = field(default_factory=dict)  # session -> what -> line
    _strong: set[str] = field(default_factory=set)
    _others: dict[str, str] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)
    _last: Fingerprint | None = None
    _place: int = 0
    _notes: list[tuple[float, frozenset[tuple[str, str]]]] = field(default_factory=list)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _watch: "asyncio.Task[None] | None" = None

    async def begin(self, ctl: Control, session: str, *, weak: bool, git: Threaded) -> None:
        """A session is about to start; `weak`: its sandbox does not keep it out."""
        await self._look(ctl, git)
        if not weak:
            self._strong.add(session)
            return
        self._weak[session] = {}
        if self._watch is None or self._watch.done():
            self._watch = asyncio.ensure_future(self._go_on(ctl, git))

    async def end(self, ctl: Control, session: str, *, git: Threaded) -> Seen:
        """It has ended, nothing of it is alive any more: what changed meanwhile."""
        try:
            await self._look(ctl, git)
        except (WtmanError, OSError) as error:
            for slate in self._weak.values():
                slate["repository"] = f"the repository became unreadable ({error})"
        finally:
            found = self._weak.pop(session, {})
            self._strong.discard(session)
            if not self._weak and self._watch is not None:
                self._watch.cancel()
                self._watch = None
        new = {what: line for what, line in self._others.items() if what not in self._told}
        self._told |= new.keys()
        return Seen(tuple(found.values())[:_MOST], tuple(new.values())[:_MOST])

    async def _go_on(self, ctl: Control, git: Threaded) -> None:
        while self._weak:
            await asyncio.sleep(INTERVAL)
            with contextlib.suppress(WtmanError, OSError):
                await self._look(ctl, git)

    async def _look(self, ctl: Control, git: Threaded) -> None:
        """Compare with the last time, and write what changed on the slates of the living."""
        async with self._turn:
            before = self._last
            alive = bool(self._weak or self._strong)
            # Noted before it is done: so what is read here holds all that is seen after it.
            now: Fingerprint = await git(fingerprint.take, ctl, before)
            if before is now:
                return
            self._last = now
            noted = await self._noted(ctl, git)
            if before is None or not alive:
                return
            mine = {_worktree(session) for session in (*self._weak, *self._strong)}
            changes = fingerprint.difference(
                before, now, lambda what, new: _ours(noted, mine, what, new)
            )
            for what, line in changes:
                for slate in self._weak.values():
                    slate.setdefault(what, line)
                if not self._weak:
                    self._others.setdefault(what, line)

    async def _noted(self, ctl: Control, git: Threaded) -> frozenset[tuple[str, str]]:
        """What any wtman noted lately: what it notes may take a while until it is done."""
        time = asyncio.get_running_loop().time()
        new, self._place = await git(refs.announced, ctl.repo, self._place)
        self._notes = [item for item in self._notes if time - item[0] < _LATELY]
        self._notes.append((time, new))
        return frozenset().union(*(pairs for _, pairs in self._notes))


def _ours(noted: frozenset[tuple[str, str]], mine: set[str], what: str, new: str) -> bool:
    """Whether wtman did it: refs and index as it noted, and worktrees under its own names,
    but for those (`mine`) in which a session lives."""
    if what.startswith("worktrees/wtman-"):
        name = what.split("/")[1]
        # A new one is made, an old one dropped; nobody locks or configures one.
        return name not in mine and not what.endswith(("/locked", "/config.worktree"))
    return (what, new) in noted or (what == "index" and ("index", "") in noted)


def _worktree(session: str) -> str:
    """The administrative name of the worktree in which a session lives."""
    run, _, rest = session.partition("/")
    return f"wtman-{run}-{rest.partition('/')[0]}"
