"""What the user's git has left in the entry of a worktree, beside its branch and its files.

Sessions have a git directory of their own. So what is staged in the entry, in the log of its
HEAD, half-way or in a submodule there is the user's, and would go with the entry. Blocking.
"""

import os
from collections.abc import Iterator

from wtman import files
from wtman.context import Context
from wtman.errors import ExternalError
from wtman.git import operations
from wtman.git.checkouts.worktrees import Worktree
from wtman.git.control_dir import call, own_index
from wtman.git.objects import history
from wtman.journal.state import State
from wtman.model.ids import Sha
from wtman.worktrees.place import TaskPlace, keep

_CAP = 1 << 30  # bytes of an index
_LOG = 1 << 20  # bytes of a log, its end
_NEWEST = 200  # commits of a log


def reason_to_stay(worktree: Worktree) -> str:
    """Why nobody else may have the worktree: what cannot be kept otherwise; "" for nothing."""
    if os.path.isdir(os.path.join(worktree.path, ".git")):
        return "it is a repository of its own"
    if underway := operations.in_entry(worktree.admin, worktree.path):
        return f"{underway.what} is under way in it"
    if any(os.listdir(path) for path in _folders(worktree.admin, "modules")):
        return "a submodule has its repository there"
    if any(names for path in _folders(worktree.admin, "refs") for *_, names in os.walk(path)):
        return "it has refs of its own"
    return ""


def keep_own(ctx: Context, state: State, place: TaskPlace, worktree: Worktree, head: Sha) -> str:
    """Keep commits that were made there and are not the task's, and what is staged; tells of it."""
    kept = [*_commits(ctx, worktree, head), *_staged(ctx, state, place, worktree, head)]
    for commit in kept:
        keep(ctx, place, commit)
    shown = " ".join(commit[:12] for commit in kept[:3])
    more = f" and {len(kept) - 3} more" if kept[3:] else ""
    return f"what you committed or staged there is kept: git show {shown}{more}" if kept else ""


def _commits(ctx: Context, worktree: Worktree, head: Sha) -> list[Sha]:
    told = files.tail(os.path.join(worktree.admin, "logs", "HEAD"), _LOG).decode("ascii", "replace")
    names = [line.split(" ", 2)[1] for line in told.splitlines() if line.count(" ") > 1]
    full = [name for name in dict.fromkeys(reversed(names)) if len(name) == len(head)]
    known = history.existing(ctx.control, full[:_NEWEST]) if full else frozenset()
    return [
        Sha(name)
        for name in full[:_NEWEST]
        if name in known and not history.is_ancestor(ctx.control, name, head)
    ]


def _staged(
    ctx: Context, state: State, place: TaskPlace, worktree: Worktree, head: Sha
) -> Iterator[Sha]:
    """What is staged and neither in the task's commit nor what wtman itself has put there."""
    shown = own_index(ctx.control, worktree.path, worktree.index)
    if not os.path.exists(worktree.index) or _same(worktree.index, shown):
        return
    tree = _tree(ctx, worktree, worktree.index)
    ours = _tree(ctx, worktree, shown) if os.path.exists(shown) else ""
    if tree not in (ours, history.tree_of(ctx.control, head)):
        what = f"wtman: what was staged in the worktree of {place.task}\n"
        # The time of the index: done twice, it is the same commit.
        when = os.stat(worktree.index).st_mtime
        yield history.commit(ctx.control, tree, (head,), what, state.identity, when)


def _tree(ctx: Context, worktree: Worktree, index: str) -> Sha:
    written = call(ctx.control, ["write-tree"], worktree=worktree.path, index=index).out
    return Sha(written.decode().strip())


def _same(one: str, other: str) -> bool:
    try:
        return files.read(one, _CAP)[0] == files.read(other, _CAP)[0]
    except (OSError, ExternalError):
        return False


def _folders(admin: str, name: str) -> list[str]:
    path = os.path.join(admin, name)
    return [path] if os.path.isdir(path) else []
