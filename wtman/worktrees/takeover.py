"""A task takes over the worktree of another, and finds nothing in it that was left there.

What the other one's worktree held beyond its commits is kept first: committed below
refs/wtman/saved/, or moved aside where no commit can take it (a repository of its own, a file
that git ignores and that may be work). Then the folder is renamed, made what it was when it was
handed out, and registered with git under its new name. Whatever of this a kill cuts off is
done again: the journal has named the two before anything is touched. Blocking.

A folder in which somebody stands is left to the task that had it.
"""

import os
from collections.abc import Set
from dataclasses import dataclass, replace

from wtman import inventory
from wtman.context import Context
from wtman.errors import OutsideError, WtmanError
from wtman.execution.occupants import occupants
from wtman.git.checkouts import snapshot, worktrees
from wtman.git.checkouts.handouts import Handout, Handouts
from wtman.git.checkouts.reset import reset
from wtman.git.checkouts.worktrees import Worktree, WorktreeSpec
from wtman.git.objects import history
from wtman.git.trees import remove_tree
from wtman.inventory import Difference
from wtman.journal.events import Event, Noted, WorktreeBack
from wtman.journal.state import State, TaskView
from wtman.model.ids import Sha, TaskId
from wtman.provision.environment_store import take_home_back
from wtman.sandbox.mounts import outermost
from wtman.text.words import listed
from wtman.worktrees.baseline import home_of
from wtman.worktrees.decide import are_shared
from wtman.worktrees.ignored import repositories, work_among
from wtman.worktrees.in_use import is_used
from wtman.worktrees.place import (
    TaskPlace,
    move,
    move_aside,
    name_of,
    place_of,
    save,
    worktree_of,
)

_TOLD = 3


@dataclass(frozen=True, slots=True)
class TakenOver:
    """`worktree` is None where a new one has to be made. `handout` says how it was handed out.

    `told` is what has to be journalled besides.
    """

    worktree: Worktree | None
    handout: Handout | None = None
    told: tuple[Event, ...] = ()

    @property
    def path(self) -> str:
        return self.worktree.path if self.worktree is not None else ""


def handouts_of(ctx: Context, state: State) -> Handouts | None:
    """How the run's worktrees were handed out; None where that is of no use."""
    keeps = bool(ctx.view(state.settings.worktrees).moved)
    return ctx.handouts if keeps or are_shared(state.settings) else None


def take_over(
    ctx: Context,
    state: State,
    over: TaskId,
    place: TaskPlace,
    was: Sha | None,
    to: Sha,
    keys: Set[str] = frozenset(),
) -> TakenOver:
    """Make the worktree of `over` ("": nobody's) that of the task at `place`, standing at `to`.

    `was` is where the journal says that the task's branch is, `keys` are the results of setup
    that may stay.
    """
    told: tuple[Event, ...] = ()
    seen: Difference | None = None
    if _is_ours(ctx, place):
        # It was on its way when it was cut off. Whoever else is named keeps what they have.
        if over and os.path.isdir(kept := place_of(state, over).path):
            told = (WorktreeBack(over, kept),)
    elif not over:
        return TakenOver(None)
    elif os.path.isdir((theirs := place_of(state, over)).path):
        if (somebody := occupants([theirs.path], files=True).get(theirs.path)) is not None:
            text = f"its worktree stays: {somebody[1]} (process {somebody[0]}) works in it"
            return TakenOver(None, told=(WorktreeBack(over, theirs.path), Noted(text, over)))
        if is_used(ctx.folder, over):
            text = "its worktree stays: it is open in a shell or an editor"
            return TakenOver(None, told=(WorktreeBack(over, theirs.path), Noted(text, over)))
        told, seen = _vacated(ctx, state, over, theirs)
        if not os.path.isdir(theirs.path):
            return TakenOver(None, told=told)
        if os.path.lexists(place.path) or not worktrees.takes_filled(ctx.repo):
            _discard(ctx, theirs)
            return TakenOver(None, told=told)
        worktrees.unregister(ctx.repo, worktree_of(ctx.repo, theirs))
        os.rename(theirs.path, place.path)
    if not _is_ours(ctx, place):
        return TakenOver(None, told=told)
    handout = reset(ctx.control, ctx.handouts, place.path, "", to, keys, seen)
    if handout is None:
        _discard(ctx, place)
        return TakenOver(None, told=told)
    move(ctx, place, was, to)
    spec = WorktreeSpec(name_of(place), place.path, place.branch, filled=True)
    worktree = worktrees.create(ctx.repo, [spec])[0]
    snapshot.show(ctx.control, worktree.path, worktree.index)
    return TakenOver(worktree, handout, told)


