"""What a session left in its worktree becomes a commit on its branch.

Blocking; called once an attempt is over. Promises: the commit exists under a ref
that names the attempt before anything is journalled, work that does not count is
kept below refs/wtman/saved/, and the recorded tip is the branch's tip afterwards.
An agent that left its branch, rewrote it or changed nothing is reported as that.
"""

import os
from dataclasses import dataclass, replace

from wtman.context import Context
from wtman.core.globs import outside
from wtman.core.model import Ended, Sha
from wtman.core.state import State
from wtman.errors import DiskFullError, WtmanError
from wtman.furnishing import without_furniture
from wtman.git import control, refs, worktrees
from wtman.git.refs import RefChange
from wtman.git.worktrees import Worktree
from wtman.worktree import Place, keep, made, save


@dataclass(frozen=True, slots=True)
class Finished:
    """An attempt that is over, with what its agent makes of it. `when` in seconds."""

    place: Place
    attempt: int
    start: Sha
    head: Sha
    at: Sha
    ended: Ended
    reason: str
    agent: str
    when: float


@dataclass(frozen=True, slots=True)
class Found:
    """What became of it; the figures compare `head` with the task's start."""

    ended: Ended
    head: Sha
    reason: str = ""
    detail: str = ""
    saved: Sha = Sha("")
    commits: int = 0
    files: int = 0
    insertions: int = 0
    deletions: int = 0
    notes: tuple[str, ...] = ()


def collect(ctx: Context, state: State, finished: Finished) -> Found:
    """Commit or set aside what the worktree holds.

    What an agent has broken is its attempt's failure, and nobody else's: the folder stays
    as it is until the next attempt moves it aside.
    """
    try:
        return _collect(ctx, state, finished)
    except DiskFullError:
        raise
    except WtmanError as error:
        ended = Ended.FAILED if finished.ended is Ended.OK else finished.ended
        _restore(ctx, finished)
        reason = f"what it left cannot be taken: {error.message}"
        return Found(ended=ended, head=finished.at, reason=reason)


def _restore(ctx: Context, finished: Finished) -> None:
    """The branch back to where the attempt began."""
    tip = refs.read_one(ctx.repo, finished.place.ref)
    if tip != finished.at:
        refs.update(ctx.repo, [RefChange(finished.place.ref, finished.at, tip)])


def _collect(ctx: Context, state: State, finished: Finished) -> Found:
    place = finished.place
    known = refs.read_one(ctx.repo, place.attempt_ref(finished.attempt))
    if known is not None:  # done before a crash, not yet journalled
        if os.path.isdir(place.path):
            worktree = made(ctx, place)
            _show_clean(
                ctx,
                worktree,
                known,
                control.snapshot(ctx.control, place.path, worktree.index, known).tree,
            )
        return _accept(ctx, state, finished, known)
    tip = refs.read_one(ctx.repo, place.ref)
    if not os.path.isdir(place.path):
        # Taking an absent folder for an empty one would commit the loss of every file.
        ended = Ended.FAILED if finished.ended is Ended.OK else finished.ended
        _restore(ctx, finished)
        return Found(ended=ended, head=finished.at, reason="its worktree was removed")
    worktree = made(ctx, place)
    strayed = _strayed(ctx, finished, worktree, tip)
    if finished.ended is not Ended.OK or strayed:
        ended = Ended.FAILED if finished.ended is Ended.OK else finished.ended
        return _set_aside(ctx, state, finished, worktree, tip, ended, strayed or finished.reason)
    assert tip is not None
    snapshot = control.snapshot(ctx.control, worktree.path, worktree.index, tip)
    tree = without_furniture(ctx.control, state, place, snapshot.tree, tip)
    commit = tip
    if tree != control.tree_of(ctx.control, tip):
        commit = _commit(ctx, state, finished, tree, tip)
    if tree == control.tree_of(ctx.control, finished.at):
        reason = "it changed nothing"
        if snapshot.nested:
            reason += f" but the nested repository at {snapshot.nested[0]}, which is not taken"
        return _set_aside(ctx, state, finished, worktree, tip, Ended.FAILED, reason)
    refs.update(
        ctx.repo,
        [
            *([RefChange(place.ref, commit, tip)] if commit != tip else []),
            RefChange(place.attempt_ref(finished.attempt), commit, None),
        ],
    )
    _show_clean(ctx, worktree, commit, snapshot.tree)
    notes = tuple(f"left a nested repository at {path}, not taken" for path in snapshot.nested)
    alone = tip == finished.start and commit != tip
    return replace(_accept(ctx, state, finished, commit, int(alone)), notes=notes)


