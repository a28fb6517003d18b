"""What a session left in its worktree becomes a commit on its branch.

Blocking. `collect` is called once an attempt is over and takes what was committed in its
private git directory (`lent`) through the gate. Promises: the
commit exists under a ref that names the attempt before anything is journalled, work that
does not count is kept below refs/wtman/saved/, and the recorded tip is the branch's tip
afterwards. An agent that left its branch, rewrote it or changed nothing is reported as
that; one that lived while somebody changed the user's repository is quarantined, where
its sandbox does not rule it out.
"""

import os
import stat
from dataclasses import replace
from typing import Any

from wtman import inventory
from wtman.context import Context
from wtman.errors import OutsideError, WorktreeError, WtmanError, machine_error
from wtman.formats.gitignore import outside
from wtman.git import refs
from wtman.git.checkouts import snapshot as git_snapshot
from wtman.git.checkouts import worktrees
from wtman.git.checkouts.changed_files import changed_files
from wtman.git.checkouts.worktrees import Worktree
from wtman.git.objects import history
from wtman.git.refs import RefChange
from wtman.git.untrusted import gate, private
from wtman.git.untrusted.gate import ImportRefused
from wtman.git.untrusted.private import PrivateGit
from wtman.journal.events import SessionFinished
from wtman.journal.state import State, TaskView
from wtman.model.ids import Sha
from wtman.model.session import Ended
from wtman.model.values import dataclass
from wtman.text.words import listed
from wtman.worktrees import submodules
from wtman.worktrees.baseline import without_baseline
from wtman.worktrees.collected_files import ended_at, remember
from wtman.worktrees.decide import are_shared
from wtman.worktrees.ignored import Hidden, forced, hidden
from wtman.worktrees.lent import folder_of, give_back
from wtman.worktrees.place import TaskPlace, keep, made, save
from wtman.worktrees.risky_changes import notable
from wtman.worktrees.takeover import handouts_of

_IGNORED = 20  # paths of ignored files that are kept in the journal
_HOW_TO_FORCE = (
    "What git ignores is in no commit. Write it where git sees it, or add the file by force: "
    "git add -f PATH"
)
_UNCOLLECTED = "its work cannot be collected"
_NOT_TAKEN = (
    "These were moved out of the folder; everything else in it is as it was left. "
    "Go on from there, without leaving such files behind:"
)
_NAMED = 20


_SUBMODULE = (
    "Leave that repository at a commit that its remote has, and change files of this one only."
)


@dataclass(frozen=True, slots=True)
class Finished:
    """An attempt that is over, with what its agent makes of it. `when` in seconds.

    `changed` is what changed in the user's repository while it could have done it, `began`
    when it began, in nanoseconds on the clock of the disk (0: not known).
    """

    place: TaskPlace
    attempt: int
    start: Sha
    at: Sha
    ended: Ended
    reason: str
    when: float
    changed: tuple[str, ...] = ()
    began: int = 0

    def came_to(self, ended: Ended, head: Sha, **more: Any) -> SessionFinished:
        """What became of it; the figures compare `head` with the task's start."""
        return SessionFinished(self.place.task, self.attempt, ended, head, **more)


def collect(ctx: Context, state: State, finished: Finished) -> SessionFinished:
    """Commit or set aside what the worktree holds.

    What an agent has broken is its attempt's failure, and nobody else's: the folder stays
    as it is until the next attempt moves it aside. Where git fails in a folder that nobody
    has touched, too, it is not the agent's: that error is raised, and nothing is settled.
    """
    for last in (False, True):
        try:
            return _collect(ctx, state, finished)
        except OutsideError:
            raise
        except (WtmanError, OSError) as error:
            if isinstance(error, OSError) and (refusal := machine_error(error)):
                raise refusal from error
            if not last:
                continue  # it may have been a matter of the moment
            if not git_snapshot.works(ctx.control):
                raise
            return _lost(ctx, finished, f"{_UNCOLLECTED}: {_said(error)}")
    raise AssertionError  # the last time it returns or raises


def _said(error: WtmanError | OSError) -> str:
    if isinstance(error, WtmanError):
        return error.message
    return f"{os.path.basename(error.filename or '')}: {error.strerror or error}"


