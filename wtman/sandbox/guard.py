"""Who may have changed the user's repository: the guard over the sessions of one run.

Lives in the coordinator's event loop. The repository's fingerprint is taken when a session
begins and when it ends (unless others go on and none could change anything), and every half
second while a session lives whose sandbox cannot make such a change impossible: so a
change is blamed only on those that lived at the time. What wtman itself does is noted before
it is done and not blamed: what this process does in its memory, what others do in a file that
is believed only where it fits (`_Known`).

What was seen last is kept on disk, so that what changed while no coordinator lived is found
by the next one. Detection, not prevention: a session without any sandbox can also write
that file, the journal and everything else that its user can.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import field
from enum import StrEnum

from wtman.errors import OutsideError, WtmanError
from wtman.git import fingerprint, ref_log
from wtman.git.control_dir import Control
from wtman.git.discovery import Repository
from wtman.git.fingerprint import Fingerprint
from wtman.git.run import Threaded
from wtman.model.ref_moves import Move, leads
from wtman.model.values import dataclass
from wtman.sandbox.guard_file import GuardRecord, load, seen_now, store
from wtman.sandbox.policy import Sandbox

Merging = Callable[[str, str], bool]

INTERVAL = 0.5  # seconds between two looks while somebody could change something
_MOST = 20  # lines for one session
_LATELY = 30.0  # seconds
_RECENT_BYTES = 16 << 10  # of announcements
_DYING = 15.0  # seconds that a session may live on after its coordinator, at the very most


class Isolation(StrEnum):
    """What stands between a session and the user's repository."""

    NONE = "none"  # nothing: it writes whatever its user can
    DENIED = "denied"  # the kernel denies it to write there
    APART = "apart"  # it has a picture of its own, in which the repository is not


@dataclass(frozen=True, slots=True)
class RepositoryChanges:
    """What changed in the repository while a session lived, one line each.

    `blamed` could have been its doing; `others` are sentences about what could not, which
    nobody has been told yet.
    """

    blamed: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def isolation(sandbox: Sandbox) -> Isolation:
    """What this sandbox puts between a session and the repository."""
    if sandbox.mounts:
        return Isolation.APART
    return Isolation.NONE if sandbox.name == "none" else Isolation.DENIED


def is_daily(what: str) -> bool:
    """Whether a user changes this in a day's work: commits, branches, fetches, stashes.

    Not how the repository behaves (configuration, hooks, `info`), nor what is wtman's.
    """
    if what.startswith("refs/"):
        return not what.startswith(("refs/wtman/", "refs/replace/"))
    return what in ("HEAD", "index") or (what.startswith("worktrees/") and what.endswith("/HEAD"))


