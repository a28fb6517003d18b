"""A task takes over the worktree of another, and finds nothing in it that was left there.

The folder is first given a name that nobody knows, so that nobody writes there any more. What
it holds beyond its task's commits is kept: committed below refs/wtman/saved/, or moved aside
where no commit can take it (a repository of its own, a file that git ignores and that may be
work). Then it gets its new name, is made what it was when it was handed out, and is registered
with git. Whatever of this a kill cuts off is done again: the journal has named the two before
anything is touched, and a folder that has not got its new name gets back its old one. Blocking.

A folder in which somebody stands is left to the task that had it.
"""

import os
from collections.abc import Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from wtman import inventory
from wtman.context import Context
from wtman.errors import OutsideError, WtmanError
from wtman.execution.occupants import occupants
from wtman.git.checkouts import snapshot, worktrees
from wtman.git.checkouts.handouts import Handout, Handouts
from wtman.git.checkouts.reset import reset
from wtman.git.checkouts.worktrees import Worktree, WorktreeSpec
from wtman.git.control_dir import move_index
from wtman.git.objects import history
from wtman.git.trees import remove_tree
from wtman.inventory import Difference
from wtman.journal.events import Event, Noted, WorktreeBack
from wtman.journal.state import State, TaskView
from wtman.model.ids import Branch, RunId, Sha, TaskId
from wtman.model.values import dataclass
from wtman.provision.environment_store import take_home_back
from wtman.sandbox.mounts import outermost
from wtman.text.words import listed
from wtman.worktrees.baseline import home_of
from wtman.worktrees.collected_files import are_collected, ended_at
from wtman.worktrees.decide import are_shared
from wtman.worktrees.ignored import repositories, work_among
from wtman.worktrees.in_use import is_used
from wtman.worktrees.own_git import keep_own, reason_to_stay
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
_UNNAMED = ".taken-"


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
    # What waits for the disk does so while every file is looked at.
    with ThreadPoolExecutor(1) as beside:
        return _taken_over(ctx, state, over, place, was, to, keys, beside)


def _taken_over(
    ctx: Context,
    state: State,
    over: TaskId,
    place: TaskPlace,
    was: Sha | None,
    to: Sha,
    keys: Set[str],
    beside: ThreadPoolExecutor,
) -> TakenOver:
    told: tuple[Event, ...] = ()
    seen: tuple[Handout, Difference] | None = None
    theirs = place_of(state, over) if over else place
    if _is_ours(ctx, place):
        # It was on its way when it was cut off. Whoever else is named keeps what they have.
        if over and os.path.isdir(theirs.path):
            told, theirs = (WorktreeBack(over, theirs.path),), place
        moved = beside.submit(move, ctx, place, was, to)
    elif not over or not os.path.isdir(theirs.path):
        return TakenOver(None)
    elif why := _why_it_stays(ctx, over, theirs):
        stays = Noted(f"its worktree stays: {why}", over)
        return TakenOver(None, told=(WorktreeBack(over, theirs.path), stays))
    else:
        path = _unnamed(theirs.path)
        os.rename(theirs.path, path)
        move_index(ctx.control, theirs.path, path)
        moved = beside.submit(move, ctx, place, was, to)
        notes, seen = _vacated(ctx, state, over, theirs, path)
        told = tuple(Noted(text, over) for text in notes)
        if seen is None or os.path.lexists(place.path) or not worktrees.takes_filled(ctx.repo):
            _discard(ctx, theirs, path)
            return TakenOver(None, told=told)
        os.rename(path, place.path)
    old = worktree_of(ctx.repo, theirs, place.path)
    gone = beside.submit(worktrees.unregister, ctx.repo, old)
    handout = reset(ctx.control, ctx.handouts, place.path, "", to, keys, seen)
    gone.result()
    if handout is None:
        _discard(ctx, place, place.path)
        return TakenOver(None, told=told)
    moved.result()
    spec = WorktreeSpec(name_of(place), place.path, place.branch, filled=True)
    worktree = worktrees.create(ctx.repo, [spec])[0]
    snapshot.show(ctx.control, worktree.path, worktree.index)
    return TakenOver(worktree, handout, told)


