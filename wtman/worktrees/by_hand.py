"""What the user left in a task's worktree at a shell of theirs, which is no attempt.

Files stay where they are. Commits were made in a private git directory, which the next attempt
replaces: they are kept below refs/wtman/saved/. Blocking.
"""

from wtman.context import Context
from wtman.git.untrusted import gate, private
from wtman.journal.state import State
from wtman.model.ids import Sha
from wtman.model.values import dataclass
from wtman.worktrees.baseline import unsaved
from wtman.worktrees.lent import folder_of
from wtman.worktrees.place import TaskPlace, keep, made


@dataclass(frozen=True, slots=True)
class ByHand:
    """`commit` is the newest commit made there, if any; `refused` says why none could be kept.

    `changed`: the worktree holds what the branch does not.
    """

    commit: Sha | None
    refused: str
    changed: bool


def left_by_hand(ctx: Context, state: State, place: TaskPlace, attempt: int, at: Sha) -> ByHand:
    """Look at the worktree after a shell whose private git directory was that of `attempt`."""
    worktree = made(ctx, place)
    git = private.describe(
        ctx.control,
        worktree,
        place.branch,
        at,
        folder_of(ctx, place, attempt),
        mounted=ctx.sandbox.mounts,
        seen=ctx.view(worktree.path).seen(worktree.path),
    )
    came = gate.take(ctx.control, git)
    private.leave(git)
    commit = came.tip if came.tip not in ("", at) else None
    if commit is not None:
        keep(ctx, place, commit)
    refused = "" if isinstance(came, gate.Imported) else came.reason
    return ByHand(commit, refused, bool(unsaved(ctx.control, state, place, worktree, at)[0]))
