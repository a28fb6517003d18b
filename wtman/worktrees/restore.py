"""What `clean` and retries took away in the last 14 days: told, and brought back.

What was cleaned comes back: the refs by compare-and-swap, only where nothing else has their
names by now, and the worktree with its commit and all that may be work; what setup and tools
had made there, setup makes again before the next session. The work of an attempt that
another took the place of becomes a branch of its own; nothing that stands now is touched.
Blocking, with the run's lock held, and safe to do twice.
"""

import os
from collections.abc import Sequence

from wtman import files
from wtman.errors import MissingError, RaceError
from wtman.git import refs
from wtman.git.control_dir import Control
from wtman.git.objects import history
from wtman.git.refs import RefChange
from wtman.journal.events import Cleaned, Restored
from wtman.journal.record import Recorded
from wtman.journal.state import State, TaskView
from wtman.model.ids import RunId, Sha, TaskId
from wtman.model.session import Ended
from wtman.model.values import dataclass
from wtman.worktrees import trash
from wtman.worktrees.baseline import BARE
from wtman.worktrees.clean import KEPT_SECONDS, branch_of, trash_of, trash_ref
from wtman.worktrees.place import name_of, place_of, worktree_of


@dataclass(frozen=True, slots=True)
class CleanedTask:
    """A task that can be brought back as it was. `at` and `until` in seconds of wall clock."""

    run: RunId
    task: TaskId
    at: float
    until: float
    event: Cleaned
    commits: int


@dataclass(frozen=True, slots=True)
class ReplacedAttempt:
    """The work of an attempt that does not count any more, and why."""

    run: RunId
    task: TaskId
    at: float
    until: float
    attempt: int
    commit: Sha
    why: str

    @property
    def branch(self) -> str:
        """What it is brought back as. No task can be called so."""
        return f"wtman/{self.run}/{self.task}.attempt-{self.attempt}"


@dataclass(frozen=True, slots=True)
class SetAside:
    """Work that was on a branch or in a worktree beside that of the sessions, in a commit."""

    run: RunId
    task: TaskId
    at: float
    until: float
    commit: Sha

    @property
    def branch(self) -> str:
        """What it is brought back as. No task can be called so."""
        return f"wtman/{self.run}/{self.task}.aside-{self.commit[:8]}"


def set_aside(ctl: Control, state: State, now: float) -> tuple[SetAside, ...]:
    """What is kept of the run's tasks that no attempt tells of."""
    views = {**state.dropped, **state.tasks}
    told = {
        commit
        for view in views.values()
        for item in view.attempts
        if item.outcome is not None
        for commit in (item.outcome.saved, item.outcome.head)
    }
    found = refs.read(ctl.repo, f"refs/wtman/saved/{state.run}")
    kept = {sha: TaskId(ref.split("/")[-2]) for ref, sha in found.items() if sha not in told}
    dates = history.dates(ctl, sorted(kept))
    return tuple(
        SetAside(state.run, kept[sha], at, at + KEPT_SECONDS, sha)
        for sha, at in sorted(dates.items(), key=lambda item: item[1])
        if kept[sha] in views and now - at <= KEPT_SECONDS
    )


@dataclass(frozen=True, slots=True)
class MovedAside:
    """A file or folder that a session left and that was in the way of the next, where it is."""

    run: RunId
    task: TaskId
    at: float
    until: float
    path: str


def moved_aside(state: State, now: float) -> tuple[MovedAside, ...]:
    """What retries moved out of the worktrees of the run."""
    place, out = trash_of(state), []
    names = {f"{name_of(place_of(state, task))}-": task for task in (*state.tasks, *state.dropped)}
    for name in sorted(os.listdir(place)) if os.path.isdir(place) else ():
        path = os.path.join(place, name)
        task = names.get(name[: name.rfind("-") + 1])
        if task is None or os.path.lexists(os.path.join(path, trash.NOTE)):
            continue
        at = os.lstat(path).st_ctime  # the move was its last change
        if now - at <= KEPT_SECONDS:
            out.append(MovedAside(state.run, task, at, at + KEPT_SECONDS, path))
    return tuple(out)


def cleaned(state: State, recorded: Sequence[Recorded], now: float) -> tuple[CleanedTask, ...]:
    """What was cleaned of the run and is still there, the oldest first."""
    found: list[Recorded] = []
    for item in recorded:
        event = item.event
        if isinstance(event, Cleaned):
            found.append(item)
        elif isinstance(event, Restored):
            same = [seen for seen in found if seen.event.task == event.task]  # type: ignore[attr-defined]
            found = [seen for seen in found if seen not in same[-1:]]
    out = []
    for item in found:
        event = item.event
        assert isinstance(event, Cleaned)
        if now - item.at > KEPT_SECONDS or not (event.refs or os.path.isdir(event.folder)):
            continue
        view = state.tasks.get(event.task) or state.dropped.get(event.task)
        told = [it.outcome for it in view.attempts if it.outcome] if view is not None else []
        commits = next((it.commits for it in reversed(told) if it.head == event.head), 0)
        until = item.at + KEPT_SECONDS
        out.append(CleanedTask(state.run, event.task, item.at, until, event, commits))
    return tuple(out)


