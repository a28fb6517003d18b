"""Take away a task's worktree and branch, where nothing can be lost by it.

Not part of the loop: `wtman clean` calls it, with the run's lock held. Promises:
what is removed can be brought back for 14 days (each tip below refs/wtman/trash/, what no
commit has in a trash beside the worktrees; see `restore`), refs move by
compare-and-swap, and doing it twice is harmless. Refuses work that is not merged, files
that no commit holds, and a task that is not over, unless the task was named.
"""

import contextlib
import os
import shlex
from collections.abc import Callable, Sequence

from wtman.execution.removal import set_aside
from wtman.git import refs
from wtman.git.checkouts.handouts import Handouts
from wtman.git.checkouts.worktrees import Worktree, head_of
from wtman.git.control_dir import Control
from wtman.git.discovery import Repository
from wtman.git.disk import DiskTally
from wtman.git.objects import history
from wtman.git.refs import RefChange
from wtman.git.repo import checkouts
from wtman.git.trees import remove_tree
from wtman.integration import candidate_refs
from wtman.journal.events import Cleaned
from wtman.journal.record import Recorded
from wtman.journal.state import State, TaskView
from wtman.model.disk import DiskUse
from wtman.model.ids import RunId, Sha, TaskId
from wtman.model.values import dataclass
from wtman.worktrees.place import name_of, place_of, worktree_of
from wtman.worktrees.remnants import Remnants, remnants
from wtman.worktrees.trash import NOTE, drop, empty_trash, finish, kept_in

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
    tally: DiskTally | None = None,
    surveyed: Callable[[], Remnants] | None = None,
    before: Callable[[str], None] = lambda path: None,
) -> Cleaned | KeptTask | None:
    """Remove the task's worktree and branch; None where there is nothing to remove.

    `tally` is given what will be free once what was set aside is deleted. `surveyed` gives
    what `survey` found, where that was done ahead.
    `busy` says that the task is not over or its worktree in use, and what to do. `before` is
    called with the worktree's path when it is sure to go. `known` is the journal: what a kill
    kept out of it, though it was done, is told now.
    """
    tally = tally or DiskTally()
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
    left = surveyed() if surveyed is not None else survey(ctl, state, task)
    if left.why and not forced:
        return KeptTask(task, left.why, left.ignored)
    if why := _elsewhere(ctl, worktree, view):
        return KeptTask(task, why, left.ignored, forcible=False)
    if not forced and (why := _unmerged(ctl, state, view, tip)):
        return KeptTask(task, why, left.ignored)
    if os.path.isdir(worktree.path):
        before(worktree.path)
    before_it = tally.use
    if there:
        if os.path.isdir(worktree.path):
            # Another folder may get its number: nobody is to take that for this one.
            records = os.path.join(ctl.repo.wtman_dir, "runs", state.run, "handouts")
            Handouts(records).forget(worktree.path)
        folder = drop(ctl, worktree, trash_of(state), left.kept, tally, left.since)
    else:
        folder = _dropped(state, task, worktree, known)
    held = held_in(folder)
    kept = {trash_ref(state.run, task, sha): sha for sha in tips.values()}
    trashed = refs.read(ctl.repo, f"refs/wtman/trash/{state.run}/{task}")
    refs.update(
        ctl.repo,
        [
            *(RefChange(name, None, sha) for name, sha in tips.items()),
            *(RefChange(name, sha, trashed.get(name)) for name, sha in kept.items()),
        ],
    )
    freed = (tally.use - before_it).size
    return Cleaned(task, tip, tips, folder, held.files, held.size, left.ignored, freed)


def survey(ctl: Control, state: State, task: TaskId) -> Remnants:
    """What would have to be kept of the task's worktree. Blocking, and changes nothing."""
    view = state.tasks.get(task) or state.dropped[task]
    place = place_of(state, task)
    tip = next(iter(_tips(ctl.repo, state, view).values()), view.head)
    return remnants(ctl, state, place, worktree_of(ctl.repo, place, view.worktree), tip)


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
    held = held_in(folder)
    return Cleaned(task, tip or view.head, back, folder, held.files, held.size)


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


def expire(
    ctl: Control, state: State, recorded: Sequence[Recorded], now: float, tally: DiskTally
) -> None:
    """Forget for good what was cleaned more than 14 days ago."""
    empty_trash(trash_of(state), KEPT_SECONDS, now, tally)
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


def take_checkouts(state: State, tally: DiskTally) -> None:
    """Set the check checkouts of a run aside for deletion, and those that reviewers read."""
    for kind in ("checks", "reading"):
        place = os.path.join(state.settings.worktrees, f"{state.run}-{kind}")
        if os.path.lexists(place):
            set_aside(place, trash_of(state), tally)


def finish_dropped(state: State, tally: DiskTally) -> None:
    """Go on where a killed `clean` was taking worktrees of the run apart."""
    trash = trash_of(state)
    names = {name_of(place_of(state, task)) for task in (*state.tasks, *state.dropped)}
    for entry in sorted(os.listdir(trash)) if os.path.isdir(trash) else ():
        if entry.rpartition("-")[0] in names:
            finish(os.path.join(trash, entry), tally)


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


def held_in(folder: str) -> DiskUse:
    """What is kept of a worktree in its folder in the trash: bytes, and files without folders."""
    if not folder:
        return DiskUse()
    kept = kept_in(folder)
    files = sum(len(names) for _, _, names in os.walk(kept))
    return DiskUse(DiskTally().add(kept).size if files else 0, files)


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
    if view.planned.lead and tip == view.head:
        return ""  # its parts put together, each on a branch of its own
    # Killed before its start was journalled, it stands at the base or at what it needs.
    commits = history.count_commits(ctl, view.start or state.base, tip)
    target = refs.read_one(ctl.repo, f"refs/heads/{state.target}") if state.target else None
    if not commits or (target and history.is_ancestor(ctl, tip, target)):
        return ""
    if view.merged:
        return f"branch {view.branch} has moved since it was merged"
    return f"{commits} commit{'s' * (commits != 1)} on {view.branch} not merged"
