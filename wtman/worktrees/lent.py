"""The private git directories that a task's setup and sessions get, one after the other.

Setup has one of its own (attempt 0), so that what writes in git directories works in a
worktree as it does in a checkout of a check, and the user's stays as it is. Each attempt
starts from what setup left there, and finds the submodules that an earlier one initialised.
Blocking.
"""

import os

from wtman.context import Context
from wtman.git.trees import remove_tree
from wtman.git.untrusted import inherited, private
from wtman.git.untrusted.private import PrivateGit
from wtman.journal.state import State
from wtman.model.ids import Sha
from wtman.worktrees.place import TaskPlace, made, name_of

SETUP = 0  # the attempt that stands for setup


def lend(ctx: Context, state: State, place: TaskPlace, attempt: int, at: Sha) -> PrivateGit:
    """Make the private git directory of an attempt that starts at `at`, and hand it over."""
    folder = folder_of(ctx, place, attempt)
    earlier = _earlier(ctx, place, attempt)
    full = [path for path in earlier if _has_submodules(path, place)]
    worktree = made(ctx, place)
    git = private.make(
        ctx.control,
        worktree,
        place.branch,
        at,
        folder,
        mounted=ctx.sandbox.mounts,
        seen=ctx.view(worktree.path).seen(worktree.path),
        target=state.target,
        who=state.identity,
        like=folder_of(ctx, place, SETUP) if attempt else "",
        before=full[-1] if full else "",
    )
    for path in earlier:
        if path != folder:
            remove_tree(path)
    private.enter(git)
    return git


def folder_of(ctx: Context, place: TaskPlace, attempt: int) -> str:
    """Where the private git directory of an attempt is."""
    return ctx.below("tasks", place.task, str(attempt), "git")


def give_back(ctx: Context, place: TaskPlace, attempt: int) -> None:
    """Remove the one of an attempt whose work is collected, unless submodules are in it."""
    folder = folder_of(ctx, place, attempt)
    if not _has_submodules(folder, place):
        remove_tree(folder)


def _earlier(ctx: Context, place: TaskPlace, attempt: int) -> list[str]:
    """Those before an attempt and that of the attempt itself, the newest last; of setup, which
    may run again, its own and those of all attempts."""
    try:
        names = os.listdir(ctx.below("tasks", place.task))
    except FileNotFoundError:
        return []
    numbers = sorted(int(name) for name in names if name.isdecimal())
    chosen = [number for number in numbers if attempt == SETUP or SETUP < number <= attempt]
    return [folder_of(ctx, place, number) for number in chosen]


def _has_submodules(folder: str, place: TaskPlace) -> bool:
    return os.path.isdir(inherited.submodules_of(folder, name_of(place)))
