"""The folds of a flow: what its script asked for, and what came of that. Part of `replay`."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from wtman.journal import events as e
from wtman.journal import replay_limits as limits
from wtman.journal import replay_repair as repairs
from wtman.journal.copies import replace
from wtman.journal.replay_plan import fingerprint_in
from wtman.journal.state import NO, FlowStep, FlowView, State, TaskView
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.graph import leaves, order
from wtman.model.ids import Branch, Sha, TaskId
from wtman.model.plan import Task
from wtman.model.session import Usage

_KINDS = {"ask": ActionKind.ASK, "command": ActionKind.COMMAND}

# Errors of steps that a script let through: its next play asks for them again.
OF_STEPS = ("StepFailed", "BadAnswer", "OverBudget", "GivenUp", "Ended")


def own(state: State) -> State:
    """The state with dicts of the flow that its folds may change."""
    flow = state.flow
    if flow is None:
        return state
    steps, works, lines = dict(flow.steps), dict(flow.works), dict(flow.lines)
    trains, fan_outs, lost = dict(flow.trains), dict(flow.fan_outs), dict(flow.lost)
    own = replace(
        flow, steps=steps, works=works, lines=lines, trains=trains, fan_outs=fan_outs, lost=lost
    )
    return replace(state, flow=own)


def resumed(state: State) -> State:
    """The script is played again, unless it has come to its end."""
    flow = state.flow
    if flow is None:
        return state
    ended = flow.ended
    if ended is not None and ended.error:
        # Only successes are answers: what a person refused is asked again.
        for key, step in flow.steps.items():
            if step.error is not None and step.asks_person:
                flow.steps[key] = replace(step, error=None, ended=0)
        ended = None
    return replace(state, flow=replace(flow, held=False, ended=ended))


def works_of(value: Any) -> Iterator[tuple[TaskId, Sha]]:
    """The works in what a script returned: a work, a train, the outcomes of a fan-out, or a list
    of such."""
    if isinstance(value, list):
        for item in value:
            yield from works_of(item)
    if not isinstance(value, dict):
        return
    work, train, outcome = (value.get(tag) for tag in ("work", "train", "outcome"))
    if isinstance(outcome, dict):
        yield from works_of(outcome.get("value"))
    if isinstance(train, dict):
        work = train.get("work")
    if isinstance(work, dict) and isinstance(work.get("commit"), str):
        yield TaskId(str(work.get("task", ""))), Sha(work["commit"])


def step_reverted(state: State, view: TaskView, before: TaskView, reason: str) -> State:
    """A step that went on with a work did no better: the work stays as it was, the step failed."""
    state.tasks[before.planned.id] = _as_it_was(before, view)
    key, _, _ = view.planned.step.partition("#")
    return _ended(state, key, error=_reverted(key, view, reason))


def _reverted(key: str, view: TaskView, reason: str) -> e.StepFailed:
    more = {"reason": reason, "task": view.planned.id, "attempts": len(view.current)}
    return e.StepFailed(key, "StepFailed", reason, more)


def _as_it_was(was: TaskView, view: TaskView) -> TaskView:
    """A task as it stood at an earlier work, in its place of now; later attempts say nothing."""
    attempts = tuple(
        replace(item, fingerprint="") if item.number > was.last else item for item in view.attempts
    )
    return replace(
        was, worktree=view.worktree, lacks=view.lacks, attempts=attempts, cleaned=view.cleaned
    )


def _added(state: State, event: e.FlowAdded, at: float) -> State:
    flow = state.flow
    if flow is None:
        return replace(state, flow=FlowView(event))
    return replace(state, flow=replace(flow, added=event, ended=None, held=False), failed=None)


def _began(state: State, event: e.ScriptBegan, at: float) -> State:
    plays = _flow(state).plays + 1
    return _with(state, plays=plays, held=False, ended=None, wanted={}, lost={})


def _asked(state: State, event: e.StepAsked, at: float) -> State:
    flow = _flow(state)
    known = flow.steps.get(event.key)
    flow.steps[event.key] = FlowStep(
        key=event.key,
        kind=event.kind,
        scope=event.scope,
        title=event.title,
        spec=event.spec,
        limits=event.limits,
        task=event.task,
        path=event.path,
        play=flow.plays,
        since=at,
        tries=known.tries + 1 if known is not None else 1,
    )
    return state


def _asked_again(state: State, event: e.StepsAskedAgain, at: float) -> State:
    flow = _flow(state)
    for key in event.keys:
        step = flow.steps.get(key)
        if step is not None:
            flow.steps[key] = replace(step, play=flow.plays, reused=step.answered)
    return state


def _continued(state: State, event: e.TaskContinued, at: float) -> State:
    task, was = event.task, _flow(state).works.get(event.at)
    if was is None:
        return state
    view = state.tasks.get(task.id)
    fingerprint = fingerprint_in(state, task)
    if view is not None and was.planned.id == task.id:
        said = (item.outcome.session for item in reversed(was.attempts) if item.outcome is not None)
        state.tasks[task.id] = replace(
            view,
            planned=task,
            fingerprint=fingerprint,
            owner=fingerprint,
            goes_on=event.at,
            conversation=next(filter(None, said), ""),
            before=replace(was, worktree=view.worktree, before=None),
            stuck="",
            granted=0,
        )
        return state
    # Another branch from the same work. The agent's conversation is in the first one's HOME.
    state.tasks[task.id] = TaskView(
        task,
        fingerprint,
        branch=Branch(f"wtman/{state.run}/{task.id}"),
        start=was.start,
        needs=was.needs,
        head=view.head if view is not None else event.at,
        owner=fingerprint,
        worktree=view.worktree if view is not None else "",
        attempts=view.attempts if view is not None else (),
        goes_on=event.at,
    )
    return state


def _rewound(state: State, event: e.TaskRewound, at: float) -> State:
    state = limits.done(state, ActionKey(ActionKind.WORKTREE, event.task))
    was, view = _flow(state).works.get(event.head), state.tasks.get(event.task)
    if was is not None and view is not None:
        state.tasks[event.task] = _as_it_was(was, view)
    return state


def _answered(state: State, event: e.StepAnswered, at: float) -> State:
    step = _flow(state).steps.get(event.key)
    if step is None:
        return state
    state = _settled(state, step, event.usage, event.seconds, event.sessions)
    view = state.tasks.get(step.task) if step.kind == "session" else None
    if view is not None:
        _flow(state).works[view.head] = replace(view, before=None)
    if step.kind == "merge":
        _take_train(state, step, event.value)
    if step.kind == "plan":
        _take_team(state, step.task)
    return _ended(state, event.key, value=event.value)


def _take_train(state: State, step: FlowStep, value: Any) -> None:
    """Let a train be a work: a commit of wtman's own, of no task and no branch."""
    flow, train = _flow(state), value["train"]
    work = train["work"]
    if work is None:
        return
    views = flow.views(step.commits)
    commit, landed = Sha(work["commit"]), tuple(map(TaskId, train["landed"]))
    inside = {task: views[task].head for task in landed}
    planned = Task(TaskId(work["task"]), "", work["title"], needs=landed)
    flow.works[commit] = TaskView(planned, "", start=state.base, head=commit)
    flow.trains[commit] = inside


