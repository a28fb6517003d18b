"""What the checkouts of a run will take on the disk, said before it starts.

Pure arithmetic. Git's own objects and the caches of package managers are not in it.
"""

from typing import Any

from wtman.model.disk import DiskUse, FreeSpace
from wtman.model.plan import Plan
from wtman.model.roles import review_agents
from wtman.model.settings import Settings
from wtman.model.values import dataclass
from wtman.text.terminal import count, storage
from wtman.worktrees.decide import are_shared


@dataclass(frozen=True, slots=True)
class DiskForecast:
    """`need` is for all checkouts at once, `one` for one more. `setup_known`: what setup adds
    is in it, as measured when it ran last. `worktrees` are of tasks, `checkouts` of checks and
    reviewers; all lie in `folder`, where `free` is free."""

    folder: str
    worktrees: int
    checkouts: int
    one: DiskUse
    need: DiskUse
    free: FreeSpace
    setup_known: bool = True
    pooled: bool = False  # with fewer jobs there are fewer worktrees
    apart: bool = False  # the sandbox is why each task keeps its own

    @property
    def fits(self) -> bool:
        return not self.free.lacks(self.need)

    @property
    def most_jobs(self) -> int:
        """For how many worktrees there is room; 0: for none, or it does not depend on jobs."""
        if not self.pooled:
            return 0
        left = self.free.usable - self.free.reserve - self.one.size * self.checkouts
        return max(left // max(self.one.size, 1), 0)


def worktrees_of(plan: Plan, settings: Settings) -> int:
    """How many worktrees of tasks there are at once, at most."""
    tasks = len(plan.tasks) or settings.jobs
    return min(tasks, settings.jobs) if are_shared(settings) else tasks


def checkouts_of(plan: Plan, settings: Settings) -> int:
    """How many checkouts of checks and reviewers there are at once, at most."""
    tasks = len(plan.tasks) or settings.jobs
    checked = plan.check or settings.check or any(task.check for task in plan.tasks)
    checks = min(settings.check_jobs, tasks + 1) if checked else 0
    read = review_agents(settings) and settings.reviewers
    return checks + (min(settings.jobs, tasks * settings.reviewers) if read else 0)


def disk_words(told: DiskForecast) -> str:
    """The forecast in one line."""
    checkouts = f" and {count(told.checkouts, 'checkout')}" if told.checkouts else ""
    unknown = "" if told.setup_known else " and what setup adds"
    short = "" if told.fits else ": not enough"
    apart = " (one a task: only bubblewrap lets tasks share them)" if told.apart else ""
    return (
        f"about {storage(told.need.size)}{unknown} for {count(told.worktrees, 'worktree')}{apart}"
        f"{checkouts}, {storage(told.free.size)} free{short}"
    )


def disk_json(told: DiskForecast) -> dict[str, Any]:
    """The forecast for programs: bytes, and files, folders and links."""
    return {
        "folder": told.folder,
        "worktrees": told.worktrees,
        "checkouts": told.checkouts,
        "bytes": told.need.size,
        "files": told.need.files,
        "setup_known": told.setup_known,
        "free_bytes": told.free.size,
        "free_files": told.free.files,
        "enough": told.fits,
    }
