"""Where each task and the run stand: derived from the state, stored nowhere."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter, is_not

from wtman.journal.state import Attempt, Finding, FlowView, State, TaskView
from wtman.journal.units import landing_tasks, units
from wtman.model.actions import ON_TASK, ActionKey, ActionKind
from wtman.model.check import Verdict
from wtman.model.graph import dependents
from wtman.model.ids import TaskId
from wtman.model.memory import going_on, last_answer
from wtman.model.session import Ended
from wtman.model.states import DEAD, DONE, SETTLED, RunState, Standing, TaskState
from wtman.review.judgement import (
    Judgement,
    about,
    blockers,
    branch_units,
    over,
    passes,
    reviewers,
    silent,
)
from wtman.tasks.repair import ASKING, repair_reason
from wtman.tasks.team import lead_standing


def standings(state: State) -> dict[TaskId, Standing]:
    """Every task's standing, in plan order. Do not change the answer.

    A thousand tasks take some 4 ms where nothing is known of them; of a state that went before
    only what has changed since is worked out again.
    """
    return _standings(state)


@going_on
def _standings(
    state: State, before: tuple[State, dict[TaskId, Standing]] | None
) -> dict[TaskId, Standing]:
    known = _still_so(state, *before) if before is not None else {}
    for task in state.tasks:
        if task not in known:
            _resolve(state, task, known)
    return {task: known[task] for task in state.tasks}


# What of a state says nothing of where a task stands that has not fallen short; by their names,
# so that a new field counts until somebody has thought of it.
_SAYS_NOTHING = frozenset(
    "tasks dropped updated idle sessions asked_stop dismissed intents notes pressing overlaps "
    "collided usage foretold observed configured charged reserved rate_limit backoff turned_away "
    "seq".split()
)
_telling = attrgetter(*(item.name for item in fields(State) if item.name not in _SAYS_NOTHING))


def _still_so(state: State, was: State, stood: Mapping[TaskId, Standing]) -> dict[TaskId, Standing]:
    """The standings that hold for a later state: of tasks that have not changed, and need none
    that has.

    None where tasks stand together: in a flow, in a team, before reviewers. Who fell short may
    get a repair, which depends on everything.
    """
    if state is was:
        return {**stood}
    if state.flow is not None or any(map(is_not, _telling(state), _telling(was))):
        return {}
    if state.tasks.keys() != was.tasks.keys() or reviewers(state):
        return {}
    left = [task for task, view in state.tasks.items() if view is not was.tasks[task]]
    left += [task for task, item in stood.items() if item.repair or item.state in DEAD]
    users = _needed_by(tuple(view.task for view in state.tasks.values()))
    changed: set[TaskId] = set()
    while left:
        task = left.pop()
        view = state.tasks[task]
        if view.planned.lead or view.planned.part_of:
            return {}
        if task not in changed:
            changed.add(task)
            left += users[task]
    return {task: item for task, item in stood.items() if task not in changed}


_needed_by = last_answer(dependents)


def task_state(state: State, task: TaskId) -> Standing:
    """One task's standing. For many tasks ask `standings` once."""
    return _resolve(state, task, {})


def run_state(state: State, known: Mapping[TaskId, Standing] | None = None) -> RunState:
    """The run's state. A finished one is impossible while a task is unfinished."""
    if state.merge is not None and not state.merge.over:
        return RunState.MERGING
    known = known if known is not None else standings(state)
    if state.flow is not None:
        return _flow_state(state, state.flow, known)
    if state.wanted or not known or any(item.state not in SETTLED for item in known.values()):
        return _unfinished(state, known)
    if reviewers(state) and _reviews_left(state, known):
        held = state.failed or state.stopped or state.paused
        return _unfinished(state, known) if held else RunState.REVIEWING
    states = {item.state for item in known.values()}
    if landable(state, known):
        return RunState.READY
    if TaskState.MERGED in states:
        return RunState.MERGED
    if TaskState.EXCLUDED in states and state.merge is not None:
        return RunState.READY
    return RunState.FAILED


def _flow_state(state: State, flow: FlowView, known: Mapping[TaskId, Standing]) -> RunState:
    """Where a flow stands. What it returned decides, whatever became of its other tasks."""
    if flow.ended is not None and flow.ended.error:
        return RunState.FAILED
    if flow.ended is None:
        if not state.approved:
            return RunState.PLANNED
        if state.failed is not None or state.stopped is not None:
            return RunState.STOPPED
        if state.paused is not None:
            return RunState.PAUSED
        return RunState.WAITING if flow.held else RunState.RUNNING
    states = {known[task].state for task in flow.wanted if task in known}
    if landable(state, known) or not states:
        return RunState.READY
    return RunState.MERGED if TaskState.MERGED in states else RunState.READY


