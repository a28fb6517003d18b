"""A checkout made fit for work, with a result of setup that is kept where there is one.

What setup made (an environment) stays in the checkouts where it was made, and is carried from
there to others. So a checkout is fit in one of four ways: it still holds the environment; it
gets a copy from an idle check checkout, or from one that has just been made; or setup runs.
Then come the commands of the one task, and its HOME gets what setup left in its own.

It promises that an environment serves only what its key stands for, and only work that has the
commit where it was made among its own: what an agent wrote reaches nobody who does not have it
anyway. Nothing is believed that was cut off, that has changed, or that cannot be carried whole.
"""

import os
import secrets
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from stat import S_ISREG
from typing import Any, TypeVar

from wtman import inventory
from wtman.context import Context
from wtman.errors import ExternalError, OutsideError
from wtman.git.checkouts import snapshot
from wtman.git.checkouts.handouts import Handout, Handouts
from wtman.git.checkouts.pool import to_its_end
from wtman.git.checkouts.reset import reset
from wtman.git.objects import history
from wtman.git.untrusted import additions
from wtman.git.untrusted.additions import GitAdditions, GitState
from wtman.inventory import Inventory
from wtman.model.ids import Sha, TaskId
from wtman.model.settings import Settings
from wtman.model.values import dataclass
from wtman.provision import environment_store as store
from wtman.provision.carry import carry, is_plain, outermost
from wtman.provision.environment_key import Wanted, wanted
from wtman.provision.environment_store import Environment
from wtman.provision.setup import make_home, provision
from wtman.text.words import listed

_TOLD = 3  # files
_FILLED = 4  # check checkouts that are given an environment before they are asked for

