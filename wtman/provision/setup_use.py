"""How much setup adds to a checkout, as measured when it ran last in this repository.

Kept in wtman's own folder, by what the setup says, for the forecast of the next run. A figure
and no more: what cannot be read is not known, and what cannot be written is not kept.
"""

import contextlib
import functools
import json
import os
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from wtman import files
from wtman.errors import SPACE_HINT, DiskFullError
from wtman.git.control_dir import Control
from wtman.git.discovery import Repository
from wtman.git.disk import DiskTally, free_space
from wtman.git.footprint import footprint
from wtman.model.disk import DiskUse
from wtman.model.ids import RunId
from wtman.model.settings import Settings
from wtman.model.values import dataclass
from wtman.text.terminal import storage

if TYPE_CHECKING:
    from wtman.context import Context

_NAME = "setup-use.json"
_CAP = 1 << 20
_MOST = 50  # setups that are remembered
_P = ParamSpec("_P")


@dataclass(frozen=True, slots=True)
class SetupUse:
    """What one checkout gets beyond its tracked files, and what its private HOME gets."""

    checkout: DiskUse = DiskUse()
    home: DiskUse = DiskUse()


def known_use(repo: Repository, settings: Settings) -> SetupUse | None:
    """What setup added last time; nothing where there is none, None where nobody knows."""
    if not settings.brings:
        return SetupUse()
    item = _all(repo).get(_key(settings))
    try:
        checkout, home = item["checkout"], item["home"]  # type: ignore[index]
        return SetupUse(DiskUse(*map(int, checkout)), DiskUse(*map(int, home)))
    except (LookupError, TypeError, ValueError):
        return None


def checkout_use(ctl: Control, settings: Settings, commit: str) -> DiskUse:
    """What one more checkout of `commit` takes on the disk of the worktrees. Blocking."""
    block = free_space(settings.worktrees or ctl.path).block
    added = known_use(ctl.repo, settings) or SetupUse()
    return footprint(ctl, commit, block) + added.checkout


def require_space(ctl: Control, settings: Settings, commit: str) -> None:
    """Refuse to make a checkout that would fill the disk of the worktrees. Blocking."""
    place = settings.worktrees or ctl.path
    free, need = free_space(place), checkout_use(ctl, settings, commit)
    if free.lacks(need):
        raise DiskFullError(
            f"one more checkout in {place} takes about {storage(need.size)}, and "
            f"{storage(free.usable)} are free",
            hint=SPACE_HINT,
        )


def measured(
    work: "Callable[Concatenate[Context, Settings, str, _P], Awaitable[str]]",
) -> "Callable[Concatenate[Context, Settings, str, _P], Awaitable[str]]":
    """`work` provisions a folder and a `home`; the first time in a run it is measured, too."""

    @functools.wraps(work)
    async def provisioned(
        ctx: "Context", settings: Settings, folder: str, /, *args: _P.args, **rest: _P.kwargs
    ) -> str:
        home = str(rest["home"])
        before = await ctx.git(_before, ctx, settings, folder, home)
        problem = await work(ctx, settings, folder, *args, **rest)
        if before is not None and not problem:
            await ctx.git(_keep, ctx, settings, before, folder, home)
        return problem

    return provisioned


def _before(ctx: "Context", settings: Settings, folder: str, home: str) -> SetupUse | None:
    """What is there already; None where this run has measured it, or there is no setup."""
    if not settings.brings:
        return None
    item = _all(ctx.repo).get(_key(settings))
    if isinstance(item, dict) and item.get("run") == ctx.run:
        return None
    return _used(folder, home)


def _used(folder: str, home: str) -> SetupUse:
    checkout = DiskTally().add(folder, os.path.join(folder, ".git"))
    return SetupUse(checkout, DiskTally().add(home))


def _keep(ctx: "Context", settings: Settings, before: SetupUse, folder: str, home: str) -> None:
    after = _used(folder, home)
    checkout, private = after.checkout - before.checkout, after.home - before.home
    known = _all(ctx.repo)
    known.pop(_key(settings), None)
    known[_key(settings)] = {
        "run": RunId(ctx.run),
        "checkout": [checkout.size, checkout.files],
        "home": [private.size, private.files],
    }
    newest = dict(list(known.items())[-_MOST:])
    with contextlib.suppress(OSError):
        files.replace(os.path.join(ctx.repo.wtman_dir, _NAME), json.dumps(newest).encode())


def _key(settings: Settings) -> str:
    said = json.dumps([settings.setup, settings.copy, settings.symlink])
    return sha256(said.encode("utf-8", "surrogateescape")).hexdigest()[:24]


def _all(repo: Repository) -> dict[str, Any]:
    try:
        found = json.loads(files.head(os.path.join(repo.wtman_dir, _NAME), _CAP) or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
