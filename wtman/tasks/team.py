"""Where a lead stands: what it waits for, how far its parts are, whether they fit together.

Pure. A lead has no session in a worktree: its planner cuts it when it starts, its parts are tasks
like any other, and their train is its work.
"""

from collections.abc import Mapping

from wtman.journal.state import State, TaskView
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.check import Verdict
from wtman.model.ids import Sha, TaskId
from wtman.model.states import DEAD, DONE, Standing, TaskState


def lead_standing(
    state: State, view: TaskView, known: Mapping[TaskId, Standing], *, stale: bool
) -> Standing:
    """The standing of a lead; `known` has those of what it needs and of its parts. `stale`:
    what its parts started from has moved."""
    team = view.team
    if view.stuck:
        return Standing(TaskState.FAILED, view.stuck)
    waiting = tuple(
        need for need in view.awaited if need in known and known[need].state not in DONE
    )
    if team.planned is None:
        return _uncut(state, view, known, waiting)
    parts = state.parts_of(view.planned.id)
    dead = _dead(state, parts, known)
    if dead is not None:
        why = known[dead]
        kind = why.state if why.state is TaskState.EXCLUDED else TaskState.FAILED
        return Standing(kind, f"part {dead} {why.state}: {why.reason}")
    done = sum(known[part].state in DONE for part in parts)
    if done < len(parts):
        return Standing(TaskState.RUNNING, f"{done} of {len(parts)} parts verified")
    if waiting or stale:
        return Standing(TaskState.CHECKING, "follows what it needs", waiting)
    if is_made(state, view):
        return _judged(state, view, known)
    torn = team.torn
    if torn is not None and not torn.again and is_now(state, view, torn.start, torn.heads):
        item = torn.excluded[0]
        others = f" with {', '.join(item.others)}" if item.others else ""
        return Standing(TaskState.FAILED, f"part {item.task} does not fit: {item.reason}{others}")
    return Standing(TaskState.CHECKING, "its parts are put together and checked")


def is_made(state: State, view: TaskView) -> bool:
    """Whether the train of the parts as they are now has passed."""
    made = view.team.made
    return made is not None and is_now(state, view, made.start, made.heads)


def is_now(state: State, view: TaskView, start: Sha, heads: Mapping[TaskId, Sha]) -> bool:
    """Whether the parts of a lead start and stand where they did then."""
    parts = state.parts_of(view.planned.id)
    return start == view.start and heads == {part: state.tasks[part].head for part in parts}


def _uncut(
    state: State, view: TaskView, known: Mapping[TaskId, Standing], waiting: tuple[TaskId, ...]
) -> Standing:
    team = view.team
    if (question := state.asks_about(view.planned.id)) is not None and not question.answer:
        return Standing(TaskState.RUNNING, "its plan waits for your answer")
    if ActionKey(ActionKind.PLAN, view.planned.id) in state.intents:
        return Standing(TaskState.RUNNING, "being cut into parts")
    if dead := [need for need in waiting if known[need].state in DEAD]:
        return Standing(TaskState.FAILED, f"needs {', '.join(dead)}, which did not succeed")
    failed = team.failed
    most = view.planned.attempts or state.settings.attempts
    if failed is not None and (failed.problems or team.failures >= most):
        return Standing(TaskState.FAILED, failed.reason)
    return Standing(TaskState.PENDING, "", waiting)


def _dead(
    state: State, parts: tuple[TaskId, ...], known: Mapping[TaskId, Standing]
) -> TaskId | None:
    """The part that is to blame: not one that only needs another."""
    dead = [part for part in parts if known[part].state in DEAD]
    left = {part: state.tasks[part].excluded for part in dead}
    own = {part for part, item in left.items() if item is None or not item.follows}
    first = (part for part in dead if part in own and not set(state.tasks[part].needed) & own)
    return next(first, dead[0] if dead else None)


def _judged(state: State, view: TaskView, known: Mapping[TaskId, Standing]) -> Standing:
    made = view.team.made
    # What shows that its defects are gone has passed on its parts together.
    proved = view.planned.proofs and made is not None and made.verdict is Verdict.GREEN
    for part in state.parts_of(view.planned.id):
        if known[part].state is TaskState.UNCHECKED and not (proved and not state.judges_of(part)):
            return Standing(TaskState.UNCHECKED, known[part].reason)
    if made is not None and made.verdict is Verdict.UNCHECKED:
        return Standing(TaskState.UNCHECKED, "a check fails on the base too")
    return Standing(TaskState.VERIFIED)