def _lost(ctx: Context, finished: Finished, reason: str) -> SessionFinished:
    """Nothing can be taken: the branch stays where the attempt began."""
    ended = Ended.FAILED if finished.ended is Ended.OK else finished.ended
    notes = _put_back(ctx, finished)
    found = finished.came_to(ended, finished.at, reason=reason, notes=notes)
    return _quarantined(found, finished) if finished.changed else found


def _put_back(ctx: Context, finished: Finished) -> tuple[str, ...]:
    """The branch itself back to where the attempt began; sessions commit elsewhere.

    Somebody else's tip is kept: it may be a commit that the user made there.
    """
    place = finished.place
    tip = refs.read_one(ctx.repo, place.ref)
    if tip == finished.at:
        return ()
    if tip is None:
        refs.restore(ctx.repo, place.ref, finished.at)
        return (f"{place.branch} was deleted and has been restored",)
    note = f"{place.branch} was moved to {tip[:12]} and has been moved back"
    try:
        keep(ctx, place, tip)
        note += f", see {place.saved_ref(tip)}"
    except OutsideError:
        raise
    except WtmanError:
        note += "; that commit does not exist"
    refs.restore(ctx.repo, place.ref, finished.at)
    return (note,)


def _collect(ctx: Context, state: State, finished: Finished) -> SessionFinished:
    place = finished.place
    known = refs.read_one(ctx.repo, place.attempt_ref(finished.attempt))
    if known is not None:  # done before a crash, not yet journalled
        found = _accept(ctx, state, finished, known)
        if not os.path.isdir(place.path):
            return found
        worktree = made(ctx, place)
        holds = git_snapshot.snapshot(ctx.control, place.path, worktree.index, known).tree
        _show_clean(ctx, worktree, known, holds)
        return replace(found, ignored=_hidden(ctx, worktree, finished).work[:_IGNORED])
    notes = _put_back(ctx, finished)
    if not os.path.isdir(place.path):
        # Taking an absent folder for an empty one would commit the loss of every file.
        return _lost(ctx, finished, "its worktree was removed")
    if not os.access(place.path, os.R_OK | os.W_OK | os.X_OK):
        mode = stat.S_IMODE(os.stat(place.path).st_mode)
        return _lost(ctx, finished, f"its worktree cannot be read any more (mode {mode:03o})")
    worktree = made(ctx, place)
    notes += _head_back(worktree, place)
    came = _came(ctx, finished, worktree)
    reason = came.reason if isinstance(came, ImportRefused) else ""
    tip = came.tip or finished.at
    if finished.ended is not Ended.OK or reason or finished.changed:
        return _set_aside(ctx, state, finished, worktree, tip, reason or finished.reason, notes)
    try:
        snapshot, wrote = _holds(ctx, state, finished, worktree, tip)
    except WorktreeError as error:
        reason = f"{_UNCOLLECTED}: {error.message}"
        return _set_aside(ctx, state, finished, worktree, tip, reason, notes)
    inside = _inside(ctx, finished, worktree, tip, (*snapshot.submodules, *snapshot.nested))
    if refused := [item.refusal for item in inside if item.refusal]:
        found = _set_aside(ctx, state, finished, worktree, tip, refused[0], notes)
        return replace(found, detail=_SUBMODULE)
    left = tuple(item.note for item in inside if item.note)
    tree = without_baseline(ctx.control, state, place, snapshot.tree, tip)
    commit = tip
    if tree != history.tree_of(ctx.control, tip):
        commit = _commit(ctx, state, finished, tree, tip)
    if tree == history.tree_of(ctx.control, finished.at):
        view = state.tasks.get(place.task)
        if view is not None and tip == finished.at and _may_be_empty(view, finished):
            found = _accept(ctx, state, finished, tip)
            reason = "there was nothing to change"
            notes += found.notes
            return replace(found, reason=reason, notes=notes, ignored=wrote.work[:_IGNORED])
        reason = "it changed nothing"
        if left:
            reason += f", but {left[0]}"
        ignored = wrote.work or wrote.output
        if ignored:
            reason += f" but files that git ignores, which are not collected: {listed(ignored)}"
        found = _set_aside(ctx, state, finished, worktree, tip, reason, notes)
        detail = _HOW_TO_FORCE if ignored else ""
        return replace(found, detail=detail, unchanged=True, ignored=ignored[:_IGNORED])
    refs.update(
        ctx.repo,
        [
            *([RefChange(place.ref, commit, finished.at)] if commit != finished.at else []),
            RefChange(place.attempt_ref(finished.attempt), commit, None),
        ],
    )
    _show_clean(ctx, worktree, commit, snapshot.tree)
    if snapshot.tree == tree and are_shared(state.settings):
        paths = history.paths_changed(ctx.control, finished.start, commit)
        ended = ended_at(ctx, place.task, finished.attempt)
        remember(ctx, place.task, worktree.path, commit, paths, ended)
    notes += left
    alone = tip == finished.start and commit != tip
    found = _accept(ctx, state, finished, commit, int(alone))
    # From here on the ref that names the attempt speaks for it.
    give_back(ctx, place, finished.attempt)
    return replace(found, notes=notes + found.notes, ignored=wrote.work[:_IGNORED])


