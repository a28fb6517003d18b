"""One task's worktree: where it is, how it is brought to a commit, how it is saved.

Shared by the stages that move a task. Promises: what a worktree holds is committed
below refs/wtman/ before anything of it is replaced, the branch moves only by
compare-and-swap, and git never runs with the worktree as its repository.
"""

import os
from dataclasses import dataclass

from wtman.context import Context
from wtman.core.model import Branch, RunId, Sha, TaskId
from wtman.core.state import State
from wtman.git import control, refs
from wtman.git.worktrees import Worktree, WorktreeSpec, create, head_of, repair_head

HEADS = "refs/heads/"


@dataclass(frozen=True, slots=True)
class Place:
    """The names of a task in the repository."""

    run: RunId
    task: TaskId
    branch: Branch
    path: str

    @property
    def ref(self) -> str:
        return HEADS + self.branch

    def attempt_ref(self, attempt: int) -> str:
        """Where the commit of a completed attempt is kept."""
        return f"refs/wtman/attempts/{self.run}/{self.task}/{attempt}"

    def saved_ref(self, commit: Sha) -> str:
        """Where work that did not count is kept."""
        return f"refs/wtman/saved/{self.run}/{self.task}/{commit[:12]}"


def place_of(state: State, task: TaskId) -> Place:
    """The place of a task of the run."""
    return Place(
        run=state.run,
        task=task,
        branch=Branch(f"wtman/{state.run}/{task}"),
        path=os.path.join(state.settings.worktrees, state.run, task),
    )


def made(ctx: Context, place: Place) -> Worktree:
    """The worktree of a place, made if it is not there. Blocking."""
    name = f"wtman-{place.run}-{place.task}"
    return create(ctx.repo, [WorktreeSpec(name, place.path, place.branch)])[0]


def bring(ctx: Context, state: State, place: Place, was: Sha | None, to: Sha) -> Worktree:
    """Make branch and worktree stand at `to`; what differs is saved first. Blocking.

    `was` is where the branch is known to be (None: it must not exist). A branch that
    stands at `to` already is fine, so that this can be done twice.
    Raises RaceError when the branch is somewhere else.
    """
    now = refs.read_one(ctx.repo, place.ref)
    if now != to:
        # A landed branch has left refs/heads: bringing it back makes it anew.
        refs.update(ctx.repo, [refs.RefChange(place.ref, to, was if now is not None else None)])
    worktree = made(ctx, place)
    if head_of(worktree) != f"ref: {place.ref}":
        repair_head(worktree, place.branch)
    save(ctx, state, place, worktree, parent=was or to)
    control.checkout(ctx.control, worktree.path, worktree.index, to)
    return worktree


def save(ctx: Context, state: State, place: Place, worktree: Worktree, parent: Sha) -> Sha | None:
    """Keep what the worktree holds beyond `parent` below refs/wtman/saved/. Blocking.

    Gives the commit, or None when there is nothing beyond the parent's tree.
    """
    if not os.path.exists(worktree.index):
        return None  # nothing was ever checked out here
    snapshot = control.snapshot(ctx.control, worktree.path, worktree.index, parent)
    if snapshot.tree == control.tree_of(ctx.control, parent):
        return None
    commit = control.commit(
        ctx.control,
        snapshot.tree,
        (parent,),
        f"wtman: work of {place.task} that was set aside\n",
        state.identity,
        ctx.clock(),
    )
    ref = place.saved_ref(commit)
    if refs.read_one(ctx.repo, ref) != commit:
        refs.update(ctx.repo, [refs.RefChange(ref, commit, None)])
    return commit
