"""How long a run will take still, by what sessions, setup, checks and reviews took before.

Pure. The journal is the only source: `grown` folds what happened, of any run of the repository,
into `Durations`; `left` plays the work that is still to be done through the slots
that there are. Where too little is known, nothing is said. A retry is not foretold.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from heapq import heapify, heappop, heappush

from wtman.coordinator.outcome import agent_of
from wtman.journal import events as e
from wtman.journal.record import Recorded
from wtman.journal.state import State
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.ids import RunId, TaskId
from wtman.model.session import Ended
from wtman.model.settings import Settings
from wtman.model.states import SETTLED, RunState, Standing, TaskState
from wtman.model.values import dataclass
from wtman.review.judgement import reviewers
from wtman.tasks.lifecycle import run_state

# The kinds of events that tell durations, and how many of each are looked at, of all runs.
TELLING = {
    "Intended": 600,
    "SessionFinished": 120,
    "Checked": 120,
    "BaseChecked": 30,
    "WorktreeMade": 120,
    "Reviewed": 60,
}
_LEAST = 2  # sessions of an agent from which on its next one is foretold
_MOST = 60  # samples kept of a kind, the newest
_SETUP, _CHECK, _REVIEW = "setup", "check", "review"  # of sessions it is the agent


@dataclass(frozen=True, slots=True)
class Durations:
    """What work took, in seconds, the newest last: sessions by their agent, and setup, checks
    and reviews. `begun` is what has no outcome yet: since when, and by which agent."""

    sessions: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    others: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    begun: Mapping[tuple[RunId, ActionKey], tuple[float, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds that are left, and by how many past sessions that is known."""

    seconds: float
    samples: int


def grown(known: Durations, news: Iterable[tuple[RunId, Recorded]]) -> Durations:
    """The durations with what these events tell, in the order in which they happened."""
    sessions, others, begun = dict(known.sessions), dict(known.others), dict(known.begun)
    for run, record in news:
        event = record.event
        if isinstance(event, e.Intended):
            agent = event.attempt.agent if event.attempt is not None else ""
            begun[run, event.key] = (record.at, agent)
            continue
        key, kind = _outcome(event)
        since, agent = begun.pop((run, key), (0.0, "")) if key is not None else (0.0, "")
        if not since or not kind:
            continue
        home, name = (sessions, agent) if kind == "session" else (others, kind)
        home[name] = (*home.get(name, ()), record.at - since)[-_MOST:]
    return replace(known, sessions=sessions, others=others, begun=begun)


def _outcome(event: e.Event) -> tuple[ActionKey | None, str]:
    """The action that an event ends, and the kind of its duration; "": it tells nothing."""
    match event:
        case e.SessionFinished(task=task, ended=ended):
            kind = "session" if ended is Ended.OK else ""
            return ActionKey(ActionKind.SESSION, task), kind
        case e.Checked(task=task, results=results):
            ran = any(not item.cached for item in results)
            return ActionKey(ActionKind.CHECK, task), _CHECK * ran
        case e.BaseChecked(results=results):
            ran = any(not item.cached for item in results)
            return ActionKey(ActionKind.BASE), _CHECK * ran
        case e.WorktreeMade(task=task):
            return ActionKey(ActionKind.WORKTREE, task), _SETUP
        case e.Reviewed(unit=unit, ok=ok):
            return ActionKey(ActionKind.REVIEW, unit), _REVIEW * ok
        case _:
            return None, ""