def put_back(run: RunId, worktrees: str) -> None:
    """Give back their names to worktrees of a run that a kill left without one.

    Where the name is in use again by now, the folder is moved aside.
    """
    folder = os.path.join(worktrees, run)
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for name in [entry.name for entry in entries if entry.name.startswith(_UNNAMED)]:
            task = TaskId(name.removeprefix(_UNNAMED))
            place = TaskPlace(run, task, Branch(""), os.path.join(folder, task))
            if os.path.lexists(place.path):
                move_aside(place, os.path.join(folder, name))
            else:
                os.rename(os.path.join(folder, name), place.path)


def _is_ours(ctx: Context, place: TaskPlace) -> bool:
    """Whether the folder there is one that was handed out, and on its way when it was cut off."""
    if os.path.islink(place.path) or not os.path.isdir(place.path):
        return False
    registered = os.path.lexists(worktree_of(ctx.repo, place).admin)
    return not registered and ctx.handouts.load(place.path) is not None


def _why_it_stays(ctx: Context, task: TaskId, place: TaskPlace) -> str:
    """Why a worktree stays with its task; "" where nothing speaks for that."""
    if why := reason_to_stay(worktree_of(ctx.repo, place)):
        return why
    if (somebody := occupants([place.path], files=True).get(place.path)) is not None:
        return f"{somebody[1]} (process {somebody[0]}) works in it"
    return "it is open in a shell or an editor" if is_used(ctx.folder, task) else ""


def _unnamed(path: str) -> str:
    """Where the worktree at `path` is while it changes hands."""
    folder, name = os.path.split(path)
    return os.path.join(folder, _UNNAMED + name)


def _vacated(
    ctx: Context, state: State, task: TaskId, place: TaskPlace, path: str
) -> tuple[tuple[str, ...], tuple[Handout, Difference] | None]:
    """Keep what the task's worktree, now at `path`, holds beyond its commits.

    What there is to tell of that; and what was handed out, with what differs from it, None
    where nobody knows.
    """
    worktree = worktree_of(ctx.repo, place, path)
    handout = ctx.handouts.load(path)
    view = state.tasks.get(task) or state.dropped[task]
    try:
        found = inventory.compare(path, handout.inventory) if handout else None
        aside, told = _kept(ctx, place, worktree, state, view, found)
        if own := keep_own(ctx, state, place, worktree, view.head or state.base):
            told = (*told, own)
        if handout is not None and found is not None:
            aside += tuple(repositories(path, handout.inventory, found))
        aside = outermost(name.rstrip("/") for name in aside)
        for name in aside:
            move_aside(place, os.path.join(path, name))
    except OutsideError:
        raise
    except (WtmanError, OSError):
        # What nobody can read stays whole.
        move_aside(place, path)
        return ("its worktree could not be read: moved aside as it was",), None
    if handout is not None and handout.key:
        # It is given again with the next worktree; a HOME that waits needs no room for it.
        take_home_back(ctx.folder, handout.key, home_of(ctx, task))
    if aside:
        told = (*told, f"{listed(aside, _TOLD)} moved aside: wtman restore")
    return told, (handout, found) if handout is not None and found is not None else None


def _kept(
    ctx: Context,
    place: TaskPlace,
    worktree: Worktree,
    state: State,
    view: TaskView,
    found: Difference | None,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What has to be moved aside, and what to tell of what has been committed."""
    head = view.head or state.base
    if found is not None and are_collected(ctx, view.planned.id, worktree.path, head, found):
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
    work = work_among(worktree.path, hidden, outputs, ended_at(ctx, view.planned.id, view.last))
    return tuple(dict.fromkeys((*aside, *work))), told


def _discard(ctx: Context, place: TaskPlace, path: str) -> None:
    """Delete a worktree, now at `path`, of which everything worth keeping is kept; what resists
    goes aside."""
    worktrees.unregister(ctx.repo, worktree_of(ctx.repo, place))
    if os.path.lexists(path):
        ctx.handouts.forget(path)
        if not remove_tree(path):
            move_aside(place, path)