@dataclass
class Guard:
    """One a run, in `ctx.guard`.

    `path` is where it keeps what it saw, "" nowhere. `merging(ref, new)` says whether the
    journal knows a merge that moves, or has moved, this ref of the user's to this commit.
    """

    run: str = ""
    path: str = ""
    merging: Merging = field(default=lambda ref, new: False)
    _alive: dict[str, Isolation] = field(default_factory=dict)
    _blamed: dict[str, dict[str, str]] = field(default_factory=dict)  # session -> what -> line
    _others: dict[str, str] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)
    _last: Fingerprint | None = None
    _looked: float = 0.0  # when, on the clock of the event loop
    _places: tuple[int, int] = (0, 0)
    _notes: list[tuple[float, frozenset[Move], frozenset[Move]]] = field(default_factory=list)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _watch: "asyncio.Task[None] | None" = None

    async def begin(
        self, ctl: Control, session: str, *, isolation: Isolation, git: Threaded
    ) -> None:
        """A session is about to start in this isolation."""
        # Before it lives: what wtman made for it until now is not blamed on it.
        await self._look(ctl, git)
        self._alive[session] = isolation
        if isolation is Isolation.APART:
            return
        self._blamed[session] = {}
        await self._keep(git)
        if self._watch is None or self._watch.done():
            self._watch = asyncio.ensure_future(self._go_on(ctl, git))

    async def end(self, ctl: Control, session: str, *, git: Threaded) -> RepositoryChanges:
        """It has ended, nothing of it is alive any more: what changed meanwhile."""
        others = self._alive.keys() - {session}
        soon = asyncio.get_running_loop().time() < self._looked + INTERVAL
        try:
            if not (others and soon and self._is_calm(self._alive.get(session, Isolation.NONE))):
                await self._look(ctl, git)
        except OutsideError:
            raise
        except (WtmanError, OSError) as error:
            for name in self._weak():
                self._blamed[name]["repository"] = f"the repository became unreadable ({error})"
        finally:
            isolation = self._alive.pop(session, Isolation.APART)
            if not self._weak() and self._watch is not None:
                self._watch.cancel()
                self._watch = None
        if isolation is not Isolation.APART:
            await self._keep(git)
        return self._seen(session)

    async def settle(
        self, ctl: Control, session: str, *, isolation: Isolation, began: bool, git: Threaded
    ) -> RepositoryChanges:
        """What changed while a session lived whose coordinator is dead, or after that.

        `began`: it was started, so that something must have been kept about it.
        """
        await self._look(ctl, git)
        if began and isolation is Isolation.NONE and session not in self._blamed:
            gone = {"record": "what was kept about it for the next coordinator was removed"}
            self._blamed[session] = gone
        return self._seen(session)

    def _seen(self, session: str) -> RepositoryChanges:
        # It stays: until the journal has it, a kill could lose it.
        found = self._blamed.get(session, {})
        new = {what: line for what, line in self._others.items() if what not in self._told}
        self._told |= new.keys()
        return RepositoryChanges(tuple(found.values())[:_MOST], tuple(new.values())[:_MOST])

    def _is_calm(self, isolation: Isolation) -> bool:
        """Whether nobody who lives, this one included, could have changed anything.

        Then a look is only for telling what others did: the next one does that.
        """
        return isolation is Isolation.APART and not self._weak()

    def _weak(self) -> list[str]:
        return [name for name, isolation in self._alive.items() if isolation is not Isolation.APART]

    async def _go_on(self, ctl: Control, git: Threaded) -> None:
        while self._weak():
            await asyncio.sleep(INTERVAL)
            with contextlib.suppress(WtmanError, OSError):
                await self._look(ctl, git)

    async def _look(self, ctl: Control, git: Threaded) -> None:
        """Compare with the last time, and blame what changed on those that live."""
        async with self._turn:
            self._looked = asyncio.get_running_loop().time()
            if self._last is None:
                await self._first(ctl, git)
                return
            before = self._last
            # Noted before it is done: so what is read here holds all that is seen after it.
            now: Fingerprint = await git(fingerprint.take, ctl, before)
            if before is now:
                if self.path and self._weak():
                    await git(seen_now, self.path)
                return
            self._last = now
            known = await self._known(ctl.repo, git)
            if not self._alive:
                return
            for what, line in fingerprint.difference(before, now, known.is_ours):
                self._blame(what, line, self._alive)
            if self._weak():
                await self._keep(git)

    async def _first(self, ctl: Control, git: Threaded) -> None:
        """The first look of this coordinator: what changed since the last one of another."""
        kept: GuardRecord | None = await git(load, self.path) if self.path else None
        if kept is None:
            # What was announced just now may be done only after this first look.
            self._places = (0, max(await git(ref_log.size, ctl.repo) - _RECENT_BYTES, 0))
            self._last = await git(fingerprint.take, ctl)
            return
        self._blamed = {name: dict(lines) for name, lines in kept.blamed.items()}
        known_isolation = {str(item): item for item in Isolation}
        dead = {
            name: known_isolation.get(text, Isolation.NONE) for name, text in kept.alive.items()
        }
        now: Fingerprint = await git(fingerprint.take, ctl)
        known = await self._known(ctl.repo, git, dead)
        # What this process noted just now may be done only after this look.
        self._notes = [(time, own, frozenset()) for time, own, _ in self._notes]
        self._last = now
        before = Fingerprint(kept.facts, {})
        for what, line in fingerprint.difference(before, now, known.is_ours):
            if fingerprint.written(now, what) > kept.when + _DYING:
                if Isolation.NONE in dead.values():
                    self._others[what] = f"while wtman was not running, {line}: after its sessions"
                continue
            self._blame(what, f"{line}, before or while wtman was killed", dead)
        await self._keep(git)

    def _blame(self, what: str, line: str, living: dict[str, Isolation]) -> None:
        """Blame it on those who could have done it, else note it among what others did."""
        blamed = [
            name
            for name, isolation in living.items()
            if isolation is Isolation.NONE or (isolation is Isolation.DENIED and not is_daily(what))
        ]
        for name in blamed:
            self._blamed.setdefault(name, {}).setdefault(what, line)
        if not blamed and living:
            words = f"while sessions ran, {line}: not by them, their sandbox rules it out"
            self._others.setdefault(what, words)

    async def _keep(self, git: Threaded) -> None:
        if self.path and self._last is not None:
            alive = {name: str(self._alive[name]) for name in self._weak()}
            lines = {name: dict(known) for name, known in self._blamed.items()}
            await git(store, self.path, GuardRecord(self._last.facts, alive, lines))

    async def _known(
        self, repo: Repository, git: Threaded, dead: dict[str, Isolation] | None = None
    ) -> "_Known":
        """What any wtman noted lately: what it notes may take a while until it is done."""
        time = asyncio.get_running_loop().time()
        own, first = await git(ref_log.own, repo, self._places[0])
        told, second = await git(ref_log.told, repo, self._places[1])
        self._places = (first, second)
        self._notes = [item for item in self._notes if time - item[0] < _LATELY]
        self._notes.append((time, own, told))
        return _Known(
            run=self.run,
            own=frozenset[Move]().union(*(own for _, own, _ in self._notes)),
            told=frozenset[Move]().union(*(told for _, _, told in self._notes)),
            merging=self.merging,
            mine=frozenset(map(_worktree, dead if dead is not None else self._alive)),
            resuming=dead is not None,
        )