def _known(
    ctx: Context, state: State, finished: Finished, worktree: Worktree, tip: Sha
) -> tuple[git_snapshot.Snapshot, tuple[str, ...]] | None:
    """The tree, and what git ignores, by what differs from how the worktree was handed out.

    None where that is not known, or not all: then git looks at every file.
    """
    handouts = handouts_of(ctx, state) if tip == finished.at else None
    base = handouts.index(worktree.path, tip) if handouts is not None else ""
    handout = handouts.load(worktree.path) if handouts is not None and base else None
    if handout is None or handout.commit != tip or not inventory.is_fine(handout.inventory):
        return None
    if handout.made or handout.own or handout.dirty:
        return None  # git has to say what of it it would see
    where = (ctx.control, worktree.path, worktree.index)
    try:
        found = inventory.compare(worktree.path, handout.inventory)
        changed = changed_files(*where, handout.inventory, found, gate.BLOB_CAP)
        if changed is None:
            return None
        return git_snapshot.snapshot_changed(*where, base, changed.taken), changed.ignored
    except OutsideError:
        raise
    except (WtmanError, OSError):
        return None  # the look at every file says what is wrong


def _holds(
    ctx: Context, state: State, finished: Finished, worktree: Worktree, tip: Sha
) -> tuple[git_snapshot.Snapshot, Hidden]:
    """The tree that the session left on top of its tip, and what git ignores of it."""
    where = (ctx.control, worktree.path, worktree.index, tip)
    known = _known(ctx, state, finished, worktree, tip)
    snapshot = known[0] if known else git_snapshot.snapshot(*where, largest=gate.BLOB_CAP)
    wrote = _hidden(ctx, worktree, finished, known[1] if known else None)
    if wrote != Hidden():
        staged = gate.staged(_private(ctx, finished, worktree))
        if by_force := forced(ctx.control, worktree, staged):
            snapshot = git_snapshot.snapshot(*where, largest=gate.BLOB_CAP, forced=by_force)
            wrote = _hidden(ctx, worktree, finished)
    return snapshot, wrote


def _inside(
    ctx: Context, finished: Finished, worktree: Worktree, tip: Sha, nested: tuple[str, ...]
) -> tuple[submodules.Inside, ...]:
    """The repositories in the worktree, submodules among them."""
    if not nested:
        return ()
    git = _private(ctx, finished, worktree)
    keep = ctx.below("tasks", finished.place.task, "submodules")
    return submodules.look(ctx.control, git, tip, nested, keep)


def _hidden(
    ctx: Context, worktree: Worktree, finished: Finished, paths: tuple[str, ...] | None = None
) -> Hidden:
    """What the sessions wrote where git ignores it; the worktree has just been snapshotted."""
    began = finished.began
    return hidden(ctx.control, worktree, began, paths) if began else Hidden()


def _may_be_empty(view: TaskView, finished: Finished) -> bool:
    """Whether nothing to do is an answer: so it is on top of work that was good before."""
    retried = view.before is not None and view.resolving is None
    return view.task.may_be_empty or (retried and finished.at != finished.start)


def _came(ctx: Context, finished: Finished, worktree: Worktree) -> gate.Imported | ImportRefused:
    """What the session committed, let in or refused."""
    place = finished.place
    folder = folder_of(ctx, place, finished.attempt)
    if finished.ended is Ended.INTERRUPTED and not os.path.lexists(folder):
        return gate.Imported(finished.at)  # it had not begun
    return gate.take(ctx.control, _private(ctx, finished, worktree))


