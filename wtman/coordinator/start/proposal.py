"""What the user says yes or no to before a run starts, or goes on."""

from dataclasses import dataclass

from wtman.journal.events import Event
from wtman.journal.record import Recorded
from wtman.journal.replay import replay
from wtman.journal.state import State
from wtman.model.ids import RunId, Sha
from wtman.model.plan import Plan
from wtman.model.settings import Settings
from wtman.plan.forecast import Forecast
from wtman.tasks.edit import Impact
from wtman.text.terminal import count, duration


@dataclass(frozen=True, slots=True)
class Proposal:
    """A plan with all that it would be run with, and what that may cost."""

    plan: Plan
    forecast: Forecast
    settings: Settings
    base: Sha
    subject: str  # of the base commit
    target: str
    commands: tuple[str, ...] = ()  # that need approval, as they would be run
    warnings: tuple[str, ...] = ()
    assigned_agents: tuple[str, ...] = ()  # the agents of the tasks, with their sign-in


def plan_of(state: State) -> Plan:
    """The run's plan as it is now."""
    tasks = tuple(view.planned for view in state.tasks.values())
    return Plan(state.request, tasks, state.context, state.settings.check)


def is_planned(state: State) -> bool:
    """Whether the planner of the run has made its plan."""
    return state.planning is not None and state.planning.made is not None


def planner_notes(state: State) -> list[str]:
    """What the planner says of its plan, and what it took."""
    made = state.planning.made if state.planning is not None else None
    if made is None or not made.agent:
        return []
    spent = f", ${made.usage.usd:.2f}" if made.usage.usd is not None else ""
    said = [
        f"planned in {count(max(made.sessions, 1), 'session')}, {duration(made.seconds)}{spent}"
    ]
    return said + ([f"the planner: {made.reason}"] if made.reason else [])


@dataclass(frozen=True, slots=True)
class Resumption:
    """What is reused of a run and what comes again. `commands` need approval."""

    run: RunId
    request: str
    impact: Impact
    commands: tuple[str, ...]
    changed: bool  # the plan
    events: tuple[Event, ...]  # that the resume begins with


def after(state: State, events: tuple[Event, ...]) -> State:
    """The run as it will be once `events` are journalled."""
    return replay([Recorded(state.seq, state.updated, event) for event in events], state)
