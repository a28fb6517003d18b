"""Branches of tasks that have landed leave refs/heads; nothing of them is lost.

A landed task's branch moves to refs/wtman/merged/<run>/<task> in one transaction. A
worktree that has it checked out is detached first, and only if it holds nothing beyond
the branch: else the branch stays, and the note says why. Branches that wtman did not
make are never moved. Blocking, and safe to do twice.
"""

import os

from wtman.context import Context
from wtman.errors import OutsideError, WtmanError
from wtman.git import refs
from wtman.git.checkouts.worktrees import detach, head_of
from wtman.git.refs import RefChange
from wtman.git.repo import Checkout, checkouts
from wtman.journal.state import State, TaskView
from wtman.model.ids import Sha, TaskId
from wtman.worktrees.baseline import unsaved
from wtman.worktrees.place import place_of, worktree_of


def retire(ctx: Context, state: State, tasks: tuple[TaskId, ...]) -> dict[TaskId, str]:
    """Move the branches of `tasks` away; gives the reason for each that had to stay."""
    heads = refs.read(ctx.repo, f"refs/heads/wtman/{state.run}")
    stands = {item.branch: item for item in checkouts(ctx.repo) if item.branch}
    stayed: dict[TaskId, str] = {}
    for task in tasks:
        view = state.tasks[task]
        tip = heads.get(f"refs/heads/{view.branch}")
        if view.external or tip is None:
            continue
        try:
            reason = _retire(ctx, state, view, tip, stands.get(view.branch))
        except OutsideError:
            raise
        except WtmanError as error:
            reason = error.message
        if reason:
            stayed[task] = reason
    return stayed


def _retire(ctx: Context, state: State, view: TaskView, tip: Sha, stands: Checkout | None) -> str:
    if tip != view.head:
        return f"branch {view.branch} has moved since it was verified"
    if stands is not None and os.path.isdir(stands.path):
        if os.path.realpath(stands.path) != os.path.realpath(view.worktree or "/"):
            return f"branch {view.branch} is checked out in {stands.path}"
        reason = _detach(ctx, state, view, tip)
        if reason:
            return reason
    kept = f"refs/wtman/merged/{state.run}/{view.task.id}"
    known = refs.read_one(ctx.repo, kept)
    changes = [RefChange(f"refs/heads/{view.branch}", None, tip)]
    if known != tip:
        changes.append(RefChange(kept, tip, known))
    refs.update(ctx.repo, changes)
    return ""


def _detach(ctx: Context, state: State, view: TaskView, tip: Sha) -> str:
    """Let the task's own worktree stand on the commit instead of the branch."""
    place = place_of(state, view.task.id)
    worktree = worktree_of(ctx.repo, place, view.worktree)
    if head_of(worktree) != f"ref: refs/heads/{view.branch}":
        return f"branch {view.branch} is checked out outside its worktree"
    if unsaved(ctx.control, state, place, worktree, tip)[0]:
        return f"branch {view.branch} stays: {worktree.path} has uncommitted changes"
    detach(worktree, tip)
    return ""