def left(
    state: State, known: Mapping[TaskId, Standing], durations: Durations, now: float
) -> Estimate | None:
    """What a live run will take still; None where that is not known."""
    if state.flow is not None or state.kind.external:
        return None  # what its script will ask for, nobody knows
    if run_state(state, known) not in (RunState.RUNNING, RunState.REVIEWING):
        return None
    open_ = [task for task, item in known.items() if item.state not in SETTLED]
    if any(state.tasks[task].planned.lead for task in open_):
        return None
    pieces = []
    for task in open_:
        view, word = state.tasks[task], known[task].state
        since = {
            kind: now - state.intents[ActionKey(kind, task)]
            for kind in (ActionKind.WORKTREE, ActionKind.SESSION, ActionKind.CHECK)
            if ActionKey(kind, task) in state.intents
        }
        begun = word in (TaskState.CHECKING, TaskState.REVIEWING)
        pieces.append(
            _Piece(
                task,
                "" if begun else agent_of(state, view),
                tuple(need for need in view.awaited if need in open_),
                placed=bool(view.worktree) or view.in_flight is not None,
                checks=bool(state.checks_of(task)) and word is not TaskState.REVIEWING,
                since=since,
            )
        )
    base = ActionKey(ActionKind.BASE)
    begins = 0.0
    if state.base_checked is None and state.checks:
        begins = _rest(durations.others.get(_CHECK, ()), now - state.intents.get(base, now)) or 0.0
    jobs = state.rate_limit or state.settings.jobs
    settings = replace(state.settings, jobs=jobs)
    return _played(pieces, settings, durations, bool(reviewers(state)), begins)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A task that is not settled. Without `agent` its session is over; `since` has for how many
    seconds what goes on in it does."""

    task: TaskId
    agent: str
    needs: tuple[TaskId, ...]
    placed: bool = False
    checks: bool = False
    since: Mapping[ActionKind, float] = field(default_factory=dict)


def _played(
    pieces: Sequence[_Piece],
    settings: Settings,
    durations: Durations,
    reviewed: bool,
    begins: float,
) -> Estimate | None:
    """Everything played through the slots for sessions and checks, each as long as usual."""
    agents = {item.agent for item in pieces if item.agent}
    samples = {name: durations.sessions.get(name, ()) for name in agents}
    checks = durations.others.get(_CHECK, ())
    if any(len(found) < _LEAST for found in samples.values()):
        return None
    if any(item.checks for item in pieces) and not checks:
        return None
    setups = durations.others.get(_SETUP, ())
    review = _median(durations.others.get(_REVIEW, ()) or (0.0,)) if reviewed else 0.0
    slots, judges = [begins] * settings.jobs, [begins] * settings.check_jobs
    heapify(slots)
    ends: dict[TaskId, float] = {}
    # What goes on holds its slot; the others follow, each behind what it needs.
    waiting = sorted(pieces, key=lambda item: (not item.since, bool(item.agent)))
    while waiting:
        unmet = {item.task for item in waiting}
        ready = [item for item in waiting if not unmet & set(item.needs)]
        waiting = [item for item in waiting if unmet & set(item.needs)]
        if not ready:
            return None
        for item in ready:
            at = max((ends.get(need, 0.0) for need in item.needs), default=0.0)
            if item.agent:
                setup = 0.0 if item.placed else _rest(setups, item.since.get(ActionKind.WORKTREE))
                work = _rest(samples[item.agent], item.since.get(ActionKind.SESSION))
                at = max(at, heappop(slots)) + setup + work
                heappush(slots, at)
            if item.checks:
                at = max(at, heappop(judges)) + _rest(checks, item.since.get(ActionKind.CHECK))
                heappush(judges, at)
            ends[item.task] = at + review
    count = sum(map(len, samples.values())) or len(checks)
    return Estimate(max(ends.values(), default=0.0), count) if ends else None


def _median(samples: Sequence[float]) -> float:
    """As `statistics` has it, which costs too much to import."""
    ranked = sorted(samples)
    half = len(ranked) // 2
    return ranked[half] if len(ranked) % 2 else (ranked[half - 1] + ranked[half]) / 2


def _rest(samples: Sequence[float], gone: float | None) -> float:
    """What is left of work that usually takes as long as these, and has gone on so long."""
    gone = gone or 0.0
    longer = [taken for taken in samples if taken > gone]
    if longer:
        return _median(longer) - gone
    return gone / 4 if samples else 0.0