def _show_clean(ctx: Context, worktree: Worktree, commit: Sha, holds: Sha) -> None:
    """Who enters a worktree that holds what its branch says finds it clean: its index follows."""
    if holds == control.tree_of(ctx.control, commit):
        control.show(ctx.control, worktree.path, worktree.index)


def _accept(ctx: Context, state: State, finished: Finished, commit: Sha, commits: int = 0) -> Found:
    """Figures and ownership of a commit that is on the branch; `commits` 0: to be counted."""
    start = finished.start
    stat = control.numstat(ctx.control, start, commit)
    found = Found(
        ended=Ended.OK,
        head=commit,
        commits=commits or control.count_commits(ctx.control, start, commit),
        files=stat.files,
        insertions=stat.insertions,
        deletions=stat.deletions,
    )
    view = state.tasks.get(finished.place.task) or state.dropped.get(finished.place.task)
    owns = view.task.owns if view is not None else ()
    if not owns:
        return found
    strange = outside(owns, control.paths_changed(ctx.control, start, commit))
    if not strange:
        return found
    listed = ", ".join(strange[:20]) + (f" and {len(strange) - 20} more" if strange[20:] else "")
    return replace(
        found,
        ended=Ended.FAILED,
        reason=f"touched paths that the task does not own: {listed}",
        detail="Undo these changes.",
    )


def _strayed(ctx: Context, finished: Finished, worktree: Worktree, tip: Sha | None) -> str:
    """How the agent left its branch, or nothing."""
    place = finished.place
    says = worktrees.head_of(worktree)
    if says != f"ref: {place.ref}":
        where = says.removeprefix("ref: ") or "nowhere"
        return f"it left its branch {place.branch}: HEAD is at {where}"
    if tip is None:
        return f"it deleted its branch {place.branch}"
    if tip != finished.at and not control.is_ancestor(ctx.control, finished.at, tip):
        return f"it rewrote its branch {place.branch}"
    if tip != finished.at and not control.fsck_ok(ctx.control, tip):
        return f"it left broken objects on its branch {place.branch}"
    return ""


def _set_aside(
    ctx: Context,
    state: State,
    finished: Finished,
    worktree: Worktree,
    tip: Sha | None,
    ended: Ended,
    reason: str,
) -> Found:
    """Keep what does not count under a ref of its own; the branch goes back to where it was."""
    place = finished.place
    sound = tip is not None and control.fsck_ok(ctx.control, tip)
    parent = tip if tip is not None and sound else finished.at
    saved = save(ctx, state, place, worktree, parent)
    if saved is None and parent != finished.at:
        saved = parent  # the agent had committed everything itself
        keep(ctx, place, saved)
    worktrees.repair_head(worktree, place.branch)
    if tip != finished.at:
        refs.update(ctx.repo, [RefChange(place.ref, finished.at, tip)])
    return Found(ended=ended, head=finished.at, reason=reason, saved=saved or Sha(""))


def _commit(ctx: Context, state: State, finished: Finished, tree: Sha, parent: Sha) -> Sha:
    place = finished.place
    view = state.tasks.get(place.task) or state.dropped.get(place.task)
    title = (view.task.title if view is not None else "") or str(place.task)
    message = (
        f"{title}\n\n"
        f"Wtman-Run: {place.run}\nWtman-Task: {place.task}\nWtman-Attempt: {finished.attempt}\n"
    )
    return control.commit(ctx.control, tree, (parent,), message, state.identity, finished.when)
