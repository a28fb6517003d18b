"""Whether the disk has room for what a run is going to check out."""

from wtman.coordinator.start.disk_forecast import (
    DiskForecast,
    checkouts_of,
    worktrees_of,
)
from wtman.errors import MissingError
from wtman.git.control_dir import Control
from wtman.git.disk import free_space
from wtman.git.footprint import footprint
from wtman.model.ids import Sha
from wtman.model.plan import Plan
from wtman.model.settings import Settings
from wtman.provision.setup_use import SetupUse, known_use
from wtman.text.terminal import count, storage
from wtman.worktrees.decide import are_shared


def disk_forecast(control: Control, plan: Plan, settings: Settings, base: Sha) -> DiskForecast:
    """What the run will take where its worktrees are. Blocking."""
    free = free_space(settings.worktrees)
    known = known_use(control.repo, settings)
    added = known or SetupUse()
    worktrees, checkouts = worktrees_of(plan, settings), checkouts_of(plan, settings)
    one = footprint(control, base, free.block) + added.checkout
    homes = added.home * (len(plan.tasks) or settings.jobs)
    need = one * (worktrees + checkouts) + homes
    folder = settings.worktrees
    pooled = are_shared(settings)
    apart = not (pooled or settings.keep_worktrees) and worktrees > settings.jobs
    return DiskForecast(
        folder, worktrees, checkouts, one, need, free, known is not None, pooled, apart
    )


def require_room(told: DiskForecast) -> None:
    """Refuse to start what there is no room for, before anything is spent."""
    if told.fits:
        return
    checkouts = f" and {count(told.checkouts, 'checkout')}" if told.checkouts else ""
    lacking = told.need.size + told.free.reserve - told.free.usable
    what = f"{storage(lacking)} are missing" if lacking > 0 else "inodes are missing"
    fewer = told.most_jobs
    raise MissingError(
        f"too little disk space in {told.folder}: {count(told.worktrees, 'worktree')}{checkouts} "
        f"take about {storage(told.need.size)}, {storage(told.free.usable)} are free, {what}",
        hint="free some: wtman clean; or put them elsewhere: worktrees = another folder"
        + (f"; or have fewer at once: -j {fewer}" if 0 < fewer < told.worktrees else ""),
        code="disk",
    )