def is_of(view: TaskView, step: FlowStep) -> bool:
    """Whether a task works on this step now, and not on another one of its chain."""
    return view.planned.step.partition("#")[0] == step.key


def makers_of(state: State, lead: TaskId) -> tuple[Task, ...]:
    """The tasks that do the work of a lead, each behind what it needs of these and of others."""
    team = leaves(tuple(state.tasks[name].task for name in (lead, *state.team_of(lead))))
    known = {task.id: task for task in team}
    return tuple(known[name] for name in order(team))


def _take_team(state: State, lead: TaskId) -> None:
    """Let the parts of a lead be works, as if each were a step that starts from others."""
    flow, named = _flow(state), state.tasks[lead].planned
    outside = dict(zip(named.needs, named.tips, strict=True))
    for task in makers_of(state, lead):
        view = state.tasks[task.id]
        tips = {need: outside.get(need) or state.tasks[need].head for need in task.needs}
        planned = replace(view.planned, needs=tuple(tips), tips=tuple(tips.values()))
        flow.works[view.head] = replace(view, planned=planned, needs=tips, before=None)


def _judged(state: State, event: e.StepJudged, at: float) -> State:
    flow = _flow(state)
    step = flow.steps.get(event.key)
    if step is None:
        return state
    known = event.candidate
    flow.steps[event.key] = replace(step, candidates=(*step.candidates, known))
    return limits.done(state, train_key(event.key, known.members))


def train_key(step: str, members: tuple[TaskId, ...]) -> ActionKey:
    """What judging a candidate of the train of a step is known by."""
    return ActionKey(ActionKind.CANDIDATE, f"{step[:12]}:{','.join(members)}")


def _failed(state: State, event: e.StepFailed, at: float) -> State:
    step = _flow(state).steps.get(event.key)
    if step is None:
        return state
    state = _settled(state, step, event.usage, event.seconds, event.sessions)
    return _ended(state, event.key, error=event)


