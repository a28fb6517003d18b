"""A task's worktree made fit for work, and what that left told apart from the work.

Files that `setup`, `copy` or `symlink` bring into a worktree and that nothing ignores
(a linked node_modules, a lock file that an installer touched) would be committed as
the agent's own. So the provisioned tree is remembered under a ref, and only what
differs from it counts as work.
"""

import contextlib
import os
from collections.abc import Callable
from dataclasses import replace

from wtman.context import Context
from wtman.errors import WorktreeError
from wtman.git import refs
from wtman.git.checkouts import snapshot as git_snapshot
from wtman.git.checkouts.handouts import Handout, Handouts
from wtman.git.checkouts.snapshot import Snapshot
from wtman.git.checkouts.worktrees import Worktree
from wtman.git.control_dir import Control
from wtman.git.merges import merge_tree
from wtman.git.objects import history
from wtman.git.refs import RefChange
from wtman.git.run import persistent
from wtman.git.untrusted.gate import BLOB_CAP
from wtman.git.untrusted.private import PrivateGit, leave
from wtman.journal.state import State
from wtman.model.ids import Sha, TaskId
from wtman.model.values import dataclass
from wtman.provision.outfit import Fitted, Spot, fit, runs_nothing
from wtman.provision.ports import port_of
from wtman.worktrees.lent import SETUP, folder_of, lend
from wtman.worktrees.place import TaskPlace

BARE = "bare"  # in the evidence of a task: its worktree lost what setup had brought


def port(state: State, place: TaskPlace) -> int:
    """The first of the task's ten ports."""
    return port_of(state.run, place.task, (*state.tasks, *state.dropped))


def home_of(ctx: Context, task: TaskId) -> str:
    """The private HOME of a task, kept for its life: resuming needs the agent's own files."""
    return ctx.below("tasks", task, "home")


async def provision_task(
    ctx: Context,
    state: State,
    place: TaskPlace,
    worktree: Worktree,
    at: Sha,
    tell: Callable[[str], None] = lambda text: None,
    *,
    handouts: Handouts | None = None,
    handout: Handout | None = None,
) -> Fitted:
    """Provision a worktree that stands at `at`; says what went wrong, and how it went.

    `tell` is given what does not go wrong, and yet keeps a session from reading a file. With
    `handouts` nobody has worked in it yet, and a result of setup that is kept may serve;
    `handout` is what it holds where it has just been made clean.
    """
    if not state.settings.brings:
        return Fitted()
    held = handout.key if handout is not None else ""
    start = await ctx.git(_start_of, ctx, state, place, at, held)
    trusted = start.trusted
    git: PrivateGit | None = None
    if state.settings.setup and start.runs:
        git = await persistent(ctx.git, lend, ctx, state, place, SETUP, at)
    spot = Spot(
        folder=worktree.path,
        commit=at,
        task=place.task,
        branch=place.branch,
        home=home_of(ctx, place.task),
        handouts=handouts,
        git_dir=git.path if git is not None else "",
        clean=handout is not None,
        held=held,
        port=port(state, place),
        of_task=True,
        trusted=trusted,
        unwritten=trusted,
        untouched=start.untouched,
        binds=git.binds if git is not None else (),
    )
    if state.settings.setup and start.runs:
        ctx.activity(place.task, f"setup: {'; '.join(state.settings.setup)}")
    try:
        fitted = await fit(ctx, state.settings, spot, tell)
    finally:
        if git is not None:
            await ctx.git(leave, git)
    if fitted.told:
        ctx.activity(place.task, fitted.told)
    if fitted.problem:
        return fitted
    with contextlib.suppress(FileNotFoundError):
        os.unlink(ctx.below("tasks", place.task, BARE))
    if fitted.ignored and not start.remembered:
        return fitted  # git ignores all that the commit does not have
    try:
        await persistent(ctx.git, _remember, ctx, state, place, worktree, at)
    except WorktreeError as error:
        why = f"what it left cannot be told from work: {error.message}; ignore it (.gitignore)"
        return replace(fitted, problem=why)
    return fitted


@dataclass(frozen=True, slots=True)
class _Start:
    """What is known of a worktree before setup. `trusted`: it is the base, and `untouched`: no
    session has worked there. `runs`: commands may run. `remembered`: something of it is."""

    trusted: bool
    untouched: bool
    runs: bool
    remembered: bool


