"""The package cache of the repository, as what runs in a sandbox is shown it.

Filled only by a setup that is trusted, in a tree that no agent wrote, one at a time: not every
tool can share its cache with another that writes. Whoever else wants to fill it for the same
tree and setup waits for the first, and then reads; where that one failed, tries itself. So
what several tasks need is downloaded once. Everybody else reads, through a folder of their own
(`package_caches`), and so does what an agent wrote or may have changed.

Only under a sandbox that shows folders elsewhere than they are: the others keep what a private
HOME holds.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from wtman.context import Context
from wtman.git.trees import remove_tree
from wtman.model.values import dataclass
from wtman.provision import package_cache_folder as folder
from wtman.provision.package_cache_folder import PackageCacheFolder
from wtman.provision.package_caches import FILES, LINKS, OFFLINE, VARIABLES
from wtman.provision.package_seed import seed
from wtman.sandbox.home import lay_in_home, link_in_home
from wtman.sandbox.inside import CACHE, PACKAGES

_PAUSE = 0.2  # seconds until a lock is tried again


@dataclass(slots=True)
class Packages:
    """`binds` show it. Who fills it says at the end, with `complete`, that nothing is missing."""

    binds: tuple[tuple[str, str, bool], ...] = ()
    complete: bool = False


def variables(ctx: Context, *, offline: bool = False) -> dict[str, str]:
    """What tells the tools where it is; `offline`: and not to ask for what is not there.

    The same whatever the cache holds.
    """
    if not _is_shown(ctx):
        return {}
    return {**VARIABLES, **(OFFLINE if offline else {})}


def lead_there(ctx: Context, home: str) -> None:
    """Let the tools find it from a private HOME, where nothing else is in the way. Blocking."""
    if _is_shown(ctx) and os.path.isdir(home):
        link_in_home(home, LINKS)
        lay_in_home(home, FILES)


@asynccontextmanager
async def shown(
    ctx: Context, home: str, fills: str = "", checkout: str = "", *, stays: bool = False
) -> AsyncIterator[Packages]:
    """Show the package cache to what runs with this HOME, until the block ends.

    `fills` is the key of a setup in `checkout`, which no agent wrote, so that it may write;
    without one, or where a setup of that key has filled it, it is read. The folder of who reads
    it lies beside the HOME. One that is there already is used; it goes at the end, unless it
    `stays` for what runs with this HOME next.
    """
    if not _is_shown(ctx):
        yield Packages()
        return
    place = folder.folder_of(ctx.repo)
    await ctx.git(folder.make, place)
    use = await _lock(place.use, shared=True)
    try:
        filler = await _turn(ctx, place, fills) if fills else None
        if filler is None:
            private = f"{home}-packages"
            await ctx.git(folder.make_private, place, private)
            try:
                mounted = await ctx.git(folder.mounted, place, private)
                binds = ((place.packages, PACKAGES, False), (private, CACHE, True), *mounted)
                yield Packages(binds)
            finally:
                if not stays:
                    await ctx.git(remove_tree, private)
            return
        try:
            await ctx.git(seed, place, ctx.environ.get("HOME", ""), checkout)
            packages = Packages(((place.packages, CACHE, True),))
            yield packages
            if packages.complete:
                await ctx.git(folder.note_filled, place, fills)
        finally:
            os.close(filler)
    finally:
        os.close(use)


async def _turn(ctx: Context, place: PackageCacheFolder, key: str) -> int | None:
    """The lock of who fills the cache; None where somebody has filled it with this key."""
    while not await ctx.git(folder.is_filled, place, key):
        lock = folder.held(place.lock, shared=False)
        if lock is None:
            await asyncio.sleep(_PAUSE)
        elif await ctx.git(folder.is_filled, place, key):
            os.close(lock)
        else:
            return lock
    return None


async def _lock(path: str, *, shared: bool) -> int:
    while (lock := folder.held(path, shared=shared)) is None:
        await asyncio.sleep(_PAUSE)
    return lock


def _is_shown(ctx: Context) -> bool:
    return bool(ctx.view(ctx.folder).moved)