@dataclass(frozen=True)
class _Known:
    """What wtman did, as far as that can be believed.

    `own` was done by this process. `told` is what a file says, which a session without a
    sandbox can write: it speaks only for the refs of other runs, and for a branch of the
    user's where the journal knows a merge. `resuming`: for this run's own refs, too, whose
    last coordinator is dead and took its memory along. `mine` are the worktrees in which
    sessions live.
    """

    run: str
    own: frozenset[Move]
    told: frozenset[Move]
    merging: Merging
    mine: frozenset[str]
    resuming: bool

    def is_ours(self, what: str, old: str, new: str) -> bool:
        if what.startswith("worktrees/wtman-"):
            name = what.split("/")[1]
            # A new one is made, an old one dropped; nobody locks or configures one.
            return name not in self.mine and not what.endswith(("/locked", "/config.worktree"))
        if what == "index":
            return any(move.what == what for move in self.own) or self._is_merged()
        if leads(self.own, what, old, new):
            return True
        believed = {move for move in self.told if self._believes(move)}
        return leads(self.own | believed, what, old, new)

    def _believes(self, move: Move) -> bool:
        parts = move.what.split("/")
        if move.what.startswith(("refs/wtman/", "refs/heads/wtman/")):
            return self.resuming or self.run not in parts
        if move.what == "HEAD":
            return self._is_merged()
        return move.what.startswith("refs/heads/") and self.merging(move.what, move.new)

    def _is_merged(self) -> bool:
        """Whether some merge of another coordinator has moved what is checked out."""
        branches = (move for move in self.told if move.what.startswith("refs/heads/"))
        return any(self.merging(move.what, move.new) for move in branches)


def _worktree(session: str) -> str:
    """The administrative name of the worktree in which a session lives."""
    run, _, rest = session.partition("/")
    return f"wtman-{run}-{rest.partition('/')[0]}"
