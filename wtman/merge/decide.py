"""Which branches are eligible for a merge, and what it does next.

The search itself is `search`; here the run's tasks become its members, and its
answer becomes actions. What is excluded before any candidate is named with its reason.
"""

from collections.abc import Mapping

from wtman.checks.actions import CheckBase
from wtman.journal.events import Excluded
from wtman.journal.state import State
from wtman.merge.actions import JudgeCandidate, LandTrain
from wtman.merge.search import Ask, next_step
from wtman.merge.selection import Member
from wtman.model.actions import ActionKey, ActionKind, Cancel
from wtman.model.graph import closure, order
from wtman.model.ids import TaskId
from wtman.model.states import Standing, TaskState
from wtman.review.judgement import blockers
from wtman.tasks.lifecycle import standings


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
    tasks = tuple(view.task for view in state.tasks.values())
    known = standings(state)
    everyone = state.flow.wanted if state.flow is not None else state.tasks
    members = tuple(task for task in merge.asked.members if task in everyone)
    wanted = set(closure(tasks, members)) if merge.asked.members else set(everyone)
    included: dict[TaskId, Member] = {}
    left: list[Excluded] = list(merge.disproved)
    disproved = {item.task for item in merge.disproved}
    for task in order(tasks):
        view = state.tasks[task]
        if task not in wanted or view.merged:
            continue
        if task in merge.asked.exclude or task in disproved:
            continue
        apart = (merge.asked.apart or {}).get(task, "")
        reason = apart or _unfit(state, task, known, included)
        if reason:
            left.append(Excluded(task, "unverified", _partners(state, task, known), (), reason))
        else:
            needs = tuple(need for need in view.needed if need in included)
            included[task] = Member(task, view.start, view.head, needs)
    return tuple(included.values()), tuple(left)


def _partners(state: State, task: TaskId, known: Mapping[TaskId, Standing]) -> tuple[TaskId, ...]:
    """The branches with which one that the reviews rejected fails."""
    if known[task].state is not TaskState.REJECTED:
        return ()
    others = (name for _, found in blockers(state, task) for name in found.culprits)
    return tuple(dict.fromkeys(name for name in others if name != task))


def _unfit(
    state: State, task: TaskId, known: Mapping[TaskId, Standing], included: Mapping[TaskId, Member]
) -> str:
    """Why a task is not eligible, or nothing."""
    view = state.tasks[task]
    item = known[task]
    assert state.merge is not None
    if item.state is TaskState.UNCHECKED and not (view.external or state.merge.asked.unchecked):
        return f"task unchecked ({item.reason}); --unchecked allows it"
    if item.state not in (TaskState.VERIFIED, TaskState.UNCHECKED):
        return f"task {item.state}" + (f": {item.reason}" if item.reason else "")
    for need in view.needed:
        other = state.tasks.get(need)
        if other is not None and not other.merged and need not in included:
            return f"it needs {need}, which does not land"
    return ""
