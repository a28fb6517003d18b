"""What is asked for, and what the user then says yes or no to."""

from collections.abc import Callable, Mapping
from dataclasses import field, replace
from typing import Any

from wtman.coordinator.start.disk_forecast import DiskForecast
from wtman.journal.events import Event, Foreseen
from wtman.journal.record import Recorded
from wtman.journal.replay import replay
from wtman.journal.state import State
from wtman.model.foreseen import ForeseenPair, Spread
from wtman.model.ids import RunId, Sha
from wtman.model.plan import Issue, Plan
from wtman.model.settings import Settings
from wtman.model.states import RunKind
from wtman.model.values import dataclass
from wtman.plan.forecast import Forecast
from wtman.plan.one_task import one_task
from wtman.tasks.edit import Impact

MOST_PAIRS = 1_000  # of a forecast, in its JSON and in the journal; the likeliest


@dataclass(frozen=True, slots=True)
class StartRequest:
    """A request in words, a plan file, or tasks. `flags` are configuration keys.

    `kind` is `PLAN` where the plan alone is wanted: it is shown, and nothing is started.
    """

    request: str = ""
    plan: str = ""
    tasks: tuple[str, ...] = ()
    base: str = "HEAD"
    parts: int = 0  # of the static planner, 0: at most as many as run at once
    allow_overlap: bool = False
    flags: Mapping[str, Any] = field(default_factory=dict)
    kind: RunKind = RunKind.SPLIT
    code: bool = False  # a flow is wanted, of which no input is named like one of `reserved`
    reserved: tuple[str, ...] = ()
    may_ask: bool = False  # somebody is there to approve what a planner proposes
    edit: Callable[[Plan], Plan] | None = None  # lets the user change the plan first
    issue: Issue | None = None  # that the request comes from
    made: Plan | None = None  # by the static planner, with its remarks
    remarks: tuple[str, ...] = ()
    findings_of: RunId = RunId("")  # the run whose findings `made` is to fix

    @property
    def unplanned(self) -> bool:
        """Whether a planner is to cut the request."""
        return bool(self.request) and not self.plan and not self.tasks and self.made is None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A plan with all that it would be run with, and what that may cost."""

    plan: Plan
    forecast: Forecast
    settings: Settings
    base: Sha
    subject: str  # of the base commit
    target: str
    disk: DiskForecast
    commands: tuple[str, ...] = ()  # that need approval, as they would be run
    warnings: tuple[str, ...] = ()
    assigned_agents: tuple[str, ...] = ()  # the agents of the tasks, with their sign-in
    planning: tuple[tuple[str, str], ...] = ()  # how the plan came about
    rate: tuple[float, int] = (0.0, 0)  # share of pairs that conflict, of how many known here
    issue: Issue | None = None

    def as_one(self, forecast: Forecast) -> "Proposal":
        """The same with all tasks as one, of which this is foreseen."""
        return replace(self, plan=one_task(self.plan), forecast=forecast)

    @property
    def foreseen(self) -> Foreseen:
        """What the user is told, for the journal of who says yes to it."""
        known = self.forecast
        pairs = [
            ForeseenPair(pair.tasks, pair.chance, pair.samples, pair.because)
            for pair in known.conflicts[:MOST_PAIRS]
        ]
        return Foreseen(
            known.sessions_least,
            known.sessions_most,
            known.sessions,
            known.seconds,
            known.tokens,
            known.usd,
            tuple(pairs),
            *self.rate,
        )


def plan_of(state: State) -> Plan:
    """The run's plan as it is now, without what its leads were cut into."""
    views = state.tasks.values()
    tasks = tuple(view.planned for view in views if not view.planned.part_of)
    return Plan(state.request, tasks, state.context, state.settings.check)


def is_planned(state: State) -> bool:
    """Whether the planner of the run has made its plan."""
    return state.planning is not None and state.planning.made is not None


@dataclass(frozen=True, slots=True)
class EffortPrices:
    """Dollars, as past sessions say: of all the planning together, and of one session of each
    role that comes after it."""

    planning: Spread = Spread()
    sessions: Mapping[str, Spread] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resumption:
    """What is reused of a run and what comes again. `commands` need approval."""

    run: RunId
    request: str
    impact: Impact
    commands: tuple[str, ...]
    changed: bool  # the plan
    events: tuple[Event, ...]  # that the resume begins with
    told: tuple[str, ...] = ()  # what was changed since, a line each
    settings: tuple[Event, ...] = ()  # those of the events that are of no plan
    idle: bool = False  # nothing is left to do, and nothing was changed


def after(state: State, events: tuple[Event, ...]) -> State:
    """The run as it will be once `events` are journalled."""
    return replay([Recorded(state.seq, state.updated, event) for event in events], state)