def _deferred(state: State, event: e.StepDeferred, at: float) -> State:
    step = _flow(state).steps.get(event.key)
    if step is None:
        return state
    key = ActionKey(_KINDS.get(step.kind, ActionKind.ASK), event.key)
    state = limits.session_over(state, key, event, answered=False)
    if event.fatal or event.limited:
        # That session came to its end: under the same name its answer would be found again.
        _flow(state).steps[event.key] = replace(step, tries=step.tries + 1)
    return replace(state, sessions=state.sessions + event.sessions - 1)


def _settled(state: State, step: FlowStep, usage: Usage, seconds: float, sessions: int) -> State:
    """Charge what the step used; the session that was intended is counted already."""
    kind = _KINDS.get(step.kind)
    if kind is None:
        return state
    state = limits.settle(state, ActionKey(kind, step.key), usage, seconds > 0)
    if kind is not ActionKind.ASK:
        return state
    return replace(state, sessions=state.sessions + sessions - 1, turned_away=0)


def _ended(state: State, key: str, **outcome: Any) -> State:
    """The first outcome counts."""
    flow = _flow(state)
    step = flow.steps.get(key)
    if step is None or not step.open:
        return state
    flow.steps[key] = replace(step, ended=flow.outcomes + 1, spent=state.charged, **outcome)
    return _with(state, outcomes=flow.outcomes + 1)


def _person(state: State, event: e.Answered, at: float) -> State:
    if state.flow is None or any(item.key == event.key for item in state.asked):
        return repairs.answered(state, event)
    step = _flow(state).steps.get(event.key)
    if step is None or not step.open or event.text not in step.options:
        return state
    state = _with(state, held=False)
    if event.text == NO:
        question = str(step.spec.get("question", ""))
        error = e.StepFailed(event.key, "Rejected", f"answered no: {question}")
        return _ended(state, event.key, error=error)
    return _ended(state, event.key, value=event.text)


def _told(state: State, event: e.ScriptTold, at: float) -> State:
    _flow(state).lines[event] = None
    return state


def _announced(state: State, event: e.FanOutAnnounced, at: float) -> State:
    _flow(state).fan_outs[event.path] = event
    return state


def _item_failed(state: State, event: e.ItemFailed, at: float) -> State:
    _flow(state).lost[event.path] = event.reason
    return state


def _script_ended(state: State, event: e.ScriptEnded, at: float) -> State:
    flow = _flow(state)
    if event.error:
        hint = f"edit it, then: {flow.added.resume_command(state.run)}"
        if event.error.get("type", "") in OF_STEPS:
            hint += f"; or run again what failed: wtman resume {state.run}"
        words = f"the flow {flow.added.name} failed: {event.error.get('message', '')}"
        failed = e.RunFailed(words, hint)
        return _with(replace(state, failed=failed), ended=event)
    wanted = _last_of_each(flow, [commit for _, commit in works_of(event.value)])
    return _with(state, ended=event, wanted=wanted)


def _last_of_each(flow: FlowView, commits: list[Sha]) -> dict[TaskId, Sha]:
    """The works to land, with those that they started from: the last that is meant of each task."""
    order = {commit: number for number, commit in enumerate(flow.works)}
    wanted: dict[TaskId, Sha] = {}
    while commits:
        commit = commits.pop(0)
        was = flow.works.get(commit)
        if commit in flow.trains:
            commits += flow.trains[commit].values()
            continue
        if was is None:
            continue
        task = was.planned.id
        if task not in wanted or order[wanted[task]] < order[commit]:
            wanted[task] = commit
            commits += was.planned.tips
    return wanted


def _flow(state: State) -> FlowView:
    assert state.flow is not None
    return state.flow


def _with(state: State, **changes: Any) -> State:
    return replace(state, flow=replace(_flow(state), **changes))


FOLDS: Mapping[type, Callable[[State, Any, float], State]] = {
    e.FlowAdded: _added,
    e.ScriptBegan: _began,
    e.StepAsked: _asked,
    e.StepsAskedAgain: _asked_again,
    e.TaskContinued: _continued,
    e.TaskRewound: _rewound,
    e.StepAnswered: _answered,
    e.StepFailed: _failed,
    e.StepDeferred: _deferred,
    e.StepJudged: _judged,
    e.Answered: _person,
    e.ScriptTold: _told,
    e.FanOutAnnounced: _announced,
    e.ItemFailed: _item_failed,
    e.ScriptHeld: lambda state, event, at: _with(state, held=True),
    e.ScriptEnded: _script_ended,
}
