"""A cheap look at a worktree in which a session is at work.

Promises to touch nothing that anybody else uses: it has an index of its own for each
worktree, and what it writes goes to an object folder of its own (`Control.aside`), so that
looking a thousand times leaves no object in the repository. A worktree without news
costs one process. Refuses to read in what is heavy: a build that is not ignored would
be hashed again at every look.
"""

import os
from contextlib import suppress

from wtman import files
from wtman.formats.git_output import raw, text
from wtman.git.checkouts.snapshot import snapshot
from wtman.git.control_dir import Control, call, own_index
from wtman.model.ids import Sha
from wtman.model.values import dataclass

_MOST_PATHS, _MOST_BYTES = 5_000, 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Glance:
    """`tree` is what the worktree held when its branch was at `tip`."""

    tip: Sha
    tree: Sha


def glance(
    ctl: Control, worktree: str, official: str, index: str, tip: Sha, before: Glance | None
) -> Glance | None:
    """What the worktree holds now: `before` itself if nothing changed, None if it is too much.

    `official` is the worktree's index as git knows it, `index` the one to work with, which
    must be where no session can write.
    """
    if not os.path.exists(index):
        before = None
        _seed(ctl, worktree, official, index)
    if os.path.exists(index):
        news = _news(ctl, worktree, index)
        if not news and before is not None and before.tip == tip:
            return before
        if _heavy(worktree, news):
            return None
    return Glance(tip, snapshot(ctl, worktree, index, tip).tree)


def _seed(ctl: Control, worktree: str, official: str, index: str) -> None:
    """Begin with what the coordinator's index knows of the files, so that few are read."""
    known = own_index(ctl, worktree, official)
    with suppress(FileNotFoundError):
        # With its time: git compares file times with it to see edits within one tick.
        files.copy(known, index)


def _news(ctl: Control, worktree: str, index: str) -> list[str]:
    """Paths that are not as the index says. A nested repository is never taken: no news."""
    args = ["ls-files", "-z", "--modified", "--others", "--exclude-standard"]
    listed = call(ctl, args, worktree=worktree, index=index).out.split(b"\0")
    return [text(item) for item in listed if item and not item.endswith(b"/")]


def _heavy(worktree: str, paths: list[str]) -> bool:
    if len(paths) > _MOST_PATHS:
        return True
    total = 0
    for path in paths:
        try:
            total += os.lstat(os.path.join(raw(worktree), raw(path))).st_size
        except OSError:
            continue  # gone, or going
    return total > _MOST_BYTES