def replaced(
    ctl: Control, state: State, now: float, *, every: bool = False
) -> tuple[ReplacedAttempt, ...]:
    """The work of attempts that a retry replaced, or that were not accepted; or of `every` one."""
    out = []
    for task, view in state.tasks.items():
        for place, item in enumerate(view.attempts):
            told = item.outcome
            if told is None or item.ended is Ended.INTERRUPTED:
                continue
            if now - item.finished > KEPT_SECONDS:
                continue
            commit = told.head if item.ended is Ended.OK else told.saved
            if not commit or (commit in (item.at, view.head) and not every):
                continue
            if (why := _why(view, place)) or every:
                until = item.finished + KEPT_SECONDS
                number = item.number
                out.append(
                    ReplacedAttempt(state.run, task, item.finished, until, number, commit, why)
                )
    there = history.existing(ctl, [item.commit for item in out]) if out else frozenset()
    return tuple(item for item in out if item.commit in there)


def _why(view: TaskView, place: int) -> str:
    """Why this attempt does not count any more; nothing where it does."""
    item = view.attempts[place]
    assert item.outcome is not None
    if item.ended is Ended.FAILED:
        return f"not accepted: {item.outcome.reason}"
    if not item.fingerprint:
        return "its retry did no better than the work before"
    counting = (it for it in view.attempts[place + 1 :] if it.ended is Ended.OK and it.fingerprint)
    later = next(counting, None)
    if later is not None and (later.request.again or later.request.excluded):
        return f"replaced by attempt {later.number}"
    return ""


def bring_back(ctl: Control, state: State, item: CleanedTask) -> Restored:
    """Bring a cleaned task back as it was. RaceError where its name or place is in use."""
    event = item.event
    worktree = worktree_of(ctl.repo, place_of(state, item.task))
    path = worktree.path if os.path.isdir(worktree.admin) else ""
    if os.path.isdir(event.folder):
        path = trash.restorable(ctl.repo, event.folder).path
    changes = []
    view = state.tasks.get(item.task)
    for gone, sha in event.refs.items():
        # Of a merge that was taken back since then: it is a branch again.
        name = gone if view is None or view.merged else branch_of(state.run, item.task)
        now = refs.read_one(ctl.repo, name)
        if now is not None and now != sha:
            short = name.removeprefix("refs/heads/")
            ref = trash_ref(item.run, item.task, sha)
            raise RaceError(
                f"{short} is in use again: it is at {now[:10]} now",
                hint=f"under another name: git branch {item.task}-restored {ref}",
            )
        if now is None:
            _require(ctl, sha, item)
            changes.append(RefChange(name, sha, None))
    refs.update(ctl.repo, changes)
    if os.path.isdir(event.folder):
        trash.restore(ctl, event.folder)
        _without_setup(ctl, state, item.task)
    kept = {trash_ref(item.run, item.task, sha): sha for sha in event.refs.values()}
    there = refs.read(ctl.repo, f"refs/wtman/trash/{item.run}/{item.task}")
    refs.update(
        ctl.repo, [RefChange(name, None, sha) for name, sha in kept.items() if name in there]
    )
    return Restored(item.task, event.head, path)


def _without_setup(ctl: Control, state: State, task: TaskId) -> None:
    """Have setup run again before the next session: what it had made is not kept."""
    if state.settings.brings:
        place = os.path.join(ctl.repo.wtman_dir, "runs", state.run, "tasks", task)
        os.makedirs(place, mode=0o700, exist_ok=True)
        files.replace(os.path.join(place, BARE), b"")


def _require(ctl: Control, sha: Sha, item: CleanedTask) -> None:
    if not history.existing(ctl, [sha]):
        raise MissingError(
            f"the commit {sha[:10]} of {item.task} does not exist any more",
            hint=f"its files may be in {item.event.folder}" if item.event.folder else "",
        )


def branch_off(ctl: Control, item: ReplacedAttempt | SetAside) -> bool:
    """Make a branch of the work of an attempt, or beside it; whether there was none yet."""
    ref = f"refs/heads/{item.branch}"
    now = refs.read_one(ctl.repo, ref)
    if now == item.commit:
        return False
    if now is not None:
        raise RaceError(
            f"{item.branch} exists and is at {now[:10]}",
            hint=f"under another name: git branch {item.task}-restored {item.commit}",
        )
    refs.update(ctl.repo, [RefChange(ref, item.commit, None)])
    return True
