"""Take away a task's worktree and branch, where nothing can be lost by it.

Not part of the loop: `wtman clean` calls it, with the run's lock held. Promises:
what is removed can be brought back for 14 days (the folder in a trash beside the
worktrees, each tip below refs/wtman/trash/; see `restore`), refs move by
compare-and-swap, and doing it twice is harmless. Refuses work that is not merged, files
that no commit holds, and a task that is not over, unless the task was named.
"""

import contextlib
import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wtman.git import refs
from wtman.git.checkouts.worktrees import NOTE, Worktree, drop, empty_trash, head_of
from wtman.git.control_dir import Control
from wtman.git.discovery import Repository
from wtman.git.objects import history
from wtman.git.refs import RefChange
from wtman.git.repo import checkouts
from wtman.git.trees import remove_tree
from wtman.integration import candidate_refs
from wtman.journal.events import Cleaned
from wtman.journal.record import Recorded
from wtman.journal.state import State, TaskView
from wtman.model.ids import RunId, Sha, TaskId
from wtman.worktrees.baseline import unsaved
from wtman.worktrees.place import place_of, worktree_of

KEPT_SECONDS = 14 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class KeptTask:
    """A task that stays, and why. `forcible`: it goes if it is named."""

    task: TaskId
    why: str
    ignored: int = 0  # files that git ignores in its worktree
    forcible: bool = True


def clean(
    ctl: Control,
    state: State,
    task: TaskId,
    *,
    forced: bool,
    busy: str = "",
    known: Sequence[Recorded] = (),
    before: Callable[[str], None] = lambda path: None,
) -> Cleaned | KeptTask | None:
    """Remove the task's worktree and branch; None where there is nothing to remove.

    `busy` says that the task is not over or its worktree in use, and what to do. `before` is
    called with the worktree's path when it is sure to go. `known` is the journal: what a kill
    kept out of it, though it was done, is told now.
    """
    view = state.tasks.get(task) or state.dropped[task]
    worktree = worktree_of(ctl.repo, place_of(state, task), view.worktree)
    tips = _tips(ctl.repo, state, view)
    there = os.path.lexists(worktree.path) or os.path.isdir(worktree.admin)
    if view.external:
        return None
    if not (there or tips):
        return _cut_off(ctl, state, task, worktree, known)
    if busy and not forced:
        return KeptTask(task, busy)
    tip = next(iter(tips.values()), view.head)
    why, held = _unsaved(ctl, state, task, worktree, tip) if there else ("", Holding())
    if why and not forced:
        return KeptTask(task, why, held.ignored)
    if why := _elsewhere(ctl, worktree, view):
        return KeptTask(task, why, held.ignored, forcible=False)
    if not forced and (why := _unmerged(ctl, state, view, tip)):
        return KeptTask(task, why, held.ignored)
    if os.path.isdir(worktree.path):
        before(worktree.path)
    if there:
        folder = drop(ctl.repo, worktree, trash_of(state))
    else:
        folder = _dropped(state, task, worktree, known)
    kept = {trash_ref(state.run, task, sha): sha for sha in tips.values()}
    trashed = refs.read(ctl.repo, f"refs/wtman/trash/{state.run}/{task}")
    refs.update(
        ctl.repo,
        [
            *(RefChange(name, None, sha) for name, sha in tips.items()),
            *(RefChange(name, sha, trashed.get(name)) for name, sha in kept.items()),
        ],
    )
    return Cleaned(task, tip, tips, folder, held.files, held.size, held.ignored)


def _cut_off(
    ctl: Control, state: State, task: TaskId, worktree: Worktree, known: Sequence[Recorded]
) -> Cleaned | None:
    """What a killed `clean` has done of the task and did not live to tell."""
    told = {
        trash_ref(state.run, task, sha)
        for item in known
        if isinstance(item.event, Cleaned) and item.event.task == task
        for sha in item.event.refs.values()
    }
    there = refs.read(ctl.repo, f"refs/wtman/trash/{state.run}/{task}")
    tip = next((sha for name, sha in there.items() if name not in told), None)
    folder = _dropped(state, task, worktree, known)
    if tip is None and not folder:
        return None
    branch, merged = _names(state, task)
    view = state.tasks.get(task) or state.dropped[task]
    back = {merged if view.merged else branch: tip} if tip else {}
    return Cleaned(task, tip or view.head, back, folder)


def _dropped(state: State, task: TaskId, worktree: Worktree, known: Sequence[Recorded]) -> str:
    """The worktree in the trash that the journal does not know of, "" where there is none."""
    told = {item.event.folder for item in known if isinstance(item.event, Cleaned)}
    trash, name = trash_of(state), os.path.basename(worktree.admin)
    for entry in sorted(os.listdir(trash)) if os.path.isdir(trash) else ():
        folder = os.path.join(trash, entry)
        here = entry.startswith(f"{name}-") and os.path.lexists(os.path.join(folder, NOTE))
        if here and folder not in told and entry[len(name) + 1 :].isalnum():
            return folder
    return ""


