"""One task's worktree: where it is, how it is brought to a commit, how it is saved.

Shared by all that moves a task. Promises: what a worktree holds is committed
below refs/wtman/ before anything of it is replaced, the branch moves only by
compare-and-swap, and git never runs with the worktree as its repository.
"""

import os
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import field

from wtman.context import Context
from wtman.errors import ExternalError, OutsideError, RaceError, WtmanError, machine_error
from wtman.git import refs
from wtman.git.checkouts import snapshot as git_snapshot
from wtman.git.checkouts.worktrees import Worktree, WorktreeSpec, create, head_of, repair_head
from wtman.git.discovery import Repository
from wtman.git.objects import history
from wtman.git.repo import checkouts
from wtman.git.trees import open_up
from wtman.git.untrusted.gate import BLOB_CAP
from wtman.journal.state import State
from wtman.model.ids import Branch, RunId, Sha, TaskId
from wtman.model.values import dataclass
from wtman.worktrees.in_use import is_used

HEADS = "refs/heads/"


@dataclass(frozen=True, slots=True)
class TaskPlace:
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


def place_of(state: State, task: TaskId) -> TaskPlace:
    """The place of a task of the run."""
    return TaskPlace(
        run=state.run,
        task=task,
        branch=Branch(f"wtman/{state.run}/{task}"),
        path=os.path.join(state.settings.worktrees, state.run, task),
    )


def name_of(place: TaskPlace) -> str:
    """The administrative name of its worktree."""
    return f"wtman-{place.run}-{place.task}"


def worktree_of(repo: Repository, place: TaskPlace, path: str = "") -> Worktree:
    """The worktree as git knows it, there or not; `path` where it is not in its place."""
    admin = os.path.join(repo.common_dir, "worktrees", name_of(place))
    return Worktree(path or place.path, admin)


def made(ctx: Context, place: TaskPlace) -> Worktree:
    """The worktree of a place, made if it is not there. Blocking."""
    return create(ctx.repo, [WorktreeSpec(name_of(place), place.path, place.branch)])[0]


def bring(ctx: Context, state: State, place: TaskPlace, was: Sha | None, to: Sha) -> Worktree:
    """Make branch and worktree stand at `to`; what differs is saved first. Blocking.

    `was` is where the journal says that the branch is. Whatever it is found at instead (a
    sibling session may have moved it) is kept below refs/wtman/saved/ first, too.
    """
    require_unused(ctx, place)
    move(ctx, place, was, to)
    try:
        return _emptied(ctx, state, place, was or to, to)
    except OutsideError:
        raise
    except (WtmanError, OSError) as error:
        if isinstance(error, OSError) and (refusal := machine_error(error)):
            raise refusal from error
        if not os.path.lexists(place.path):
            raise
        # A session has broken it, or left what cannot be taken away: aside as it is.
        move_aside(place, place.path)
        return _emptied(ctx, state, place, was or to, to)


def require_unused(ctx: Context, place: TaskPlace) -> None:
    """Refuse to move a worktree that the user has open, or to begin a session in it. Blocking."""
    if is_used(ctx.folder, place.task):
        raise ExternalError(
            f"the worktree of {place.task} is open in a shell or an editor",
            hint=f"leave that, then: wtman resume {place.run}",
        )


def require_free(ctx: Context, place: TaskPlace) -> None:
    """Refuse what would move the branch under a checkout of the user's. Blocking.

    Git itself sees to it while the branch has a worktree of its own, and only then.
    """
    if os.path.lexists(worktree_of(ctx.repo, place).admin):
        return
    if refs.read_one(ctx.repo, place.ref) is None:
        return
    for item in checkouts(ctx.repo):
        if item.branch == place.branch:
            raise RaceError(
                f"{place.branch} is checked out in {item.path}",
                hint=f"git -C {shlex.quote(item.path)} switch --detach, then: "
                f"wtman resume {place.run}",
            )


def move(ctx: Context, place: TaskPlace, was: Sha | None, to: Sha) -> None:
    """Make the branch alone stand at `to`, as `bring` does. Blocking."""
    now = refs.read_one(ctx.repo, place.ref)
    if now is not None and now not in (was, to):
        keep(ctx, place, now)
    if now != to:
        refs.update(ctx.repo, [refs.RefChange(place.ref, to, now)])


def _emptied(ctx: Context, state: State, place: TaskPlace, was: Sha, to: Sha) -> Worktree:
    """The worktree at `to`; what it held beyond `was` is saved."""
    worktree = made(ctx, place)
    if head_of(worktree) != f"ref: {place.ref}":
        repair_head(worktree, place.branch)
    saved = save(ctx, state, place, worktree, parent=was)
    for path in saved.left:
        # Else the next session would be blamed for it.
        move_aside(place, os.path.join(worktree.path, path))
    git_snapshot.checkout(ctx.control, worktree.path, worktree.index, to)
    return worktree


def move_aside(place: TaskPlace, path: str) -> None:
    """Beside the worktrees, where `wtman clean` keeps what it removes. Blocking."""
    trash = os.path.join(os.path.dirname(os.path.dirname(place.path)), ".trash")
    os.makedirs(trash, mode=0o700, exist_ok=True)
    for folder in (os.path.dirname(path), path):
        if os.path.isdir(folder) and not os.path.islink(folder):
            open_up(os.fsencode(folder))  # a move rewrites its ".."
    os.rename(path, os.path.join(trash, f"{name_of(place)}-{secrets.token_hex(4)}"))


def keep(ctx: Context, place: TaskPlace, commit: Sha) -> None:
    """Make sure that a commit of the task is never lost. Blocking."""
    ref = place.saved_ref(commit)
    if refs.read_one(ctx.repo, ref) != commit:
        refs.update(ctx.repo, [refs.RefChange(ref, commit, None)])


def kept_of(ctx: Context, place: TaskPlace) -> frozenset[Sha]:
    """The commits of the task that are kept so. Blocking."""
    return frozenset(refs.read(ctx.repo, f"refs/wtman/saved/{place.run}/{place.task}").values())


@dataclass(frozen=True, slots=True)
class Saved:
    """`commit` holds the work, None where there was none; `left` says why what is not in it.

    `nested` are repositories inside, of which nothing is in it either.
    """

    commit: Sha | None = None
    left: Mapping[str, str] = field(default_factory=dict)
    nested: tuple[str, ...] = ()


def save(ctx: Context, state: State, place: TaskPlace, worktree: Worktree, parent: Sha) -> Saved:
    """Keep what the worktree holds beyond `parent` below refs/wtman/saved/. Blocking.

    What the gate would not let in stays where it is: hashing it would keep the
    coordinator from stopping, and fill the user's repository.
    """
    if not os.path.exists(worktree.index):
        return Saved()  # nothing was ever checked out here
    snapshot = git_snapshot.snapshot(
        ctx.control, worktree.path, worktree.index, parent, largest=BLOB_CAP, leave=True
    )
    if snapshot.tree == history.tree_of(ctx.control, parent):
        return Saved(None, snapshot.left, snapshot.nested)
    for known in kept_of(ctx, place):
        if history.tree_of(ctx.control, known) == snapshot.tree:
            return Saved(known, snapshot.left, snapshot.nested)
    commit = history.commit(
        ctx.control,
        snapshot.tree,
        (parent,),
        f"wtman: work of {place.task} that was set aside\n",
        state.identity,
        ctx.clock(),
    )
    keep(ctx, place, commit)
    return Saved(commit, snapshot.left, snapshot.nested)