def _reviews_left(state: State, known: Mapping[TaskId, Standing]) -> bool:
    from wtman.review.decide import pending  # it asks for standings, too

    return pending(state, known)


def _unfinished(state: State, known: Mapping[TaskId, Standing]) -> RunState:
    # Not `failed`: that is a finished state, and something is left to do here.
    if state.failed is not None:
        return RunState.STOPPED
    if state.stopped is not None:
        return RunState.STOPPED
    if state.paused is not None:
        return RunState.PAUSED
    if not state.tasks:
        planning = state.planning
        written = planning is not None and planning.made is not None and planning.made.source
        return RunState.PLANNED if written else RunState.PLANNING
    if not state.approved:
        return RunState.PLANNED
    if waits_for_answer(state, known):
        return RunState.WAITING
    left = {item.state for item in known.values()} - SETTLED
    return RunState.REVIEWING if left == {TaskState.REVIEWING} else RunState.RUNNING


def waits_for_answer(state: State, known: Mapping[TaskId, Standing]) -> bool:
    """Whether nothing goes on before somebody answers what is asked about tasks."""
    held = {it.asked.task for it in state.asked if it.asked is not None and not it.answer}
    left = {task for task, item in known.items() if item.state not in SETTLED}
    held &= left
    if not held:
        return False
    while True:
        more = {
            task
            for task in left - held
            if held & {*known[task].waiting_for} or _only_parts(state, task, left, held)
        }
        if not more:
            return left == held
        held |= more


def _only_parts(
    state: State, lead: TaskId, left: Collection[TaskId], held: Collection[TaskId]
) -> bool:
    """Whether a lead waits for parts that wait for an answer, and for no others."""
    parts = {part for part in state.parts_of(lead) if part in left}
    return bool(parts) and parts <= {*held}


def landable(state: State, known: Mapping[TaskId, Standing] | None = None) -> tuple[TaskId, ...]:
    """The tasks whose work a merge may take: verified, or unchecked where nothing checks."""
    known = known if known is not None else standings(state)
    wanted = (TaskState.VERIFIED, TaskState.UNCHECKED)
    asked = state.flow.wanted if state.flow is not None else known
    good = tuple(task for task, item in known.items() if item.state in wanted and task in asked)
    dead = any(item.state in DEAD for item in known.values())
    return _not_held_back(state, known, good) if good and dead else good


def judged_by_none(state: State, task: TaskId, known: Mapping[TaskId, Standing]) -> bool:
    """Whether neither a check has judged the task nor what judges a lead of its own."""
    return known[task].state is TaskState.UNCHECKED and not any(
        known[lead].state is TaskState.VERIFIED for lead in state.leads_of(task) if lead in known
    )


def _not_held_back(
    state: State, known: Mapping[TaskId, Standing], good: Sequence[TaskId]
) -> tuple[TaskId, ...]:
    """Those of them that need nothing, and are of no unit, that fell short."""
    tasks = landing_tasks(state, depended=True)
    groups = tuple(units(state).values())
    there = {task.id for task in tasks if state.tasks[task.id].merged}
    left = {
        task for task in good if not any(known[lead].state in DEAD for lead in state.leads_of(task))
    }
    while True:
        torn = {name for parts in groups if not {*parts} <= left | there for name in parts}
        needs = {task.id for task in tasks if not {*task.needs} <= left | there}
        if not left & (torn | needs):
            return tuple(task for task in good if task in left)
        left -= torn | needs


def counted(attempt: Attempt) -> bool:
    """Whether it came to an end of its own."""
    return attempt.ended in (Ended.OK, Ended.FAILED)


def last_counted(view: TaskView) -> Attempt | None:
    """The newest attempt at the task as worded now that was not interrupted."""
    return next(filter(counted, reversed(view.current)), None)


def telling(attempts: Sequence[Attempt]) -> Attempt | None:
    """The newest that says why the task is not done: one that changed nothing says little."""
    for item in reversed(attempts):
        if not counted(item):
            continue
        if item.ended is Ended.OK and not item.red:
            return None
        if item.red or item.outcome is None or not item.outcome.unchanged:
            return item
    return None


