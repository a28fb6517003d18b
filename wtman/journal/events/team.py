"""Events of a lead: how its task was cut into parts, and what these came to together."""

from dataclasses import field

from wtman.journal.events.event import Event
from wtman.journal.events.merge import CandidateJudged, Excluded
from wtman.model.check import Verdict
from wtman.model.ids import Branch, Sha, TaskId
from wtman.model.plan import Task
from wtman.model.session import Usage
from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class TeamPlanned(Event):
    """A lead is cut into `parts`, which start from `start`: what it needs, put together.

    `fingerprint` is of the lead that was cut: worded anew meanwhile, it is cut again. `context`
    is what its planner tells all parts.
    """

    lead: TaskId
    attempt: int
    agent: str
    fingerprint: str
    start: Sha
    needs: dict[TaskId, Sha]
    parts: tuple[Task, ...]
    context: str = ""
    reason: str = ""
    usage: Usage = Usage()
    session: str = ""
    seconds: float = 0.0
    sessions: int = 1


@dataclass(frozen=True, slots=True)
class TeamPlanFailed(Event):
    """The planner of a lead gave no plan. `problems`: what it said did not fit, which asking
    again does not mend. `fatal` and `limited` are trouble that is not the planner's."""

    lead: TaskId
    attempt: int
    agent: str
    reason: str
    problems: tuple[str, ...] = ()
    usage: Usage = Usage()
    session: str = ""
    seconds: float = 0.0
    sessions: int = 1
    fatal: str = ""
    limited: bool = False


@dataclass(frozen=True, slots=True)
class TeamMoved(Event):
    """What a lead needs has moved: its parts start from `start` from now on."""

    lead: TaskId
    start: Sha
    needs: dict[TaskId, Sha]


@dataclass(frozen=True, slots=True)
class TeamJudged(Event):
    """A candidate of the train of a lead was judged, made of parts at these `heads`."""

    lead: TaskId
    heads: dict[TaskId, Sha]
    candidate: CandidateJudged


@dataclass(frozen=True, slots=True)
class TeamTorn(Event):
    """The parts passed alone and not together: `excluded` are those that do not fit.

    `again`: they go back to their authors, once each, with what the search showed.
    """

    lead: TaskId
    start: Sha
    heads: dict[TaskId, Sha]
    excluded: tuple[Excluded, ...]
    again: bool = False


@dataclass(frozen=True, slots=True)
class TeamMade(Event):
    """The train of all parts passed: `head` is the work of the lead, and its branch is there."""

    lead: TaskId
    start: Sha
    heads: dict[TaskId, Sha] = field(default_factory=dict)
    head: Sha = Sha("")
    branch: Branch = Branch("")
    verdict: Verdict = Verdict.GREEN
