"""Where a task starts: what it needs, as one commit. Blocking."""

from collections.abc import Sequence

from wtman.context import Context
from wtman.git.merges import merge_tree
from wtman.git.objects import history
from wtman.journal.state import State
from wtman.model.ids import Sha


def join(ctx: Context, state: State, base: Sha, tips: Sequence[Sha]) -> tuple[Sha, tuple[str, ...]]:
    """One commit that holds the work of all tips, or the paths on which they conflict."""
    joined = base
    for tip in dict.fromkeys(tips):
        if history.is_ancestor(ctx.control, joined, tip):
            joined = tip
            continue
        if history.is_ancestor(ctx.control, tip, joined):
            continue
        merged = merge_tree.merge_heads(ctx.control, joined, tip)
        if merged.tree is None:
            return joined, merged.conflicts
        # A fixed date: the same tips give the same commit, so this can be done twice.
        joined = history.commit(
            ctx.control,
            merged.tree,
            (joined, tip),
            "wtman: join what a task needs\n",
            state.identity,
            state.created,
        )
    return joined, ()
