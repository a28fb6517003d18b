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
from dataclasses import dataclass

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
from wtman.inventory import Difference, Inventory
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
_LOOKS = 4  # at a worktree: again after something was moved aside, or somebody wrote there


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
    theirs = place_of(state, over) if over else place
    if _is_ours(ctx, place):
        # It was on its way when it was cut off. Whoever else is named keeps what they have.
        if over and os.path.isdir(theirs.path):
            told, theirs = (WorktreeBack(over, theirs.path),), place
    elif not over or not os.path.isdir(theirs.path):
        return TakenOver(None)
    elif why := _who_is_there(ctx, over, theirs):
        return _left(over, theirs, why)
    else:
        for _ in range(_LOOKS):
            kept = _vacated(ctx, state, over, theirs)
            told += tuple(event for event in kept.told if event not in told)
            if not os.path.isdir(theirs.path):
                return TakenOver(None, told=told)
            if (
                kept.found is None
                or os.path.lexists(place.path)
                or not worktrees.takes_filled(ctx.repo)
            ):
                _discard(ctx, theirs)
                return TakenOver(None, told=told)
            os.rename(theirs.path, place.path)
            if _is_still(ctx, place, kept):
                seen = kept.found
                break
            if not _is_back(place, theirs):
                worktrees.unregister(ctx.repo, worktree_of(ctx.repo, theirs))
                text = "somebody wrote in its worktree, which is moved aside: wtman restore"
                return TakenOver(None, told=(*told, Noted(text, over)))
        else:
            return _left(over, theirs, "somebody writes in it", told)
    worktrees.unregister(ctx.repo, Worktree(place.path, worktree_of(ctx.repo, theirs).admin))
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


def _who_is_there(ctx: Context, task: TaskId, place: TaskPlace) -> str:
    """Why a worktree stays with its task; "" where nobody is in it."""
    if (somebody := occupants([place.path], files=True).get(place.path)) is not None:
        return f"{somebody[1]} (process {somebody[0]}) works in it"
    return "it is open in a shell or an editor" if is_used(ctx.folder, task) else ""


def _left(task: TaskId, place: TaskPlace, why: str, told: tuple[Event, ...] = ()) -> TakenOver:
    stays = Noted(f"its worktree stays: {why}", task)
    return TakenOver(None, told=(*told, WorktreeBack(task, place.path), stays))


@dataclass(frozen=True, slots=True)
class Vacated:
    """`found` is how the worktree differs from what was handed out, `states` how that stood
    when it was looked at; None where nobody knows what was handed out."""

    told: tuple[Event, ...] = ()
    found: Difference | None = None
    states: Inventory | None = None


def _is_still(ctx: Context, place: TaskPlace, kept: Vacated) -> bool:
    """Whether a worktree that was renamed is as it was when what it held was kept.

    Whoever writes by its old name finds it no more. What was written in between is not kept.
    """
    handout = ctx.handouts.load(place.path)
    if handout is None or kept.found is None:
        return False
    found = inventory.compare(place.path, handout.inventory)
    return found == kept.found and _states(place, found) == kept.states


def _is_back(place: TaskPlace, theirs: TaskPlace) -> bool:
    """Give a renamed worktree its name again; where that is in use by now, it is moved aside."""
    try:
        os.rename(place.path, theirs.path)
    except OSError:
        move_aside(theirs, place.path)
        return False
    return True


def _states(place: TaskPlace, found: Difference) -> Inventory:
    return inventory.again(place.path, {}, found.paths)


def _vacated(ctx: Context, state: State, task: TaskId, place: TaskPlace) -> Vacated:
    """Keep what the worktree holds beyond the task's commits; says where it is."""
    worktree = worktree_of(ctx.repo, place)
    handout = ctx.handouts.load(place.path)
    view = state.tasks.get(task) or state.dropped[task]
    try:
        found = inventory.compare(place.path, handout.inventory) if handout else None
        states = _states(place, found) if found is not None else None
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
        return Vacated((Noted("its worktree could not be read: moved aside as it was", task),))
    if handout is not None and handout.key:
        # It is given again with the next worktree; a HOME that waits needs no room for it.
        take_home_back(ctx.folder, handout.key, home_of(ctx, task))
    if aside:
        told = (*told, f"{listed(aside, _TOLD)} moved aside: wtman restore")
    return Vacated(tuple(Noted(text, task) for text in told), found, states)


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