def _private(ctx: Context, finished: Finished, worktree: Worktree) -> PrivateGit:
    """The private git directory that the attempt had."""
    place, mounted = finished.place, ctx.sandbox.mounts
    folder = folder_of(ctx, place, finished.attempt)
    seen = ctx.view(worktree.path).seen(worktree.path)
    return private.describe(
        ctx.control, worktree, place.branch, finished.at, folder, mounted=mounted, seen=seen
    )


def _head_back(worktree: Worktree, place: TaskPlace) -> tuple[str, ...]:
    """The worktree's own HEAD, which its session has no use for, on its branch again."""
    says = worktrees.head_of(worktree)
    if says == f"ref: {place.ref}":
        return ()
    worktrees.repair_head(worktree, place.branch)
    where = says.removeprefix("ref: ") or "nowhere"
    return (f"HEAD of its worktree was moved to {where} and has been moved back",)


def _show_clean(ctx: Context, worktree: Worktree, commit: Sha, holds: Sha) -> None:
    """Who enters a worktree that holds what its branch says finds it clean: its index follows."""
    if holds == history.tree_of(ctx.control, commit):
        git_snapshot.show(ctx.control, worktree.path, worktree.index)


def _accept(
    ctx: Context, state: State, finished: Finished, commit: Sha, commits: int = 0
) -> SessionFinished:
    """Figures and ownership of a commit that is on the branch; `commits` 0: to be counted."""
    start = finished.start
    facts = history.numstat(ctx.control, start, commit)
    found = finished.came_to(
        Ended.OK,
        commit,
        commits=commits or history.count_commits(ctx.control, start, commit),
        files=facts.files,
        insertions=facts.insertions,
        deletions=facts.deletions,
        notes=notable(ctx, start, commit),
    )
    view = state.tasks.get(finished.place.task) or state.dropped.get(finished.place.task)
    owns = view.task.owns if view is not None else ()
    if not owns:
        return found
    strange = outside(owns, history.paths_changed(ctx.control, start, commit))
    if not strange:
        return found
    listed = ", ".join(strange[:20]) + (f" and {len(strange) - 20} more" if strange[20:] else "")
    return replace(
        found,
        ended=Ended.FAILED,
        reason=f"touched paths that the task does not own: {listed}",
        detail=f"The task owns only {', '.join(owns)}: undo the changes of all other paths.",
    )


def _set_aside(
    ctx: Context,
    state: State,
    finished: Finished,
    worktree: Worktree,
    tip: Sha,
    reason: str,
    notes: tuple[str, ...],
) -> SessionFinished:
    """Keep what does not count under a ref of its own; the branch stays where it was."""
    kept = save(ctx, state, finished.place, worktree, tip)
    named = sorted(kept.left.items())
    notes += tuple(f"{path} was not collected: it {why}" for path, why in named[:3])
    if named[3:]:
        notes += (f"{len(named) - 3} more files were not collected",)
    saved = kept.commit
    if saved is None and tip != finished.at:
        saved = tip  # the agent had committed everything itself
        keep(ctx, finished.place, saved)
    ended = Ended.FAILED if finished.ended is Ended.OK else finished.ended
    found = finished.came_to(ended, finished.at, reason=reason, saved=saved or Sha(""), notes=notes)
    if kept.left and finished.ended is Ended.OK:
        listed = "".join(f"\n  {path}: it {why}" for path, why in named[:_NAMED])
        found = replace(found, detail=_NOT_TAKEN + listed, goes_on=True)
    return _quarantined(found, finished) if finished.changed else found


def _quarantined(found: SessionFinished, finished: Finished) -> SessionFinished:
    """It counts for nothing, and does not begin again by itself."""
    what = "; ".join(finished.changed[:3])
    more = f"; and {len(finished.changed) - 3} more" if finished.changed[3:] else ""
    return replace(
        found,
        ended=Ended.FAILED,
        reason=f"quarantined: while it ran, {what}{more}",
        quarantine=f"{what}{more}",
        detail="\n".join(finished.changed),
    )


def _commit(ctx: Context, state: State, finished: Finished, tree: Sha, parent: Sha) -> Sha:
    place = finished.place
    view = state.tasks.get(place.task) or state.dropped.get(place.task)
    title = (view.task.title if view is not None else "") or str(place.task)
    message = (
        f"{title}\n\n"
        f"Wtman-Run: {place.run}\nWtman-Task: {place.task}\nWtman-Attempt: {finished.attempt}\n"
    )
    return history.commit(ctx.control, tree, (parent,), message, state.identity, finished.when)
