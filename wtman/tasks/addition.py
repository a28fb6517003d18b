"""Tasks that come to a run which was planned without them.

Pure. Whoever asks (`wtman add`) is told at once what is refused here; what another process has
asked for is judged again by the holder of the run's lock, in the order in which it was asked.
"""

from wtman.budget.budget import budget_status, exhausted
from wtman.errors import UsageError
from wtman.journal.events import Event, PairsForeseen, TaskAdded, TasksRefused, TasksWanted
from wtman.journal.state import State
from wtman.model.plan import Plan
from wtman.model.roles import REVIEWER, reviews_each
from wtman.model.states import DEAD, RunKind, RunState
from wtman.plan.file import validate
from wtman.plan.rules import least_sessions
from wtman.tasks.lifecycle import run_state, standings
from wtman.text.terminal import count
from wtman.text.words import quoted

LIMIT = "limit"  # the code of an error for what exceeds a limit of the run
_ANEW = 'start another run: wtman split --task "ID: PROMPT"'


def admission(state: State, wanted: TasksWanted) -> tuple[Event, ...]:
    """What a request comes to: each of its tasks added, or all of them refused."""
    try:
        require_addable(state, wanted)
    except UsageError as error:
        names = tuple(task.id for task in wanted.tasks)
        return (TasksRefused(wanted.key, names, error.message, error.hint),)
    pairs = (PairsForeseen(wanted.pairs),) if wanted.pairs else ()
    return (*(TaskAdded(task, wanted.key, wanted.onto) for task in wanted.tasks), *pairs)


def require_addable(state: State, wanted: TasksWanted) -> tuple[str, ...]:
    """The warnings about the plan with these tasks. UsageError for what cannot be added."""
    require_open(state)
    views = state.tasks.values()
    planned = tuple(view.planned for view in views if not view.planned.part_of)
    reviewers = reviews_each(state.settings, state.roles.get(REVIEWER))
    plan = Plan(state.request, (*planned, *wanted.tasks), state.context, state.settings.check)
    more = len(wanted.tasks) * (1 + reviewers)
    _require_limits(state, max(state.sessions + more, least_sessions(plan, reviewers)))
    warnings = validate(
        plan,
        max_sessions=state.settings.max_sessions,
        reviewers=reviewers,
        allow_overlap=wanted.allow_overlap,
        added=frozenset(task.id for task in wanted.tasks),
    )
    _require_needs(state, wanted)
    return warnings


def require_open(state: State) -> None:
    """Refuse a run that takes no more tasks, with the way on."""
    stands = run_state(state)
    if state.flow is not None:
        again = state.flow.added.resume_command(state.run)
        raise UsageError(
            f"run {state.run} is a flow: its script says what its tasks are",
            hint=f"edit the script, then: {again}",
        )
    if state.kind not in (RunKind.SPLIT, RunKind.PLAN):
        raise UsageError(
            f"run {state.run} is a {state.kind} of branches, which has no sessions", hint=_ANEW
        )
    if stands is RunState.PLANNING:
        raise UsageError(
            f"run {state.run} has no plan yet",
            hint=f"add to it when it has: wtman status {state.run}",
        )
    whole = all(view.merged for view in state.tasks.values())
    if stands is RunState.MERGING or (stands is RunState.MERGED and whole):
        word = "being merged" if stands is RunState.MERGING else "merged"
        raise UsageError(f"run {state.run} is {word}: nothing can be added to it", hint=_ANEW)


def _require_limits(state: State, sessions: int) -> None:
    """Refuse what exceeds the run's limits; `sessions` it needs in all, at least."""
    most = state.settings.max_sessions
    if sessions > most:
        raise UsageError(
            f"run {state.run} may have {count(most, 'session')}, and has had {state.sessions}: "
            f"with this it needs {sessions} at least",
            hint=f"raise the limit: wtman resume {state.run} --max-sessions {sessions}",
            code=LIMIT,
        )
    if budget_status(state).admit(1) is None and not state.reserved:
        reason, hint = exhausted(state)
        raise UsageError(reason, hint=hint, code=LIMIT)


def _require_needs(state: State, wanted: TasksWanted) -> None:
    known = standings(state)
    for task in wanted.tasks:
        for need in task.needs:
            if need in known and known[need].state in DEAD:
                raise UsageError(
                    f"task {quoted(task.id)}: needs {need}, which is {known[need].state}",
                    hint=f"retry that one first: wtman retry {state.run}/{need}",
                )
