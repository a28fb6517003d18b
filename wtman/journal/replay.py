"""The journal to a state: a pure fold, one small function an event.

`replay` is the only maker of states. An event that this version does not know
is passed over.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any

from wtman.journal import events as e
from wtman.journal import record
from wtman.journal import replay_flow as flows
from wtman.journal import replay_forecast as forecasts
from wtman.journal import replay_limits as limits
from wtman.journal import replay_merge as merges
from wtman.journal import replay_plan as planning
from wtman.journal import replay_repair as repairs
from wtman.journal import replay_review as reviews
from wtman.journal import replay_settings as changed
from wtman.journal import replay_team as teams
from wtman.journal.copies import replace
from wtman.journal.replay_limits import done
from wtman.journal.state import Attempt, Request, State, TaskView, red_text
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.check import Verdict
from wtman.model.ids import Sha, TaskId
from wtman.model.plan import Task
from wtman.model.session import Ended
from wtman.model.states import RunKind


def replay(recorded: Iterable[record.Recorded], state: State | None = None) -> State:
    """Fold events into a state; with `state`, go on from there, and leave that one as it is.

    For speed the folds change the dicts `tasks` and `dropped` of the state, and those of its flow,
    and only these: they are copied here, once, and nobody else calls a fold.
    """
    current = state if state is not None else State()
    current = replace(current, tasks=dict(current.tasks), dropped=dict(current.dropped))
    current = flows.own(current)
    last: record.Recorded | None = None
    before, idle = current.updated, current.idle
    for last in recorded:
        if before and isinstance(last.event, _AT_REST):
            idle += max(last.at - before, 0.0)
        before = last.at
        fold = _FOLDS.get(type(last.event))
        if fold is not None:
            current = fold(current, last.event, last.at)
    return current if last is None else replace(current, seq=last.seq, updated=last.at, idle=idle)


# What is told of a run that nobody drove: what went before it since the last word was no work.
_AT_REST = (e.Resumed, e.Cleaned, e.Dismissed, e.Restored, e.FindingsTaken)


# --- folds: one small function an event -------------------------------------------------------


def _run_created(state: State, event: e.RunCreated, at: float) -> State:
    return replace(
        state,
        run=event.run,
        kind=event.kind,
        key=event.key,
        request=event.request,
        context=event.context,
        base=event.base,
        target=event.target,
        settings=event.settings,
        identity=event.identity,
        given=event.given,
        created=at,
    )


def _task_added(state: State, event: e.TaskAdded | e.TaskChanged, at: float) -> State:
    before = state.tasks.get(event.task.id)
    known = before or state.dropped.get(event.task.id)
    if known is not None and (known is not before or known.planned.needs != event.task.needs):
        # Other needs than those that the chains were made for might close a circle with them.
        for task, other in state.tasks.items():
            if other.chained:
                state.tasks[task] = replace(other, chained=())
    view = planning.view_of(state, event.task)
    if isinstance(event, e.TaskAdded) and event.onto:
        view = replace(view, onto=event.onto, based=event.onto)
    if isinstance(event, e.TaskAdded) and event.key:
        state = planning.answered(state, event.key)
    if before is not None and _judges(before.planned) != _judges(event.task):
        view = changed.unjudged(view)
    state.tasks[event.task.id] = view
    state.dropped.pop(event.task.id, None)
    return teams.as_worded(state, event.task.id, known)


def _judges(task: Task) -> tuple[object, ...]:
    """What judges the work at a task by its own words."""
    return (task.check, task.proofs)


def _task_dropped(state: State, event: e.TaskDropped, at: float) -> State:
    state = teams.without_parts(state, event.task)
    view = state.tasks.pop(event.task, None)
    if view is not None:
        state.dropped[event.task] = replace(view, chained=())
    return state


def _context_changed(state: State, event: e.ContextChanged, at: float) -> State:
    rejudge = event.check != state.settings.check
    settings = replace(state.settings, check=event.check)
    state = replace(state, request=event.request, context=event.context, settings=settings)
    before = dict(state.tasks)
    for task, known in before.items():
        view = planning.view_of(state, known.planned)
        state.tasks[task] = changed.unjudged(view) if rejudge and not view.task.check else view
    for task, known in before.items():
        if known.planned.lead and task in state.tasks:
            state = teams.as_worded(state, task, known)
    return state


def _external_branch(state: State, event: e.ExternalBranchAdded, at: float) -> State:
    return _with(
        state,
        event.task,
        branch=event.branch,
        start=event.start,
        head=event.head,
        external=True,
        message=event.message,
        author=event.author,
    )


def _approved(state: State, event: e.Approved, at: float) -> State:
    kind = RunKind.SPLIT if state.kind is RunKind.PLAN else state.kind
    return replace(state, approved=True, kind=kind)


# What is a session too, though of no task.
_ASKING = frozenset(
    {
        ActionKind.REVIEW,
        ActionKind.REFUTE,
        ActionKind.PLAN,
        ActionKind.ASK,
        ActionKind.SCOUT,
        ActionKind.JUDGE,
        ActionKind.REPAIR,
    }
)


def _intended(state: State, event: e.Intended, at: float) -> State:
    state = replace(state, intents={**state.intents, event.key: at})
    begins, task = event.attempt, TaskId(event.key.subject)
    if event.over:
        state = _everywhere(_with(state, task, over=event.over), event.over, worktree="")
    if event.key.kind in _ASKING:
        return limits.reserve(replace(state, sessions=state.sessions + 1), event)
    if begins is None or task not in state.tasks:
        return state
    view = state.tasks[task]
    start = {item.name: getattr(begins, item.name) for item in fields(begins)}
    attempt = Attempt(**start, started=at, cap=event.cap, request=view.request)
    state.tasks[task] = replace(
        view,
        attempts=(*view.attempts, attempt),
        request=Request(),
        attach=False,
        cleaned=False,
    )
    return limits.reserve(replace(state, sessions=state.sessions + 1), event)


def _base_checked(state: State, event: e.BaseChecked, at: float) -> State:
    state = replace(done(state, ActionKey(ActionKind.BASE)), base_checked=event)
    if event.problem:
        return replace(state, failed=e.RunFailed(event.problem, event.hint))
    return state


def _worktree_made(state: State, event: e.WorktreeMade, at: float) -> State:
    view = state.tasks.get(event.task)
    fresh = view is None or not view.has_work or view.cleaned
    changes: dict[str, Any] = {
        "cleaned": False,
        "branch": event.branch,
        "start": event.start,
        "worktree": event.path,
        "lacks": event.lacks,
        "setup": event.setup,
        "needs": event.needs,
        "stuck": "",
        "over": TaskId(""),
        "wanted": False,
        "spent": _spent(state, ActionKind.WORKTREE, event.task, at),
    }
    if fresh:
        changes["head"] = event.start
    return _with(done(state, ActionKey(ActionKind.WORKTREE, event.task)), event.task, **changes)


def _worktree_back(state: State, event: e.WorktreeBack, at: float) -> State:
    spent = _spent(state, ActionKind.WORKTREE, event.task, at)
    state = done(state, ActionKey(ActionKind.WORKTREE, event.task))
    changes: dict[str, Any] = {"worktree": event.path, "over": TaskId(""), "lacks": event.lacks}
    changes |= {"setup": event.setup, "wanted": False, "spent": spent}
    return _everywhere(state, event.task, **changes)


def _start_failed(state: State, event: e.StartFailed, at: float) -> State:
    spent = _spent(state, ActionKind.WORKTREE, event.task, at)
    state = done(state, ActionKey(ActionKind.WORKTREE, event.task))
    view = state.tasks.get(event.task)
    if view is not None and view.loose:
        # It did without them before: what was meant to spare a conflict must not end a task.
        return _unchain(state, view, view.loose)
    changes: dict[str, Any] = {"stuck": event.reason, "needs": event.needs, "over": TaskId("")}
    changes["spent"] = spent
    if event.start and view is not None:
        changes |= {"branch": event.branch, "start": event.start}
        if not view.has_work or view.cleaned:
            changes["head"] = event.start
    return _with(state, event.task, **changes)


def _session_finished(state: State, event: e.SessionFinished, at: float) -> State:
    key = ActionKey(ActionKind.SESSION, event.task)
    state = limits.session_over(state, key, event, answered=event.ended is Ended.OK)
    view = state.tasks.get(event.task) or state.dropped.get(event.task)
    if view is None:
        return state
    attempts, owner, request = list(view.attempts), "", view.request
    for place, item in enumerate(attempts):
        if item.number == event.attempt:
            attempts[place] = replace(item, ended=event.ended, finished=at, outcome=event)
            owner = item.fingerprint
            if event.ended is Ended.INTERRUPTED:
                request |= item.request  # asked for still, if something outside ended it
    home = state.tasks if event.task in state.tasks else state.dropped
    home[event.task] = replace(
        view,
        attempts=tuple(attempts),
        head=event.head,
        owner=owner,
        notes=event.notes,
        request=request,
    )
    return state


def _abandoned(state: State, event: e.Abandoned, at: float) -> State:
    state = done(state, event.key)
    if not event.held:
        return state
    view = state.tasks.get(TaskId(event.key.subject))
    if event.key.kind is ActionKind.SESSION and view is not None and view.in_flight is not None:
        excused = replace(view.in_flight, excused=True)
        state.tasks[view.planned.id] = replace(view, attempts=(*view.attempts[:-1], excused))
    return replace(state, held={**state.held, event.key: event})


def _followed(state: State, event: e.Followed, at: float) -> State:
    state = done(state, ActionKey(ActionKind.WORKTREE, event.task))
    view = state.tasks.get(event.task)
    if view is None:
        return state
    restart = ""
    if event.conflicts:
        restart = "what this task needs has changed and conflicts with the work so far in " + (
            ", ".join(event.conflicts)
        )
    state.tasks[event.task] = replace(
        view,
        start=event.start,
        head=event.head,
        needs=event.needs,
        request=replace(view.request, restart=restart),
        based=event.onto,
        before=None if _has_replaced(view) else view.before,
    )
    return state


def _has_replaced(view: TaskView) -> bool:
    """Whether what a retry made of good work is good, too: then it does not go back any more."""
    checked = view.checked
    passed = (
        checked is not None and checked.verdict is Verdict.GREEN and checked.commit == view.head
    )
    retried = view.before is not None and view.resolving is None and view.last > view.before.last
    return retried and passed


def _retry_reverted(state: State, event: e.RetryReverted, at: float) -> State:
    state = done(state, ActionKey(ActionKind.WORKTREE, event.task))
    view = state.tasks.get(event.task)
    if view is not None and view.before is not None and view.resolving is None:
        if view.goes_on and view.planned.step != view.before.planned.step:
            return flows.step_reverted(state, view, view.before, event.reason)
        told = f"a retry did no better ({event.reason}): the work of before is kept"
        before = replace(view.before, notes=(*view.before.notes, told), said=view.said)
        state.tasks[event.task] = merges.back_to(before, view)
    return state


def _adopted(state: State, event: e.Adopted, at: float) -> State:
    state = done(state, ActionKey(ActionKind.WORKTREE, event.task))
    view = state.tasks.get(event.task)
    if view is None:
        return state
    # No tips are known for that start: what the task needs is merged in again.
    needs: dict[TaskId, Sha] = {} if event.start != view.start else view.needs
    return _with(
        state, event.task, start=event.start, head=event.head, owner=view.fingerprint, needs=needs
    )


def _checked(state: State, event: e.Checked, at: float) -> State:
    spent = _spent(state, ActionKind.CHECK, event.task, at)
    state = done(state, ActionKey(ActionKind.CHECK, event.task))
    view = state.tasks.get(event.task)
    if view is None:
        return state
    attempts = view.attempts
    if attempts and event.verdict is Verdict.RED and event.commit == view.head:
        last = replace(attempts[-1], red=red_text(event))
        attempts = (*attempts[:-1], last)
    state.tasks[event.task] = replace(view, checked=event, attempts=attempts, spent=spent)
    return state


def _spent(state: State, kind: ActionKind, task: TaskId, at: float) -> float:
    """Seconds that setup and checks of a task took, with what ends now."""
    view = state.tasks.get(task) or state.dropped.get(task)
    since = state.intents.get(ActionKey(kind, task), at)
    return (view.spent if view is not None else 0.0) + max(at - since, 0.0)


def _noted(state: State, event: e.Noted, at: float) -> State:
    if event.task and event.task in state.tasks:
        return _with(state, event.task, notes=(*state.tasks[event.task].notes, event.text))
    pressing = (*state.pressing, event.text) if event.pressing else state.pressing
    return replace(state, notes=(*state.notes, event.text), pressing=pressing)


def _overlapped(state: State, event: e.Overlapped, at: float) -> State:
    collided = dict(state.collided)
    for pair in event.pairs:
        first, second = state.tasks.get(pair.task), state.tasks.get(pair.other)
        if first is not None and second is not None:
            collided.setdefault((pair.task, pair.other), (first.last, second.last))
    return replace(state, overlaps=event.pairs, collided=collided)


def _chained(state: State, event: e.Chained, at: float) -> State:
    view = state.tasks.get(event.task)
    if view is not None and event.need not in view.task.needs:
        state.tasks[event.task] = replace(view, chained=(*view.chained, event.need))
    return state


def _unchained(state: State, event: e.Unchained, at: float) -> State:
    view = state.tasks.get(event.task)
    if view is None or event.need not in view.chained:
        return state
    return _unchain(state, view, (event.need,))


def _unchain(state: State, view: TaskView, gone: tuple[TaskId, ...]) -> State:
    chained = tuple(need for need in view.chained if need not in gone)
    unchained = (*view.unchained, *gone)
    state.tasks[view.planned.id] = replace(view, chained=chained, unchained=unchained)
    return state


def _requested(state: State, event: e.Requested, at: float) -> State:
    if event.what == "stop":
        return replace(state, asked_stop=True)
    view = state.tasks.get(event.task)
    if event.what == "attach" and view is not None:
        return _with(state, event.task, attach=not (view.external or view.merged))
    if event.what == "open" and view is not None:
        return _with(state, event.task, wanted=bool(view.branch) and not view.worktree)
    if event.what != "retry" or view is None or view.external:
        return state
    said = tuple(dict.fromkeys((*view.said, *filter(None, [event.told]))))
    advice = tuple(dict.fromkeys((*view.advice, *filter(None, [event.advice]))))
    if view.planned.lead:
        view = replace(view, merged=Sha(""), excluded=None, stuck="", onto=event.onto or view.onto)
        state.tasks[event.task] = replace(
            view, request=Request(told=event.told), said=said, advice=advice
        )
        return teams.planned_anew(state, event.task)
    # The user asks for one more session, whatever the verdict was: the head is judged again.
    # A task that had come to its end gets no other after it, however that one ends.
    more = view.failures - (state.settings.attempts + view.granted) + 1
    if event.repair:  # it has all its attempts again
        more = view.failures - view.granted
    before = None if view.resolving is not None else view.before
    if event.keeps and event.keeps == view.head and view.in_flight is None:
        before = replace(view, before=None, resolving=None)
    request = replace(
        Request(told=event.told) | view.request, again=True, excluded=_why_excluded(state, view)
    )
    state.tasks[event.task] = replace(
        view,
        granted=view.granted + (more if event.once else max(more, 0)),
        request=request,
        said=said,
        advice=advice,
        onto=event.onto or view.onto,
        excluded=None,
        resolving=None,
        before=before,
        stuck="",
        merged=Sha(""),
    )
    merges.taken_up(state, event.task, event.onto)
    return state


def _why_excluded(state: State, view: TaskView) -> str:
    """Why the newest merge did not take the branch, for its next session."""
    left = view.excluded
    if left is None:
        return view.request.excluded
    target = state.merge.asked.target if state.merge is not None else state.target
    text = f"The branch could not be merged into {target}: {left.reason}"
    text += f" with {', '.join(left.others)}" if left.others else ""
    text += f", in {', '.join(left.paths)}" if left.paths else ""
    return f"{text}. The folder has the present {target} in it now.\n{left.why()}".rstrip()


def _resumed(state: State, event: e.Resumed, at: float) -> State:
    base = state.base_checked
    if base is not None and base.problem:
        base = None  # what was wrong may be mended by now: look again
    if event.reason == "review":
        state = replace(state, reviews=reviews.asked_again(state.reviews))
    if not event.reason:
        state = replace(changed.without_failed_setup(state), mends=True)
    return replace(
        flows.resumed(limits.without_backoff(state)),
        asked_stop=False,
        paused=None,
        stopped=None,
        failed=None,
        base_checked=base,
        intents={},
        held={},
    )


def _everywhere(state: State, task: TaskId, **changes: Any) -> State:
    """The change of a task, also of one that has left the plan."""
    view = state.dropped.get(task)
    if view is not None:
        state.dropped[task] = replace(view, **changes)
    return _with(state, task, **changes)


def _with(state: State, task: TaskId, **changes: Any) -> State:
    view = state.tasks.get(task)
    if view is not None:
        state.tasks[task] = replace(view, **changes)
    return state


_FOLDS: Mapping[type, Callable[[State, Any, float], State]] = {
    e.RunCreated: _run_created,
    e.TaskAdded: _task_added,
    e.TaskChanged: _task_added,
    e.TaskDropped: _task_dropped,
    e.ContextChanged: _context_changed,
    e.ExternalBranchAdded: _external_branch,
    e.Approved: _approved,
    e.Intended: _intended,
    e.Abandoned: _abandoned,
    e.BaseChecked: _base_checked,
    e.WorktreeMade: _worktree_made,
    e.WorktreeBack: _worktree_back,
    e.StartFailed: _start_failed,
    e.SessionFinished: _session_finished,
    e.Followed: _followed,
    e.Adopted: _adopted,
    e.RetryReverted: _retry_reverted,
    e.Checked: _checked,
    e.Noted: _noted,
    e.Overlapped: _overlapped,
    e.Chained: _chained,
    e.Unchained: _unchained,
    e.Requested: _requested,
    e.Paused: lambda state, event, at: replace(state, paused=event),
    e.Stopped: lambda state, event, at: replace(state, stopped=event, asked_stop=False),
    e.RunFailed: lambda state, event, at: replace(state, failed=event),
    e.Resumed: _resumed,
    e.Dismissed: lambda state, event, at: replace(state, dismissed=at),
    e.Recalled: lambda state, event, at: replace(state, dismissed=0.0),
    e.Cleaned: lambda state, event, at: _with(state, event.task, cleaned=True, worktree=""),
    e.Restored: lambda state, event, at: _with(
        state, event.task, cleaned=False, worktree=event.worktree
    ),
    **flows.FOLDS,
    **forecasts.FOLDS,
    **limits.FOLDS,
    **changed.FOLDS,
    **planning.FOLDS,
    **teams.FOLDS,
    **repairs.FOLDS,
    **merges.FOLDS,
    **reviews.FOLDS,
}