def awaits_attempt(view: TaskView) -> bool:
    """Whether a session is the next thing that the task needs."""
    last = last_counted(view)
    unsettled = last is None or last.ended is Ended.FAILED or bool(last.red)
    return unsettled or view.request.again or bool(view.request.restart)


def stale_needs(state: State, view: TaskView, known: Mapping[TaskId, Standing]) -> bool:
    """Whether something that the task started from has moved to another settled tip."""
    if view.onto != view.based:
        return True
    lead = state.tasks.get(view.planned.part_of)
    if lead is not None and view.needs.get(lead.planned.id) != lead.start:
        return True
    for need in view.awaited:
        other = state.tasks.get(need)
        if other is None or (view.onto and other.merged) or known[need].state not in DONE:
            continue
        if need in view.loose and not awaits_attempt(view):
            continue  # finished work does not start over because of a collision
        if view.needs.get(need) != other.head:
            return True
    return False


def _resolve(state: State, task: TaskId, memo: dict[TaskId, Standing]) -> Standing:
    """Depth-first over `needs`, without recursion: plans may be chains of a thousand."""
    stack = [task] if task not in memo else []
    while stack:
        name = stack[-1]
        view = state.tasks[name]
        wanted = (*view.awaited, *state.parts_of(name)) if view.planned.lead else view.awaited
        missing = [need for need in wanted if need in state.tasks and need not in memo]
        if missing and name not in memo:
            stack.extend(missing)
            continue
        if name not in memo:
            memo[name] = _stand(state, view, memo)
        stack.pop()
    return memo[task]


def _stand(state: State, view: TaskView, known: Mapping[TaskId, Standing]) -> Standing:
    found = _without_repair(state, view, known)
    if found.state not in DEAD or not (reason := repair_reason(state, view, found, known)):
        return found
    key = ActionKey(ActionKind.REPAIR, view.planned.id)
    if key in state.held:
        return Standing(TaskState.PAUSED, state.held[key].reason, repair=True)
    if state.paused is not None and reason != ASKING:
        return Standing(TaskState.PAUSED, state.paused.reason, repair=True)
    return Standing(TaskState.FIXING, reason, repair=True)


def _without_repair(state: State, view: TaskView, known: Mapping[TaskId, Standing]) -> Standing:
    if view.merged:
        return Standing(TaskState.MERGED)
    if view.excluded is not None:
        return Standing(TaskState.EXCLUDED, view.excluded.in_short())
    if view.external:
        whole = view.head == view.start  # what stands for the base, where that is reviewed
        return Standing(TaskState.UNCHECKED, "as it stands" if whole else "not made by wtman")
    if view.planned.lead:
        stale = stale_needs(state, view, known)
        work = lead_standing(state, view, known, stale=stale)
    else:
        work = _work(state, view, known)
    flow = state.flow
    if flow is not None and flow.ended is not None and work.state not in SETTLED:
        if view.planned.id not in flow.wanted:
            return Standing(TaskState.FAILED, "the flow ended before it")
    if is_fruitless(view, work):
        return Standing(TaskState.CHECKING, "goes back to its work of before")
    if work.state in SETTLED:
        return work
    kinds = (*ON_TASK, ActionKind.PLAN) if state.held else ()
    keys = (ActionKey(kind, view.task.id) for kind in kinds)
    held = next((state.held[key] for key in keys if key in state.held), None)
    if held is not None:
        return Standing(TaskState.PAUSED, held.reason, work.waiting_for)
    if state.paused is not None and view.in_flight is None:
        return Standing(TaskState.PAUSED, state.paused.reason, work.waiting_for)
    return work


def is_fruitless(view: TaskView, work: Standing) -> bool:
    """Whether the session of a retry of good work, which leaves the task so, did no better."""
    before = view.before
    if before is None or view.resolving is not None or view.in_flight is not None:
        return False
    tried = any(counted(item) and item.number > before.last for item in view.attempts)
    # Not where it waits for a session that was asked for since.
    # A step of a flow has all its attempts.
    return work.state in DEAD or (
        tried and work.state is TaskState.FIXING and not _goes_on_for_step(view)
    )


def _goes_on_for_step(view: TaskView) -> bool:
    return view.before is not None and view.planned.step != view.before.planned.step


def fruitless(state: State, task: TaskId, known: Mapping[TaskId, Standing]) -> Standing | None:
    """What a retry of good work that did no better has left of the task."""
    view = state.tasks[task]
    if view.before is None or view.merged or view.excluded is not None:
        return None
    work = _work(state, view, known)
    return work if is_fruitless(view, work) else None