def trash_ref(run: RunId, task: TaskId, commit: Sha) -> str:
    """Where the tip of a cleaned task is kept."""
    return f"refs/wtman/trash/{run}/{task}/{commit[:12]}"


def trash_of(state: State) -> str:
    """Where the worktrees of the run go, on their own file system."""
    return os.path.join(state.settings.worktrees, ".trash")


def expire(ctl: Control, state: State, recorded: Sequence[Recorded], now: float) -> None:
    """Forget for good what was cleaned more than 14 days ago."""
    empty_trash(trash_of(state), KEPT_SECONDS, now)
    newest: dict[TaskId, float] = {}
    kept: dict[str, Sha] = {}
    gone: dict[str, Sha] = {}
    for item in recorded:
        if isinstance(item.event, Cleaned):
            task, old = item.event.task, now - item.at > KEPT_SECONDS
            newest[task] = item.at
            for sha in item.event.refs.values():
                (gone if old else kept)[trash_ref(state.run, task, sha)] = sha
    places = [
        f"refs/wtman/{place}/{state.run}/{task}"
        for task, view in (*state.tasks.items(), *state.dropped.items())
        # One that was retried or restored since then is not over.
        if view.cleaned and now - newest.get(task, now) > KEPT_SECONDS
        for place in ("saved", "attempts")
    ]
    for place in places:
        gone |= refs.read(ctl.repo, place)
    there = refs.read(ctl.repo, f"refs/wtman/trash/{state.run}") if gone else {}
    refs.update(
        ctl.repo,
        [
            RefChange(name, None, sha)
            for name, sha in gone.items()
            if name not in kept and (name in there or "/trash/" not in name)
        ],
    )


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


def holds(repo: Repository, state: State, task: TaskId) -> bool:
    """Whether the task has a worktree or a ref that `clean` would take."""
    view = state.tasks.get(task) or state.dropped[task]
    worktree = worktree_of(repo, place_of(state, task), view.worktree)
    there = os.path.lexists(worktree.path) or os.path.isdir(worktree.admin)
    return not view.external and bool(there or _tips(repo, state, view))


def _names(state: State, task: TaskId) -> tuple[str, str]:
    """The branch of a task, and the ref that takes its place once it has landed."""
    return branch_of(state.run, task), f"refs/wtman/merged/{state.run}/{task}"


def branch_of(run: RunId, task: TaskId) -> str:
    """The full name of a task's branch."""
    return f"refs/heads/wtman/{run}/{task}"


def _tips(repo: Repository, state: State, view: TaskView) -> dict[str, Sha]:
    """The refs that go, the branch first."""
    names = _names(state, view.task.id)
    found = {name: refs.read_one(repo, name) for name in names}
    return {name: sha for name, sha in found.items() if sha is not None}


@dataclass(frozen=True, slots=True)
class Holding:
    """What a worktree holds: files and bytes without its `.git`; `ignored` of them git ignores."""

    files: int = 0
    size: int = 0
    ignored: int = 0


def _unsaved(
    ctl: Control, state: State, task: TaskId, worktree: Worktree, tip: Sha
) -> tuple[str, Holding]:
    """What of the worktree no commit holds, and how much is in it."""
    if not os.path.isdir(worktree.path):
        return "", Holding()
    files, size = _measured(worktree.path)
    if not os.path.isdir(worktree.admin) or not tip:
        return "", Holding(files, size)
    why, tree = unsaved(ctl, state, place_of(state, task), worktree, tip)
    return why, Holding(files, size, max(files - len(history.files(ctl, tree)), 0))


def _measured(folder: str) -> tuple[int, int]:
    """Files of a worktree and their bytes, without its `.git`."""
    total = size = 0
    for place, _, names in os.walk(folder):
        total += len(names)
        for name in names:
            with contextlib.suppress(OSError):
                size += os.lstat(os.path.join(place, name)).st_size
    return total - os.path.lexists(os.path.join(folder, ".git")), size


def _elsewhere(ctl: Control, worktree: Worktree, view: TaskView) -> str:
    """Whether the branch is checked out where the user works."""
    for item in checkouts(ctl.repo):
        stands_here = os.path.realpath(item.path) == os.path.realpath(worktree.path)
        if view.branch and item.branch == view.branch and not stands_here:
            where = f"branch {view.branch} is checked out in {item.path}"
            return f"{where}: git -C {shlex.quote(item.path)} switch --detach"
    if os.path.isdir(worktree.admin):
        head = head_of(worktree)
        own = (f"ref: refs/heads/{view.branch}", view.head, view.merged)
        if view.branch and head not in own and head.startswith("ref: "):
            where = f"{worktree.path} is on another branch now"
            return f"{where}: git -C {shlex.quote(worktree.path)} switch --detach"
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
