"""The rows of the table of attempts that a run comes to.

Pure. They follow from the journal of the run alone, so a row is the same whoever reads it off, and
however often.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from wtman.journal import events as e
from wtman.journal.record import Recorded
from wtman.journal.state import State, TaskView
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.check import Verdict
from wtman.model.ids import Sha, TaskId
from wtman.model.roles import (
    DEFAULT,
    JUDGE,
    LEAD,
    PLANNER,
    REFUTER,
    REPAIRER,
    RESOLVER,
    REVIEWER,
    SCOUT,
    agent_of,
    effort_of,
    model_of,
    role_of,
)
from wtman.model.session import Ended, Usage
from wtman.model.states import DONE, SETTLED, Standing
from wtman.plan.attempts.table import (
    FAILED,
    INTERRUPTED,
    OK,
    REFUSED,
    AttemptRow,
    SessionKind,
    agent_key,
)

_ENDED = {Ended.OK: OK, Ended.FAILED: FAILED, Ended.INTERRUPTED: INTERRUPTED}
# Sessions of no task, by their events.
_ROLES: Mapping[type, str] = {
    e.Scouted: SCOUT,
    e.ScoutFailed: SCOUT,
    e.Planned: PLANNER,
    e.PlanFailed: PLANNER,
    e.PlanDrafted: PLANNER,
    e.DraftFailed: PLANNER,
    e.FlowChosen: PLANNER,
    e.PlansJudged: JUDGE,
    e.TeamPlanned: LEAD,
    e.TeamPlanFailed: LEAD,
    e.Reviewed: REVIEWER,
    e.Refuted: REFUTER,
    e.RepairDecided: REPAIRER,
    e.RepairFailed: REPAIRER,
}
_FELL_SHORT = (e.PlanFailed, e.DraftFailed, e.TeamPlanFailed, e.ScoutFailed, e.RepairFailed)


def attempt_rows(
    state: State, known: Mapping[TaskId, Standing], recorded: Iterable[Recorded]
) -> tuple[AttemptRow, ...]:
    """A row for each session of the run that ended, in their order."""
    begun: dict[ActionKey, float] = {}
    agents: dict[TaskId, str] = {}
    setups: dict[TaskId, float] = {}
    rows: list[AttemptRow] = []
    last: dict[TaskId, int] = {}  # the newest row of a task
    own: dict[TaskId, int] = {}  # the newest of its authors
    resolving: set[TaskId] = set()
    for record in recorded:
        event, at = record.event, record.at
        match event:
            case e.Intended(key=key, attempt=attempt):
                begun[key] = at
                if attempt is not None:
                    agents[TaskId(key.subject)] = attempt.agent
            case e.WorktreeMade(task=task):
                setups[task] = _since(begun, ActionKind.WORKTREE, task, at) or 0.0
            case e.SessionFinished(task=task):
                view = state.tasks.get(task) or state.dropped.get(task)
                if view is None:
                    continue
                took = event.seconds or _since(begun, ActionKind.SESSION, task, at)
                row = _of_task(state, view, agents.get(task, ""), event)
                last[task] = len(rows)
                if task in resolving:
                    row = _of_resolver(state, row, agents.get(task, ""))
                else:
                    own[task] = len(rows)
                rows.append(replace(row, seconds=took, setup_seconds=setups.pop(task, None)))
            case e.Checked(task=task, results=results) if task in last:
                row = rows[last[task]]
                if any(not item.cached for item in results):
                    took = _since(begun, ActionKind.CHECK, task, at)
                    row = replace(row, check_seconds=took)
                if event.verdict is Verdict.RED and row.verdict == OK:
                    row = replace(row, verdict=REFUSED)
                rows[last[task]] = row
            case e.Resolving(task=task):
                resolving.add(task)
            case e.Requested(task=task):
                resolving.discard(task)
            case e.StepAnswered() | e.StepFailed() if event.sessions:
                rows += _of_step(state, event)
            case _ if type(event) in _ROLES:
                rows += _of_role(state, event, _ROLES[type(event)])
    for task, place in own.items():
        if task in state.tasks and known[task].state in SETTLED:
            rows[place] = _settled(state, rows[place], task, done=known[task].state in DONE)
    return tuple(rows)


def kind_of(state: State, role: str, agent: str) -> SessionKind:
    """What sessions of a role that no task has are grouped by."""
    told = state.roles.get(role)
    model = model_of(state.settings, told, agent)
    return SessionKind(role, agent, model, effort_of(state.settings, told))


def _since(
    begun: dict[ActionKey, float], kind: ActionKind, task: TaskId, at: float
) -> float | None:
    since = begun.pop(ActionKey(kind, task), None)
    return max(at - since, 0.0) if since is not None else None


def _of_task(state: State, view: TaskView, agent: str, event: e.SessionFinished) -> AttemptRow:
    task, settings = view.task, state.settings
    role = role_of(state.roles, task)
    row = AttemptRow(
        task.role or DEFAULT,
        agent_key(agent),
        model_of(settings, role, agent, task.model),
        effort_of(settings, role, task.effort),
        owns=len(task.owns),
        brief=len(task.prompt) + len(task.expect),
        changed=event.insertions + event.deletions,
        verdict=_ENDED[event.ended],
    )
    return _with_usage(row, event.usage)


def _of_resolver(state: State, row: AttemptRow, agent: str) -> AttemptRow:
    """The row of a session that brought a task together with what had landed."""
    kind = kind_of(state, RESOLVER, agent)
    return replace(row, role=RESOLVER, model=kind.model, effort=kind.effort)


def _of_role(state: State, event: e.Event, role: str) -> list[AttemptRow]:
    agent, seconds = getattr(event, "agent", ""), getattr(event, "seconds", 0.0)
    if not seconds:
        return []
    kind = kind_of(state, role, agent)
    trouble = any(getattr(event, name, False) for name in ("fatal", "limited", "stopped", "pauses"))
    good = getattr(event, "ok", True) and not isinstance(event, _FELL_SHORT)
    row = AttemptRow(
        role,
        agent_key(agent),
        kind.model,
        kind.effort,
        seconds=seconds,
        verdict=INTERRUPTED if trouble else OK if good else FAILED,
    )
    return [_with_usage(row, getattr(event, "usage", Usage()))]


def _of_step(state: State, event: e.StepAnswered | e.StepFailed) -> list[AttemptRow]:
    step = state.flow.steps.get(event.key) if state.flow is not None else None
    if step is None or not event.seconds:
        return []
    role = str(step.spec.get("role") or SCOUT)
    told = state.roles.get(role)
    agent = str(step.spec.get("agent") or agent_of(state.settings, told, role))
    row = AttemptRow(
        role,
        agent_key(agent),
        model_of(state.settings, told, agent, str(step.spec.get("model") or "")),
        effort_of(state.settings, told, str(step.spec.get("effort") or "")),
        seconds=event.seconds,
        verdict=OK if isinstance(event, e.StepAnswered) else FAILED,
    )
    return [_with_usage(row, event.usage)]


def _with_usage(row: AttemptRow, usage: Usage) -> AttemptRow:
    """Tokens and money where the agent tells them."""
    if usage.tokens:
        row = replace(
            row,
            tokens_in=usage.input_tokens,
            tokens_out=usage.output_tokens,
            tokens_cached=usage.cached_tokens,
        )
    return replace(row, usd=usage.usd)


def _settled(state: State, row: AttemptRow, task: TaskId, *, done: bool) -> AttemptRow:
    """The last row of a task, with what the task took in all."""
    view = state.tasks[task]
    mine = view.before if view.resolving is not None and view.before is not None else view
    tries = sum(item.ended in (Ended.OK, Ended.FAILED) for item in mine.current)
    seen: set[Sha] = {
        unit.tips[task]
        for unit in state.reviews.units.values()
        if unit.kind == "branch" and task in unit.tips
    }
    return replace(row, tries=tries, rounds=len(seen), done=done)
