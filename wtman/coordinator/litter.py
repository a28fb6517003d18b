"""What killed coordinators left behind, taken away by the next command that owns the repository.

Private HOMEs of checks, in which copies of the user's files may be, half-made files, folders
and worktrees' entries, checkouts that were about to be replaced, sockets. Each is told from
what is in use by a lock or by the process that it is named after. Blocking; nothing of it is
an error.
"""

import contextlib
import os
import re
import tempfile

from wtman.errors import MissingError
from wtman.git import scratch
from wtman.git.checkouts.worktrees import NEW
from wtman.git.control_dir import Control
from wtman.git.objects.writer import sweep_quarantines
from wtman.journal.store import Store
from wtman.model.ids import RunId
from wtman.sandbox.gateway import SHORT
from wtman.worktrees.takeover import put_back

_LEFT = ("exit.json.tmp", "activity.json")
_SOCKET = re.compile(r"door-\d+")
# The HOME of a task is kept for its life, that of a setup with its result; the other parts
# have none.
_NO_QUESTIONS = (
    *("tasks", "checks", "setup", "cleanup", "homes", "patches", "environments", "handouts"),
)
_HOMES = ("home", "home-packages")
_UNSEEN = (*_HOMES, "homes", "git", "patches")  # folders without drafts of ours


def sweep_repository(ctl: Control, store: Store) -> None:
    """What nobody owns in wtman's folder, and the HOMEs of checks of all runs that are not live."""
    repo = ctl.repo
    scratch.sweep(os.path.join(ctl.path, "tmp"))
    scratch.sweep(repo.wtman_dir, NEW)
    scratch.sweep(tempfile.gettempdir(), SHORT)
    sweep_quarantines(ctl)
    for place in (repo.wtman_dir, ctl.path, os.path.join(ctl.path, "index")):
        scratch.sweep_drafts(place)
    for run in store.runs():
        homes = os.path.join(repo.wtman_dir, "runs", run, "homes")
        if os.path.isdir(homes):
            _sweep_homes(store, run, [homes])


def sweep_questions(ctl: Control, store: Store) -> None:
    """The private HOMEs of planners and reviewers of all runs that are not live.

    A question that is asked again after a kill is asked in a new session.
    """
    for run in store.runs():
        _sweep_homes(store, run, _homes_of_questions(os.path.join(ctl.repo.wtman_dir, "runs", run)))


def _sweep_homes(store: Store, run: RunId, homes: list[str]) -> None:
    if homes and not store.live(run):
        with contextlib.suppress(OSError, MissingError), store.lock(run):
            for home in homes:
                scratch.discard(home)


def _homes_of_questions(folder: str) -> list[str]:
    found = []
    with contextlib.suppress(OSError):
        for part in os.listdir(folder):
            if part in _NO_QUESTIONS:
                continue
            for place, below, _ in os.walk(os.path.join(folder, part)):
                found += [os.path.join(place, name) for name in below if name in _HOMES]
                below[:] = [name for name in below if name not in _HOMES]
    return found


def sweep_caches(ctl: Control, older_than: float, now: float) -> None:
    """Indexes of checkouts that nobody has looked at for so many seconds: they are only caches."""
    with contextlib.suppress(OSError), os.scandir(os.path.join(ctl.path, "index")) as found:
        for item in found:
            if now - item.stat(follow_symlinks=False).st_mtime > older_than:
                scratch.discard(item.path)


def sweep_run(ctl: Control, run: RunId, folder: str, worktrees: str) -> None:
    """What an earlier coordinator of the run left; for the holder of its lock.

    `folder` is the run's evidence, `worktrees` the folder of all worktrees.
    """
    for home in (os.path.join(folder, "homes"), *_homes_of_questions(folder)):
        scratch.discard(home)
    _put_patches_right(folder)
    for place, below, names in os.walk(folder):
        below[:] = [name for name in below if name not in _UNSEEN]
        scratch.sweep_drafts(place)
        for name in names:
            if name in _LEFT or (place == folder and _SOCKET.fullmatch(name)):
                scratch.discard(os.path.join(place, name))
    put_back(run, worktrees)
    for kind in ("checks", "reading"):
        scratch.sweep_drafts(os.path.join(worktrees, f"{run}-{kind}"))
    admins = os.path.join(ctl.repo.common_dir, "worktrees")
    with contextlib.suppress(OSError):
        for name in os.listdir(admins):
            if name.startswith(f"wtman-{run}-"):
                scratch.sweep_drafts(os.path.join(admins, name))


def _put_patches_right(folder: str) -> None:
    """The patches of a merge that was cut off: the old ones, whole, or none."""
    patches, new = os.path.join(folder, "patches"), os.path.join(folder, ".patches.new")
    old = f"{new}.old"
    with contextlib.suppress(OSError):
        if os.path.isdir(old) and not os.path.lexists(patches):
            os.rename(old, patches)
    for path in (new, old):
        if os.path.lexists(path):
            scratch.discard(path)
