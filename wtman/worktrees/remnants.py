"""What a worktree that goes holds and no commit has: what is kept of it, and what need not be.

Kept is what may be work: changes that nobody committed, repositories inside, files at ignored
paths that a session or a person wrote there. Not kept is what git has, what setup brought, and
the caches and outputs of tools, which can be made again. In doubt it is kept. Blocking.
"""

import contextlib
import os
import time
from collections.abc import Iterator

from wtman.errors import WorktreeError
from wtman.git.checkouts import snapshot
from wtman.git.checkouts.snapshot import Snapshot
from wtman.git.checkouts.worktrees import Worktree
from wtman.git.control_dir import Control
from wtman.git.objects import history
from wtman.journal.state import State, TaskView
from wtman.model.changes import Change
from wtman.model.ids import Sha
from wtman.model.values import dataclass
from wtman.sandbox.mounts import outermost
from wtman.worktrees.baseline import brought, unsaved
from wtman.worktrees.ignored import is_newer, repositories_since, work_since
from wtman.worktrees.place import TaskPlace
from wtman.worktrees.trash import KeptFiles

_TICK = 100_000_000  # nanoseconds by which the clock of a disk may be behind


@dataclass(frozen=True, slots=True)
class Remnants:
    """`why` says what no commit holds, "" where there is nothing.

    `kept` is None where nobody can tell: then all of it is to be kept. `ignored` counts the
    kept paths that git ignores. `since` is when it was looked at, in nanoseconds: what is
    written later is to be kept, too.
    """

    why: str = ""
    kept: KeptFiles | None = None
    ignored: int = 0
    since: int = 0


def remnants(
    ctl: Control, state: State, place: TaskPlace, worktree: Worktree, tip: Sha
) -> Remnants:
    """What has to be kept of a worktree whose branch is at `tip`."""
    if not (tip and os.path.isdir(worktree.path) and os.path.isdir(worktree.admin)):
        return Remnants()
    since = time.time_ns() - _TICK
    try:
        why, seen = unsaved(ctl, state, place, worktree, tip)
    except WorktreeError as error:
        return Remnants(f"{worktree.path} cannot be read: {error.message}")
    began = _began(ctl, state, place)
    changed = _changed(ctl, state, place, tip, seen)
    inside = [*seen.nested, *seen.submodules]
    paths = dict.fromkeys(item.path for item in changed if item.new is not None)
    paths |= dict.fromkeys(seen.left)
    paths |= dict.fromkeys(
        path for path in inside if is_newer(os.path.join(worktree.path, path), began)
    )
    ignored = snapshot.ignored(ctl, worktree.path, worktree.index)
    hidden = work_since(worktree, ignored, began)
    hidden += repositories_since(worktree, ignored, began)
    paths |= dict.fromkeys(hidden)
    kept = KeptFiles(
        commit=tip,
        paths=outermost(path.rstrip("/") for path in paths),
        deleted=tuple(item.path for item in changed if item.new is None),
        index=bool(changed),  # something may be staged
    )
    return Remnants(why, kept, len(hidden), since)


def _changed(
    ctl: Control, state: State, place: TaskPlace, tip: Sha, seen: Snapshot
) -> list[Change]:
    """The files that differ from the commit, but for those that are as setup left them."""
    changed = history.changes(ctl, tip, seen.tree)
    setup = brought(ctl, state, place) if changed else None
    if setup is None:
        return list(changed)
    own = {item.path for item in history.changes(ctl, setup, seen.tree)}
    return [item for item in changed if item.path in own]


def _began(ctl: Control, state: State, place: TaskPlace) -> int:
    """Since when somebody may have worked there, in nanoseconds on the clock of the disk.

    0 where nobody knows: then what is there may be anybody's.
    """
    view = state.tasks.get(place.task) or state.dropped[place.task]
    evidence = os.path.join(ctl.repo.wtman_dir, "runs", state.run, "tasks", place.task)
    return min(_starts(evidence, view), default=0)


def _starts(evidence: str, view: TaskView) -> Iterator[int]:
    for attempt in view.attempts:
        for name in ("spec.json", "attach.json"):
            with contextlib.suppress(OSError):
                yield os.stat(os.path.join(evidence, str(attempt.number), name)).st_ctime_ns
