"""What a flow needs next, as actions. Part of `decide`.

A step that sessions work on is a task, scheduled like any other; its outcome is read off the
task. What no play of the script has asked for since it began rests: it may never be wanted again.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from wtman.budget.budget import budget_status
from wtman.flow.actions import AskStep, CommandStep, PlayScript, SettleStep
from wtman.journal import events as e
from wtman.journal.replay_flow import is_of, makers_of
from wtman.journal.state import FlowStep, State, TaskView
from wtman.model.actions import ActionKey, ActionKind, Cancel
from wtman.model.ids import TaskId
from wtman.model.session import Cap
from wtman.model.states import DEAD, DONE, SETTLED, Standing, TaskState
from wtman.worktrees.actions import Rewind

_SCRIPT = ActionKey(ActionKind.SCRIPT)
_OF_STEPS = frozenset(
    {
        ActionKind.PLAN,
        ActionKind.SESSION,
        ActionKind.CHECK,
        ActionKind.WORKTREE,
        ActionKind.ASK,
        ActionKind.COMMAND,
        ActionKind.REVIEW,
        ActionKind.REPRODUCE,
        ActionKind.REFUTE,
        ActionKind.CANDIDATE,
    }
)
_ALONE = frozenset({ActionKind.SCRIPT, ActionKind.WATCH})


def resting(state: State, running: Collection[ActionKey]) -> frozenset[TaskId]:
    """Tasks of steps that nobody asks for now, or not yet: nothing of them begins."""
    flow = state.flow
    if flow is None:
        return frozenset()
    if flow.ended is not None:
        return frozenset(state.tasks.keys() - flow.wanted.keys())
    left = {step.task for step in flow.steps.values() if step.open and step.play != flow.plays}
    left -= {step.task for step in flow.current if step.open}
    if _SCRIPT not in running and not flow.held:
        left |= {step.task for step in flow.steps.values() if step.open}  # until it is played
    left.discard(TaskId(""))  # of what no task does
    if not left:
        return frozenset()
    # A team rests as its lead does.
    return frozenset(left).union(
        task for task in state.tasks if not left.isdisjoint(state.leads_of(task))
    )


def outcomes(state: State, known: Mapping[TaskId, Standing]) -> list[SettleStep]:
    """The steps whose task has come to an end."""
    flow = state.flow
    if flow is None or flow.ended is not None:
        return []
    found = []
    for step in flow.steps.values():
        view = state.tasks.get(step.task)
        if not step.open or view is None or not is_of(view, step):
            continue
        standing = known[step.task]
        if view.planned.lead:
            found += _of_team(state, step, known)
        elif standing.state in DONE and view.in_flight is None:
            found.append(SettleStep(e.StepAnswered(step.key, work_of(view))))
        elif standing.state in DEAD and view.before is None and step.play == flow.plays:
            more = {"reason": standing.reason, "task": step.task, "attempts": len(view.current)}
            outcome = e.StepFailed(step.key, "StepFailed", standing.reason, more)
            found.append(SettleStep(outcome))
    return found


def over_budget(state: State, known: Mapping[TaskId, Standing]) -> list[SettleStep]:
    """The steps that may cost more than is left, whatever live sessions give back: they are not
    begun. Where nothing is left for any session the run pauses instead."""
    flow, money = state.flow, budget_status(state)
    if flow is None or flow.ended is not None or not money.budget.usd:
        return []
    whole = replace(money, held=Cap())
    if whole.admit(1) is None:
        return []
    found = []
    for step in flow.current:
        own = own_usd(step)
        if not step.open or own <= whole.left.usd or not _waits(state, step, known):
            continue
        told = f"it may cost ${own:,.2f}, and ${whole.left.usd:,.2f} of the budget is left"
        more = {"reason": "budget", "task": step.task}
        found.append(SettleStep(e.StepFailed(step.key, "OverBudget", told, more)))
    return found


def own_usd(step: FlowStep) -> float:
    """What a step may cost at most, in dollars, as its call says; 0: the call says nothing."""
    return float(step.limits.get("usd") or 0)


def _waits(state: State, step: FlowStep, known: Mapping[TaskId, Standing]) -> bool:
    """Whether a session is what a step needs next, and none is under way."""
    view = state.tasks.get(step.task)
    if view is None:
        return step.kind == "ask" and ActionKey(ActionKind.ASK, step.key) not in state.intents
    wanting = known[step.task].state in (TaskState.PENDING, TaskState.FIXING)
    return is_of(view, step) and wanting and view.in_flight is None


def _of_team(state: State, step: FlowStep, known: Mapping[TaskId, Standing]) -> list[SettleStep]:
    """What a team has come to, once all its parts are at an end."""
    lead, standing = step.task, known[step.task]
    if standing.state in DONE:
        works = [work_of(state.tasks[task.id]) for task in makers_of(state, lead)]
        return [SettleStep(e.StepAnswered(step.key, works))]
    if standing.state not in DEAD or state.flow is None or step.play != state.flow.plays:
        return []
    if any(known[part].state not in SETTLED for part in state.team_of(lead)):
        return []
    more = {"reason": standing.reason, "task": lead}
    return [SettleStep(e.StepFailed(step.key, "StepFailed", standing.reason, more))]


def work_of(view: TaskView) -> dict[str, Any]:
    """The work that a task stands at, as the script sees it."""
    return {
        "work": {
            "task": view.planned.id,
            "branch": view.branch,
            "commit": view.head,
            "parent": view.goes_on or view.start,
            "title": view.planned.title or view.planned.id,
        }
    }


def commands(state: State, running: Collection[ActionKey]) -> list[CommandStep]:
    """The commands to run now."""
    steps = state.flow.current if state.flow is not None and state.flow.ended is None else ()
    wanted = [CommandStep(step.key) for step in steps if step.open and step.kind == "command"]
    return [action for action in wanted if action.key not in running]


def asks(state: State, running: Collection[ActionKey]) -> list[AskStep]:
    """The questions that agents are to be asked."""
    steps = state.flow.current if state.flow is not None and state.flow.ended is None else ()
    wanted = [AskStep(step.key) for step in steps if step.open and step.kind == "ask"]
    return [action for action in wanted if action.key not in running]


def ends(state: State, running: Collection[ActionKey]) -> list[Cancel | Rewind]:
    """What a flow that has ended leaves: nothing runs on, and branches stand where it wants them.

    A task of which the script returned an earlier work goes back to that.
    """
    flow = state.flow
    if flow is None or flow.ended is None:
        return []
    busy = {key.subject for key in running if key.kind in _OF_STEPS}
    out: list[Cancel | Rewind] = [
        Cancel(key)
        for key in sorted(running)
        if key.kind in _OF_STEPS and key.subject not in flow.wanted
    ]
    for task, commit in flow.wanted.items():
        view = state.tasks[task]
        work = flow.works[commit]
        if view.planned.step != work.planned.step and task not in busy and view.in_flight is None:
            out.append(Rewind(task, view.head, commit))
    return out


def script(state: State, running: Collection[ActionKey], others: bool) -> list[PlayScript | Cancel]:
    """The script's process, while it can get anywhere; `others`: something else is begun now."""
    flow = state.flow
    if flow is None or flow.ended is not None:
        return []
    stuck = state.paused is not None or bool(state.held)
    if _SCRIPT not in running:
        return [] if stuck or flow.held else [PlayScript()]
    alone = not others and all(key.kind in _ALONE for key in running)
    return [Cancel(_SCRIPT)] if stuck and alone else []