def _work(state: State, view: TaskView, known: Mapping[TaskId, Standing]) -> Standing:
    again = view.failures > 0
    if view.in_flight is not None:
        return Standing(TaskState.FIXING if again else TaskState.RUNNING)
    last = last_counted(view)
    loose = view.loose
    waiting = tuple(
        need
        for need in view.awaited
        if need in known
        and known[need].state not in DONE
        and not (need in loose and known[need].state in DEAD)
    )
    dead = tuple(need for need in waiting if known[need].state in DEAD)
    if last is None or view.request.again or view.request.restart:
        if dead:
            return Standing(TaskState.FAILED, f"needs {', '.join(dead)}, which did not succeed")
        if view.stuck:
            return Standing(TaskState.FAILED, view.stuck)
        return Standing(TaskState.PENDING, "", waiting)
    if last.ended is Ended.FAILED or last.red:
        reason = _why(view, last)
        barred = last.outcome is not None and bool(last.outcome.quarantine)
        most = view.planned.attempts or state.settings.attempts
        if barred or view.failures >= most + view.granted:
            if not barred and not last.red and (left := blockers(state, view.task.id)):
                # It had passed its checks; what it did not mend is why it does not land.
                return Standing(TaskState.REJECTED, _titles(left))
            return Standing(TaskState.FAILED, reason)
        return Standing(TaskState.FIXING, reason, tuple(need for need in waiting if need in loose))
    if view.owner != view.fingerprint:
        return Standing(TaskState.CHECKING, "takes up earlier work again")
    if stale_needs(state, view, known):
        return Standing(TaskState.CHECKING, "follows what it needs")
    return _reviewed(state, view, _judged(state, view))


def _reviewed(state: State, view: TaskView, judged: Standing) -> Standing:
    """What the reviews make of a tip that has passed its checks."""
    if state.flow is not None:
        return judged  # its script says what is reviewed, and what comes of that
    if judged.state not in (TaskState.VERIFIED, TaskState.UNCHECKED) or not reviewers(state):
        return judged
    if not (view.has_work or view.external):
        return judged  # it changed nothing: there is nothing to look at
    task = view.task.id
    units = branch_units(state, task)
    left = sum(not over(state, unit) for unit in units)
    if left:
        return Standing(TaskState.REVIEWING, f"reviewing ({len(units) - left} of {len(units)})")
    # What is about several branches holds up none: one of them may never get so far.
    if any(found.pending for finding, found in about(state, task) if len(finding.subjects) == 1):
        return Standing(TaskState.REVIEWING, "verifying findings")
    open_ones = blockers(state, task)
    if open_ones:
        names = _titles(open_ones)
        if passes(state, task) >= state.settings.rounds + view.granted:
            return Standing(TaskState.REJECTED, names)
        return Standing(TaskState.FIXING, names)
    if failed := silent(state, units):
        missing = ", ".join(item.lens for item in failed)
        return Standing(judged.state, judged.reason or f"no verdict from: {missing}")
    return judged


def _titles(found: tuple[tuple[Finding, Judgement], ...]) -> str:
    return ", ".join(finding.claim.title for finding, _ in found)


def is_unjudged(state: State, view: TaskView) -> bool:
    """Whether the tip has no verdict yet of the checks that are its own now."""
    checked = view.checked
    return (
        checked is None
        or checked.commit != view.head
        or checked.start != view.start
        or tuple(item.command for item in checked.results) != state.judges_of(view.task.id)
    )


def _judged(state: State, view: TaskView) -> Standing:
    if not state.judges_of(view.task.id):
        return Standing(TaskState.UNCHECKED, "no check")
    checked = view.checked
    if checked is None or is_unjudged(state, view):
        return Standing(TaskState.CHECKING)
    if checked.verdict is Verdict.GREEN:
        return Standing(TaskState.VERIFIED)
    if checked.verdict is Verdict.UNCHECKED:
        return Standing(TaskState.UNCHECKED, "a check fails on the base too")
    return Standing(TaskState.FAILED, "a check failed")


def _why(view: TaskView, last: Attempt) -> str:
    """Why the newest attempt did not do, in one line."""
    told = telling(view.current)
    if told is None or told is last:
        return _reason(last)
    return f"{_reason(told)}; then {_reason(last)}"


def _reason(attempt: Attempt) -> str:
    if attempt.red:
        return attempt.red.splitlines()[0]
    return attempt.outcome.reason if attempt.outcome is not None else ""