Tell = Callable[[str], None]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Spot:
    """A checkout that holds `commit`, and for whom it is made fit.

    `handouts` has its record, which is true where it is `clean`: it holds what that says, and
    the environment `held` ("": none). Without `handouts` nothing is kept. `git_dir` is where
    setup finds its git directory. `unwritten`: no agent wrote the commit. `untouched`: no
    session was ever in the folder. The rest is as `provision` has it.
    """

    folder: str
    commit: Sha
    task: TaskId
    branch: str
    home: str
    handouts: Handouts | None
    git_dir: str
    clean: bool = False
    held: str = ""
    port: int = 0
    of_task: bool = False
    trusted: bool = False
    unwritten: bool = False
    untouched: bool = False
    binds: tuple[tuple[str, str, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class Fitted:
    """`problem` says what went wrong. `environment` is what the checkout holds, None where that
    is not kept; `told` how it came by it, in words. `ignored`: git ignores all that was made.
    """

    problem: str = ""
    environment: Environment | None = None
    told: str = ""
    ignored: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """An environment in a folder where nobody works."""

    environment: Environment
    folder: str


async def fit(ctx: Context, settings: Settings, spot: Spot, tell: Tell) -> Fitted:
    """Make a checkout fit for work; `tell` is given what its files lack."""
    if spot.handouts is None or not settings.brings:
        return Fitted(await _provision(ctx, settings, spot, tell))
    if spot.held:
        fitted: Fitted | None = await to_its_end(ctx.git(_go_on, ctx, settings, spot, tell))
        if fitted is not None:
            return fitted
    want = await ctx.git(wanted, ctx, settings, spot.commit)
    before, clean = await to_its_end(ctx.git(_before, ctx, spot, spot.handouts))
    if want is None or before is None or not clean or (want.parts.main and not spot.of_task):
        # Everything is done for this one alone, and goes with it.
        problem = await _provision(ctx, settings, spot, tell)
        if not problem and before is not None:
            record = spot.handouts.hand_out
            await to_its_end(ctx.git(record, spot.folder, spot.commit, "", before))
        return Fitted(problem)
    return await _Outfit(ctx, settings, spot, want, before, tell).fit()


def runs_nothing(ctx: Context, settings: Settings, commit: Sha, held: str) -> bool:
    """Whether a checkout of a task that holds this environment is fit as it is, its HOME apart.

    Blocking.
    """
    want = wanted(ctx, settings, commit) if held else None
    if want is None or want.parts.own or held not in _fitting(ctx, want, True):
        return False
    return store.git_of(ctx.folder, held).is_empty


def _go_on(ctx: Context, settings: Settings, spot: Spot, tell: Tell) -> Fitted | None:
    """Go on with what the checkout holds; None where that is not all. One call, as threads
    are few."""
    want = wanted(ctx, settings, spot.commit)
    if want is None or want.parts.own or not spot.clean:
        return None
    held = _fitting(ctx, want, spot.of_task).get(spot.held)
    if held is None:
        return None
    _take(ctx, spot, held, tell)
    make_home(ctx, spot.home)
    store.give_home(ctx.folder, held.key, spot.home)
    ignored = held.clean and held.ignores == want.ignores
    return Fitted("", held, f"setup: kept from {held.maker}", ignored)


def _take(ctx: Context, spot: Spot, environment: Environment, tell: Tell) -> None:
    """Say what it lacks, and write what it has in the git directory."""
    for text in environment.lacks:
        tell(text)
    git = store.git_of(ctx.folder, environment.key)
    if not git.is_empty and spot.git_dir:
        additions.add(spot.git_dir, git)


def checks_folder(ctx: Context, settings: Settings) -> str:
    """Where the run's check checkouts are."""
    return os.path.join(settings.worktrees, f"{ctx.run}-checks")


def keys_for(ctx: Context, settings: Settings, commit: Sha, of_task: bool) -> frozenset[str]:
    """The environments that a checkout of a commit may go on with. Blocking."""
    want = wanted(ctx, settings, commit)
    return frozenset(_fitting(ctx, want, of_task)) if want else frozenset()


async def _provision(
    ctx: Context,
    settings: Settings,
    spot: Spot,
    tell: Tell,
    texts: tuple[str, ...] | None = None,
    *,
    brings: bool = True,
) -> str:
    return await provision(
        ctx,
        settings,
        spot.folder,
        task=spot.task,
        branch=spot.branch,
        home=spot.home,
        port=spot.port,
        trusted=spot.trusted,
        unwritten=spot.commit if spot.unwritten else "",
        binds=spot.binds,
        tell=tell,
        texts=texts,
        brings=brings,
    )


def _before(ctx: Context, spot: Spot, handouts: Handouts) -> tuple[Inventory | None, bool]:
    """What the checkout holds now, recorded, and whether nobody has left anything there.

    None where nobody can tell what was left there: it is given to nobody then.
    """
    was = handouts.load(spot.folder)
    if was is None:
        return handouts.hand_out(spot.folder, spot.commit).inventory, True
    if was.commit != spot.commit and not spot.untouched:
        handouts.forget(spot.folder)  # cut off, or begun at another commit
        return None, False
    if spot.held and was.key == spot.held and spot.clean:
        return was.bare.inventory, True
    if (spot.clean and (was.made or was.own)) or spot.untouched:
        # Nothing is there but what setup made, of another key, or until it was cut off.
        found = reset(ctx.control, handouts, spot.folder, "", spot.commit)
        return (found or was).bare.inventory, found is not None
    # Without `clean` setup may have been cut off here, or somebody was at work.
    clean = spot.clean or not inventory.compare(spot.folder, was.bare.inventory).paths
    return was.bare.inventory, clean


def _fitting(ctx: Context, want: Wanted, of_task: bool) -> dict[str, Environment]:
    """The environments that may serve, by key. Blocking."""
    return {
        one.key: one
        for one in store.known(ctx.folder)
        if one.digest == want.digest
        and (of_task or not one.main)
        and (one.commit == want.commit or history.is_ancestor(ctx.control, one.commit, want.commit))
    }


class _Outfit:
    """One checkout on its way."""

    def __init__(
        self,
        ctx: Context,
        settings: Settings,
        spot: Spot,
        want: Wanted,
        before: Inventory,
        tell: Tell,
    ) -> None:
        assert spot.handouts is not None
        self._ctx = ctx
        self._settings = settings
        self._spot = spot
        self._handouts = spot.handouts
        self._want = want
        self._before = before
        self._tell = tell
        self._problem = ""
        self._told = ""
        self._found: Environment | None = None

    async def fit(self) -> Fitted:
        ctx, spot, want = self._ctx, self._spot, self._want
        fitting = await self._fitting()
        if spot.held in fitting:
            await self._do(self._take, fitting[spot.held])
            self._told = f"setup: kept from {fitting[spot.held].maker}"
        else:
            if spot.held:
                await self._do(self._clean)
            await ctx.environments.share(want.digest, self._obtain, self._copy)
        if self._problem:
            return Fitted(self._problem)
        await ctx.git(make_home, ctx, spot.home)
        if self._found is not None:
            await self._do(store.give_home, ctx.folder, self._found.key, spot.home)
        if want.parts.own:
            await self._run_own()
        made = self._found
        ignored = made is not None and made.clean and made.ignores == want.ignores
        return Fitted(self._problem, made, self._told, ignored and not want.parts.own)

    async def _fitting(self) -> dict[str, Environment]:
        found = await self._ctx.git(_fitting, self._ctx, self._want, self._spot.of_task)
        return dict(found)

    async def _do(self, function: Callable[..., Result], *args: Any) -> Result:
        """Call it in a thread, and wait for its end even when stopped: it changes files."""
        result: Result = await to_its_end(self._ctx.git(function, *args))
        return result

    def _take(self, environment: Environment) -> None:
        """Go on with an environment that was made elsewhere, or before."""
        self._found = environment
        _take(self._ctx, self._spot, environment, self._tell)

    # --- a copy -----------------------------------------------------------------------------

    async def _obtain(self) -> Held | None:
        """Copy one that is there, or run setup; gives what others may copy."""
        ctx, fitting = self._ctx, await self._fitting()
        async with ctx.checkouts.idle(ctx.git, ctx.control, self._handouts, fitting.keys()) as idle:
            if idle is None or not await self._carried(Held(fitting[idle[1]], idle[0])):
                idle = None
        if idle is None:
            await self._make()
            if self._found is not None and self._spot.of_task and not self._found.main:
                await self._fill_checks(self._found)
        return Held(self._found, self._spot.folder) if self._found is not None else None

    async def _fill_checks(self, made: Environment) -> None:
        """Give it to the check checkouts too, while nobody works in this one yet."""
        ctx, settings = self._ctx, self._settings
        if not settings.check:
            return
        await ctx.checkouts.fill(
            ctx.git,
            ctx.control,
            checks_folder(ctx, settings),
            self._spot.commit,
            self._handouts,
            made.key,
            lambda path: self._carry(Held(made, self._spot.folder), path),
            min(settings.jobs, _FILLED),
        )

    async def _copy(self, source: Held) -> bool:
        fits = source.environment.key in await self._fitting()
        return fits and await self._carried(source)

    async def _carried(self, source: Held) -> bool:
        """Copy an environment; False where it does not fit in, and nothing of it is there."""
        done = await self._do(self._carry, source, self._spot.folder)
        if done:
            await self._do(self._take, source.environment)
            self._told = f"setup: copied from {source.environment.maker}"
        return done

    def _carry(self, source: Held, target: str) -> bool:
        environment, commit = source.environment, self._spot.commit
        was, there = self._handouts.load(source.folder), self._handouts.load(target)
        if was is None or was.key != environment.key or there is None:
            return False
        before = there.bare.inventory
        if not _has_room(was.made, before):
            return False
        try:
            carry(source.folder, target, was.made)
        except OutsideError:
            raise
        except ExternalError:
            reset(self._ctx.control, self._handouts, target, "", commit)
            return False
        self._handouts.hand_out(target, commit, environment.key, before)
        return True

    def _clean(self) -> None:
        reset(self._ctx.control, self._handouts, self._spot.folder, "", self._spot.commit)

    # --- setup itself -----------------------------------------------------------------------

    async def _make(self) -> None:
        """Run setup, and keep what it made where it can be."""
        ctx, spot, want = self._ctx, self._spot, self._want
        why = await ctx.git(self._why)
        at, unwritten = await self._origin()
        if at != spot.commit and not await self._do(self._moved, at):
            at, unwritten = spot.commit, spot.unwritten
        if want.parts.fetches and not unwritten:
            # What it fetched is in the package cache of this one alone.
            self._told, self._problem = why, await self._run_for_one()
            return
        key = f"{want.digest}-{at[:12]}-{secrets.token_hex(4)}"
        began, git = ctx.clock(), GitState()
        if spot.git_dir:
            git = await ctx.git(additions.state_of, spot.git_dir)
        draft = await ctx.git(store.drafted, ctx.folder, key)
        run = partial(self._run, draft, at if unwritten else "")
        try:
            # First as everybody can have it; what needs the main checkout serves tasks alone.
            main = want.parts.main or want.digest in ctx.environments.marks
            trusted = spot.trusted or (spot.of_task and unwritten and at != spot.commit)
            self._problem, lacks = await run(sees_main=main and trusted)
            if self._problem and trusted and not main and ctx.repo.main:
                await self._do(self._moved, at)
                await self._do(store.discard, store.home_in(draft))
                self._problem, lacks = await run(sees_main=True)
                main = True
                if not self._problem:
                    ctx.environments.marks.add(want.digest)
            if self._problem:
                if at != spot.commit:
                    await self._do(self._moved, spot.commit)
                return
            self._told = why
            environment = Environment(
                key=key,
                digest=want.digest,
                commit=at,
                maker=spot.task if spot.of_task else "a check",
                main=main,
                unwritten=unwritten,
                ignores=want.ignores,
                inputs=want.inputs,
                lacks=lacks,
                seconds=ctx.clock() - began,
            )
            await self._do(self._keep, draft, environment, git)
            for text in lacks:
                self._tell(text)
        finally:
            await self._do(store.discard, draft)
        if at != spot.commit and not await self._do(self._moved, spot.commit, key):
            self._found = None
            self._problem = await self._run_for_one()

    async def _origin(self) -> tuple[Sha, bool]:
        """Where to make it: at a commit where it was made before, so that it serves as many."""
        fitting = (await self._fitting()).values()
        best = sorted(fitting, key=lambda one: (not one.unwritten, one.main))
        if best:
            return best[0].commit, best[0].unwritten
        return self._spot.commit, self._spot.unwritten

    def _moved(self, commit: Sha, key: str = "") -> bool:
        """Bring the checkout to a commit, with what was made for `key`; whether that worked."""
        spot = self._spot
        keys = {key} if key else set[str]()
        found = reset(self._ctx.control, self._handouts, spot.folder, "", commit, keys)
        if found is None:
            raise ExternalError(f"{spot.folder} cannot be made clean", hint="remove that folder")
        self._before = found.bare.inventory
        return found.key == key

    async def _run_for_one(self) -> str:
        ctx, spot = self._ctx, self._spot
        kept = self._want.parts.kept
        problem = await _provision(ctx, self._settings, spot, self._tell, kept)
        if not problem:
            record = self._handouts.hand_out
            await self._do(record, spot.folder, spot.commit, "", self._before)
        return problem

    async def _run(
        self, draft: str, unwritten: str, *, sees_main: bool
    ) -> tuple[str, tuple[str, ...]]:
        """Run the commands that can be kept; gives what went wrong, and what they told."""
        ctx, spot = self._ctx, self._spot
        lacks: list[str] = []
        problem = await provision(
            ctx,
            self._settings,
            spot.folder,
            task=spot.task,
            branch=spot.branch,
            home=store.home_in(draft),
            port=spot.port,
            trusted=sees_main,
            unwritten=unwritten,
            binds=spot.binds,
            tell=lacks.append,
            texts=self._want.parts.kept,
            shared=True,
        )
        return problem, tuple(lacks)

    def _keep(self, draft: str, environment: Environment, git: GitState) -> None:
        """Keep what setup made, or say why it cannot be given to others."""
        spot, evidence = self._spot, self._ctx.folder
        handout = self._handouts.hand_out(
            spot.folder, environment.commit, environment.key, self._before
        )
        states = [handout.inventory[path] for path in handout.made]
        added = additions.added(spot.git_dir, git) if spot.git_dir else GitAdditions()
        why = added if isinstance(added, str) else ""
        if not is_plain(states):
            why = "it left a pipe or a socket"
        elif changed := self._changed(handout):
            why = f"it changed {changed}"
        if why or isinstance(added, str):
            self._handouts.store(spot.folder, replace(handout, key=""))
            self._told += f"; not kept: {why}"
            make_home(self._ctx, spot.home)
            store.copy_home(store.home_in(draft), spot.home)
            return
        sizes = [state[1] for state in states if S_ISREG(state[3])]
        environment = replace(
            environment,
            clean=self._is_ignored(handout),
            size=sum(sizes),
            count=len(sizes),
        )
        store.keep(evidence, draft, environment, added)
        self._found = environment

    def _changed(self, handout: Handout) -> str:
        """A tracked file that setup changed, for it would be changed for others; or nothing."""
        paths = [
            path
            for path, state in self._before.items()
            if not path.endswith("/") and handout.inventory.get(path) != state
        ]
        if not paths:
            return ""
        seen = snapshot.since(self._ctx.control, self._spot.folder, "", paths)
        return min(paths) if seen is None or seen.changed else ""

    def _is_ignored(self, handout: Handout) -> bool:
        """Whether git ignores all that was made."""
        made = outermost(handout.made)
        seen = snapshot.since(self._ctx.control, self._spot.folder, "", made) if made else None
        return not made or (seen is not None and not seen.untracked and not seen.changed)

    def _why(self) -> str:
        """Why setup has to run, as far as files tell."""
        known = list(store.known(self._ctx.folder))
        if self._want.parts.inputs.whole:
            return f"setup ran; it follows from all files: {self._want.parts.inputs.whole}"
        if not known:
            return "setup ran"
        old, new = known[-1].inputs, self._want.inputs
        paths = sorted(path for path in {*old, *new} if old.get(path) != new.get(path))
        return f"setup ran: {listed(paths, _TOLD)} changed" if paths else "setup ran again"

    # --- what is of one task ------------------------------------------------------------------

    async def _run_own(self) -> None:
        own = self._want.parts.own
        self._problem = await _provision(
            self._ctx, self._settings, self._spot, self._tell, own, brings=False
        )
        if not self._problem:
            await self._do(self._record_own)

    def _record_own(self) -> None:
        spot, was = self._spot, self._handouts.load(self._spot.folder)
        if was is None:
            return
        made = set(was.made)
        before = {path: state for path, state in was.inventory.items() if path not in made}
        self._handouts.hand_out(spot.folder, spot.commit, was.key, before, was.inventory)


def _has_room(made: tuple[str, ...], before: Inventory) -> bool:
    """Whether nothing that was made has the place of something that is there."""
    return all(
        path.rstrip("/") not in before and (path.endswith("/") or f"{path}/" not in before)
        for path in made
    )