def _start_of(ctx: Context, state: State, place: TaskPlace, at: Sha, held: str) -> _Start:
    nothing = runs_nothing(ctx, state.settings, at, held)
    return _Start(
        trusted=_is_untouched(ctx, state, place, at),
        untouched=not _had_sessions(ctx, state, place),
        runs=not nothing or os.path.lexists(folder_of(ctx, place, SETUP)),
        remembered=refs.read_one(ctx.repo, _ref(place)) is not None,
    )


def _is_untouched(ctx: Context, state: State, place: TaskPlace, at: Sha) -> bool:
    """Whether the worktree is the base and no session has worked in it. Blocking.

    Files that are ignored stay in a worktree from one session to the next.
    """
    view = state.tasks.get(place.task)
    return view is not None and at == state.base and not _had_sessions(ctx, state, place)


def _had_sessions(ctx: Context, state: State, place: TaskPlace) -> bool:
    """Whether a session of the task has worked, here or in an earlier worktree. Blocking."""
    view = state.tasks.get(place.task) or state.dropped.get(place.task)
    if view is None:
        return True
    folders = (ctx.below("tasks", place.task, str(item.number)) for item in view.attempts)
    return any(map(os.path.lexists, folders))


def needs_provision(ctx: Context, state: State, place: TaskPlace) -> bool:
    """Whether moving the worktree has taken away what was brought into it. Blocking."""
    if not state.settings.brings:
        return False
    gone = os.path.lexists(ctx.below("tasks", place.task, BARE))
    return gone or refs.read_one(ctx.repo, _ref(place)) is not None


def brought(ctl: Control, state: State, place: TaskPlace) -> Sha | None:
    """The commit with what provisioning has brought that git does not ignore, if it did."""
    return refs.read_one(ctl.repo, _ref(place)) if state.settings.brings else None


def without_baseline(ctl: Control, state: State, place: TaskPlace, tree: Sha, tip: Sha) -> Sha:
    """`tree` less what provisioning had brought, as a change on `tip`. Blocking.

    Where the session changed provisioned files in a way that cannot be told apart, the
    tree is given back as it is: rather too much is kept than work lost.
    """
    provisioned = brought(ctl, state, place)
    if provisioned is None:
        return tree
    return merge_tree.merge(ctl, provisioned, tip, tree).tree or tree


def unsaved(
    ctl: Control, state: State, place: TaskPlace, worktree: Worktree, tip: Sha
) -> tuple[str, Snapshot]:
    """What of the worktree no commit holds, in words, and what it holds. Blocking."""
    snapshot = git_snapshot.snapshot(
        ctl, worktree.path, worktree.index, tip, largest=BLOB_CAP, leave=True
    )
    if snapshot.nested:
        return f"holds a nested repository in {snapshot.nested[0]}", snapshot
    if snapshot.left:
        why = git_snapshot.why_left(snapshot.left)
        return f"{worktree.path} cannot be saved whole: {why}", snapshot
    held = without_baseline(ctl, state, place, snapshot.tree, tip)
    committed = history.tree_of(ctl, tip)
    if held == committed:
        return "", snapshot
    changed = history.paths_changed(ctl, committed, held)
    more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
    return f"{changed[0]}{more} in {worktree.path} is not committed", snapshot


def _remember(ctx: Context, state: State, place: TaskPlace, worktree: Worktree, at: Sha) -> None:
    old = refs.read_one(ctx.repo, _ref(place))
    snapshot = git_snapshot.snapshot(ctx.control, worktree.path, worktree.index, at)
    if snapshot.tree == history.tree_of(ctx.control, at):
        if old is not None:
            refs.update(ctx.repo, [RefChange(_ref(place), None, old)])
        return
    message = f"wtman: what setup brought into {place.task}\n"
    commit = history.commit(
        ctx.control, snapshot.tree, (at,), message, state.identity, state.created
    )
    if commit != old:
        refs.update(ctx.repo, [RefChange(_ref(place), commit, old)])


def _ref(place: TaskPlace) -> str:
    return f"refs/wtman/baseline/{place.run}/{place.task}"