def checked_out(ctx: Context, worktree: Worktree, at: Sha) -> None:
    """Remember the index of a worktree that has just been made at `at`."""
    ctx.handouts.checked_out(ctx.control, worktree.path, worktree.index, at)


def hand_out(ctx: Context, taken: TakenOver, at: Sha) -> None:
    """Remember all that is in a worktree before a session begins, in which is nothing but `at`."""
    if taken.handout is not None:
        return  # it was listed when it was taken over
    ctx.handouts.hand_out(taken.path, at)


def _is_ours(ctx: Context, place: TaskPlace) -> bool:
    """Whether the folder there is one that was handed out, and on its way when it was cut off."""
    if os.path.islink(place.path) or not os.path.isdir(place.path):
        return False
    registered = os.path.lexists(worktree_of(ctx.repo, place).admin)
    return not registered and ctx.handouts.load(place.path) is not None


def _vacated(
    ctx: Context, state: State, task: TaskId, place: TaskPlace
) -> tuple[tuple[Event, ...], Difference | None]:
    """Keep what the worktree holds beyond the task's commits; says where it is.

    The second is how it differs now from what was handed out, where that is known.
    """
    worktree = worktree_of(ctx.repo, place)
    handout = ctx.handouts.load(place.path)
    view = state.tasks.get(task) or state.dropped[task]
    try:
        found = inventory.compare(place.path, handout.inventory) if handout else None
        aside, told = _kept(ctx, place, state, view, found)
        if handout is not None and found is not None:
            aside += tuple(repositories(place.path, handout.inventory, found))
        aside = outermost(path.rstrip("/") for path in aside)
        for path in aside:
            move_aside(place, os.path.join(place.path, path))
    except OutsideError:
        raise
    except (WtmanError, OSError):
        # What nobody can read stays whole.
        worktrees.unregister(ctx.repo, worktree)
        move_aside(place, place.path)
        return (Noted("its worktree could not be read: moved aside as it was", task),), None
    if handout is not None and handout.key:
        # It is given again with the next worktree; a HOME that waits needs no room for it.
        take_home_back(ctx.folder, handout.key, home_of(ctx, task))
    if aside:
        told = (*told, f"{listed(aside, _TOLD)} moved aside: wtman restore")
    if found is not None and aside:
        there = (path for path in found.new if os.path.lexists(os.path.join(place.path, path)))
        changed = [os.path.join(place.path, path) for path in found.changed]
        # What is moved away may be all that a folder had: then it is looked at once more.
        found = replace(found, new=tuple(there)) if all(map(os.path.lexists, changed)) else None
    return tuple(Noted(text, task) for text in told), found


def _kept(
    ctx: Context, place: TaskPlace, state: State, view: TaskView, found: Difference | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What has to be moved aside, and what to tell of what has been committed."""
    worktree, head = worktree_of(ctx.repo, place), view.head or state.base
    if found is not None and not found.paths:
        return (), ()
    paths = found.paths if found is not None else ()
    seen = snapshot.since(ctx.control, worktree.path, worktree.index, paths)
    told: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()
    if (
        found is None
        or seen is None
        or seen.changed
        or seen.untracked
        or seen.tree != history.tree_of(ctx.control, head)
    ):
        kept = save(ctx, state, place, worktree, head)
        aside = (*kept.left, *kept.nested)
        if kept.commit:
            told = (f"work that no commit had is kept: git show {kept.commit[:12]}",)
    hidden = (
        seen.ignored
        if found is not None and seen is not None
        else snapshot.ignored(ctx.control, worktree.path, worktree.index)
    )
    outputs = head == (view.start or head)
    work = work_among(worktree.path, hidden, outputs, _ended(ctx, view))
    return tuple(dict.fromkeys((*aside, *work))), told


def _ended(ctx: Context, view: TaskView) -> int:
    """When the last session of the task was over, on the clock of the disk; 0: nobody knows."""
    folder = os.path.join(ctx.folder, "tasks", view.planned.id, str(view.last))
    try:
        return os.stat(os.path.join(folder, "exit.json")).st_ctime_ns
    except OSError:
        return 0


def _discard(ctx: Context, place: TaskPlace) -> None:
    """Delete a worktree of which everything worth keeping is kept; what resists goes aside."""
    worktrees.unregister(ctx.repo, worktree_of(ctx.repo, place))
    ctx.handouts.forget(place.path)
    if not remove_tree(place.path):
        move_aside(place, place.path)
