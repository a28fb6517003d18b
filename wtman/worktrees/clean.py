"""Take away a task's worktree and branch, where nothing can be lost by it.

Not part of the loop: `wtman clean` calls it, with the run's lock held. Promises:
what is removed can be brought back for 14 days (the folder in a trash beside the
worktrees, the tip below refs/wtman/trash/), refs move by compare-and-swap, and doing
it twice is harmless. Refuses work that is not merged and files that no commit holds,
unless the task was named.
"""

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass

from wtman.git import refs
from wtman.git.checkouts.worktrees import Worktree, drop, empty_trash, head_of
from wtman.git.control_dir import Control
from wtman.git.objects import history
from wtman.git.refs import RefChange
from wtman.git.repo import checkouts
from wtman.git.trees import remove_tree
from wtman.integration import candidate_refs
from wtman.journal.events import Cleaned
from wtman.journal.state import State, TaskView
from wtman.model.ids import RunId, Sha, TaskId
from wtman.worktrees.baseline import unsaved
from wtman.worktrees.place import place_of, worktree_of

KEPT_SECONDS = 14 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class KeptTask:
    """A task that stays, and why. `held` is what would be lost, for people."""

    task: TaskId
    why: str
    ignored: int = 0  # files that git ignores in its worktree


@dataclass(frozen=True, slots=True)
class Gone:
    """A task that was cleaned, and where its parts are now."""

    task: TaskId
    event: Cleaned
    ref: str
    folder: str
    ignored: int = 0


def clean(
    ctl: Control,
    state: State,
    task: TaskId,
    *,
    forced: bool,
    before: Callable[[str], None] = lambda path: None,
) -> Gone | KeptTask | None:
    """Remove the task's worktree and branch; None where there is nothing to remove.

    `before` is called with the worktree's path when it is sure to go.
    """
    view = state.tasks.get(task) or state.dropped[task]
    worktree = worktree_of(ctl.repo, place_of(state, task), view.worktree)
    tips = _tips(ctl, state, view)
    there = os.path.lexists(worktree.path) or os.path.isdir(worktree.admin)
    if view.external or not (there or tips):
        return None
    tip = next(iter(tips.values()), view.head)
    ignored = 0
    if there:
        why, ignored = _unsaved(ctl, state, task, worktree, tip)
        if why and not forced:
            return KeptTask(task, why, ignored)
    if why := _elsewhere(ctl, worktree, view):
        return KeptTask(task, why, ignored)
    if not forced and (why := _unmerged(ctl, state, view, tip)):
        return KeptTask(task, why, ignored)
    if os.path.isdir(worktree.path):
        before(worktree.path)
    folder = drop(ctl.repo, worktree, trash_of(state)) if there else ""
    ref = f"refs/wtman/trash/{state.run}/{task}"
    if tip:
        known = refs.read_one(ctl.repo, ref)
        changes = [RefChange(name, None, sha) for name, sha in tips.items()]
        if known != tip:
            changes.append(RefChange(ref, tip, known))
        refs.update(ctl.repo, changes)
    return Gone(task, Cleaned(task, tip), ref if tip else "", folder, ignored)


def trash_of(state: State) -> str:
    """Where the worktrees of the run go, on their own file system."""
    return os.path.join(state.settings.worktrees, ".trash")


def expire(ctl: Control, state: State, cleaned: dict[TaskId, float], now: float) -> int:
    """Forget for good what was cleaned more than 14 days ago; how many tasks."""
    empty_trash(trash_of(state), KEPT_SECONDS, now)
    old = [task for task, at in cleaned.items() if now - at > KEPT_SECONDS]
    changes = [
        RefChange(ref, None, sha)
        for task in old
        for place in ("trash", "saved", "attempts")
        for ref, sha in refs.read(ctl.repo, f"refs/wtman/{place}/{state.run}/{task}").items()
    ]
    refs.update(ctl.repo, changes)
    return len(old)


def let_go(ctl: Control, state: State) -> None:
    """Drop what merges of the run have tried, and of branches it did not make, has landed."""
    candidate_refs.forget(ctl.repo, (state.run,))
    if state.kind.external:
        landed = refs.read(ctl.repo, f"refs/wtman/landed/{state.run}")
        refs.update(ctl.repo, [RefChange(ref, None, sha) for ref, sha in landed.items()])


def tidy(state: State) -> None:
    """Remove what is left of a run without worktrees: its folder and its check checkouts."""
    place = os.path.join(state.settings.worktrees, state.run)
    try:
        os.rmdir(place)
    except OSError:
        if os.path.lexists(place):
            return  # somebody's worktree is still there
    remove_tree(place + "-checks")
    remove_tree(place + "-reading")


def remove_traces(state: State) -> None:
    """Tidy up after a run that made no worktrees, their folder too if it is empty then."""
    tidy(state)
    with contextlib.suppress(OSError):  # other runs have theirs there
        os.rmdir(state.settings.worktrees)


def _tips(ctl: Control, state: State, view: TaskView) -> dict[str, Sha]:
    """The refs that go, the branch first."""
    names = (
        f"refs/heads/wtman/{state.run}/{view.task.id}",
        f"refs/wtman/merged/{state.run}/{view.task.id}",
    )
    found = {name: refs.read_one(ctl.repo, name) for name in names}
    return {name: sha for name, sha in found.items() if sha is not None}


def _unsaved(
    ctl: Control, state: State, task: TaskId, worktree: Worktree, tip: Sha
) -> tuple[str, int]:
    """What of the worktree no commit holds, and how many ignored files are in it."""
    if not os.path.isdir(worktree.path) or not os.path.isdir(worktree.admin) or not tip:
        return "", 0
    why, tree = unsaved(ctl, state, place_of(state, task), worktree, tip)
    return why, max(_files_below(worktree.path) - len(history.files(ctl, tree)), 0)


def _files_below(folder: str) -> int:
    """Files of a worktree, without its `.git`."""
    total = sum(len(names) for _, _, names in os.walk(folder))
    return total - os.path.lexists(os.path.join(folder, ".git"))


def _elsewhere(ctl: Control, worktree: Worktree, view: TaskView) -> str:
    """Whether the branch is checked out where the user works."""
    for item in checkouts(ctl.repo):
        stands_here = os.path.realpath(item.path) == os.path.realpath(worktree.path)
        if view.branch and item.branch == view.branch and not stands_here:
            return f"branch {view.branch} is checked out in {item.path}"
    if os.path.isdir(worktree.admin):
        head = head_of(worktree)
        own = (f"ref: refs/heads/{view.branch}", view.head, view.merged)
        if view.branch and head not in own and head.startswith("ref: "):
            return f"{worktree.path} is on another branch now"
    return ""


def _unmerged(ctl: Control, state: State, view: TaskView, tip: Sha) -> str:
    """What the branch holds that no other place does."""
    if not tip or tip == view.start or (view.merged and tip == view.head):
        return ""
    # Killed before its start was journalled, it stands at the base or at what it needs.
    commits = history.count_commits(ctl, view.start or state.base, tip)
    target = refs.read_one(ctl.repo, f"refs/heads/{state.target}") if state.target else None
    if not commits or (target and history.is_ancestor(ctl, tip, target)):
        return ""
    if view.merged:
        return f"branch {view.branch} has moved since it was merged"
    return f"{commits} commit{'s' * (commits != 1)} on {view.branch} not merged"


def run_of(text: str) -> tuple[RunId, TaskId]:
    """`RUN/task` or `task` of --force, as its two parts."""
    run, _, task = text.rpartition("/")
    return RunId(run), TaskId(task)
