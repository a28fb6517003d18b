"""Which branches are eligible for a merge, and what it does next.

The search itself is `search`; here the run's tasks become its members, and its
answer becomes actions. What is excluded before any candidate is named with its reason.
"""

from collections.abc import Mapping, Sequence

from wtman.checks.actions import CheckBase
from wtman.journal.events import Excluded
from wtman.journal.state import State
from wtman.journal.units import landing_tasks, units, wanted_of
from wtman.merge.actions import JudgeCandidate, LandTrain
from wtman.merge.search import Ask, next_step
from wtman.merge.selection import Member
from wtman.merge.units import left_with
from wtman.model.actions import ActionKey, ActionKind, Cancel
from wtman.model.graph import order
from wtman.model.ids import TaskId
from wtman.model.plan import Task
from wtman.model.states import DEAD, Standing, TaskState
from wtman.review.judgement import blockers
from wtman.tasks.lifecycle import judged_by_none, standings


def decide_merge(
    state: State, running: frozenset[ActionKey]
) -> tuple[Cancel | CheckBase | JudgeCandidate | LandTrain, ...]:
    """The candidates to start, or the landing that they lead to."""
    merge = state.merge
    assert merge is not None
    if state.asked_stop or _ended(state):
        return tuple(Cancel(key) for key in sorted(running))
    if ActionKey(ActionKind.LAND) in running:
        return ()
    if state.kind.external and merge.asked.check and state.base_checked is None:
        # Branches that wtman did not make had no split that looked at the checks first.
        return () if ActionKey(ActionKind.BASE) in running else (CheckBase(merge.on),)
    members, left = eligible(state)
    candidates = {
        names: candidate for (on, names), candidate in merge.candidates.items() if on == merge.on
    }
    asked = merge.asked
    # Branches that wtman did not make were never checked alone: the train's check is theirs.
    step = next_step(members, candidates, state.settings.check_jobs, unchecked=asked.unchecked)
    if isinstance(step, Ask):
        wanted = [JudgeCandidate(merge.on, names) for names in step.candidates]
        return tuple(action for action in wanted if action.key not in running)
    return (
        LandTrain(
            on=merge.on,
            members=step.landing,
            excluded=(*left, *step.excluded),
            needs=dict(step.needs),
        ),
    )


def _ended(state: State) -> bool:
    return state.stopped is not None or state.failed is not None or state.paused is not None


def eligible(state: State) -> tuple[tuple[Member, ...], tuple[Excluded, ...]]:
    """The members in dependency order, and who stays behind before anything is tried."""
    merge = state.merge
    assert merge is not None
    known = standings(state)
    wanted = wanted_of(state, merge.asked)
    parts = units(state)
    unit = {part: name for name, inside in parts.items() for part in inside}
    tasks = {task.id: task for task in landing_tasks(state, depended=True)}
    line = [
        tasks[name]
        for name in order(tuple(tasks.values()))
        if name in wanted and not state.tasks[name].merged
    ]
    left = {item.task: item for item in merge.disproved}
    while True:
        included: dict[TaskId, Member] = {}
        before = len(left)
        for task in line:
            if task.id in left:
                continue
            top = unit.get(task.id, TaskId(""))
            item = _left_alone(state, task, top, known) or _left_with_others(
                state, task, unit, parts.get(top, ()), left, included
            )
            if item is not None:
                left[task.id] = item
                continue
            view = state.tasks[task.id]
            needs = tuple(need for need in task.needs if need in included)
            included[task.id] = Member(task.id, view.start, view.head, needs, top)
        # A part that stays behind takes those along that come before it, and all who need them.
        if len(left) == before:
            return tuple(included.values()), tuple(left.values())


def _left_alone(
    state: State, task: Task, unit: TaskId, known: Mapping[TaskId, Standing]
) -> Excluded | None:
    """A task that is not eligible itself, or whose lead is not."""
    assert state.merge is not None
    reason = (state.merge.asked.apart or {}).get(task.id, "") or _unfit(state, task.id, known)
    lead = known.get(unit)
    # Where its train is not known to pass, that of the merge tells.
    if not reason and lead is not None and lead.state in DEAD:
        reason = f"{unit} {lead.state}" + (f": {lead.reason}" if lead.reason else "")
    if not reason:
        return None
    others = _partners(state, task.id, known)
    return Excluded(task.id, "unverified", others, evidence=reason, unit=unit)


def _left_with_others(
    state: State,
    task: Task,
    unit: Mapping[TaskId, TaskId],
    parts: Sequence[TaskId],
    left: Mapping[TaskId, Excluded],
    included: Mapping[TaskId, Member],
) -> Excluded | None:
    """A task whose unit does not land because of others in it, or that needs one that does not."""
    inside = [name for name in parts if name in left]
    if inside:
        guilty = [name for name in inside if not left[name].follows]
        return left_with(task.id, unit[task.id], guilty or inside)
    for need in task.needs:
        other = state.tasks.get(need)
        if other is not None and not other.merged and need not in included:
            top = unit.get(need, need)
            name = top if top in state.tasks and top != unit.get(task.id) else need
            mine = unit.get(task.id, TaskId(""))
            return Excluded(task.id, "unverified", (name,), unit=mine, follows=True)
    return None


def _partners(state: State, task: TaskId, known: Mapping[TaskId, Standing]) -> tuple[TaskId, ...]:
    """The branches with which one that the reviews rejected fails."""
    if known[task].state is not TaskState.REJECTED:
        return ()
    others = (name for _, found in blockers(state, task) for name in found.culprits)
    return tuple(dict.fromkeys(name for name in others if name != task))


def _unfit(state: State, task: TaskId, known: Mapping[TaskId, Standing]) -> str:
    """Why a task is not eligible, or nothing."""
    item = known[task]
    assert state.merge is not None
    if judged_by_none(state, task, known) and not (
        state.tasks[task].external or state.merge.asked.unchecked
    ):
        return f"task unchecked ({item.reason}); --unchecked allows it"
    if item.state not in (TaskState.VERIFIED, TaskState.UNCHECKED):
        return f"task {item.state}" + (f": {item.reason}" if item.reason else "")
    return ""
