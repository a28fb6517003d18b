"""Events of a run's beginning: role assignment, and how its plan came about."""

from wtman.journal.events.event import Event
from wtman.model.foreseen import ForeseenPair
from wtman.model.ids import Branch, Sha, TaskId
from wtman.model.plan import Identity, Issue, Role, Task
from wtman.model.scout import ScoutPart, ScoutReport
from wtman.model.session import Usage
from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class RolesAssigned(Event):
    """The roles as they were when the run was ordered; those of the same names are replaced."""

    roles: tuple[Role, ...]


@dataclass(frozen=True, slots=True)
class IssueNamed(Event):
    """The request comes from this issue."""

    issue: Issue


@dataclass(frozen=True, slots=True)
class PlanWanted(Event):
    """The run begins with a planner. Its role is among those assigned.

    `checks`: somebody can be asked, so the planner may propose checks. `code`: it is to write a
    flow; `reserved` are names that no input of it may have. `scout` is the agent that looks at
    the repository first, `judge` the one that compares plans; without one there is none.
    """

    agent: str
    model: str = ""
    effort: str = ""
    checks: bool = False
    allow_overlap: bool = False
    code: bool = False
    reserved: tuple[str, ...] = ()
    scout: str = ""
    judge: str = ""


@dataclass(frozen=True, slots=True)
class MapMade(Event):
    """The repository was mapped: scouts look at these parts, if any. `files` is how many it has."""

    parts: tuple[ScoutPart, ...] = ()
    files: int = 0


@dataclass(frozen=True, slots=True)
class Scouted(Event):
    """A scout has answered for its part. `cached`: the same was answered before, for the same
    tree; no session ran."""

    part: str
    agent: str
    report: ScoutReport
    cached: bool = False
    usage: Usage = Usage()
    session: str = ""
    seconds: float = 0.0
    sessions: int = 1


@dataclass(frozen=True, slots=True)
class ScoutFailed(Event):
    """A part has no answer, and planning goes on without it; not where `fatal` or `limited`
    says that it is asked again."""

    part: str
    agent: str
    reason: str
    problems: tuple[str, ...] = ()
    fatal: str = ""
    hint: str = ""
    limited: bool = False
    usage: Usage = Usage()
    session: str = ""
    seconds: float = 0.0
    sessions: int = 1


@dataclass(frozen=True, slots=True)
class PlanDrafted(Event):
    """One of several plans of a request, which are compared: none of its tasks is of the run.

    `shape`: `session`, `plan` or `flow` where the planner was to say; a flow has no tasks, but an
    `outline`.
    """

    number: int
    attempt: int
    agent: str
    tasks: tuple[Task, ...]
    context: str = ""
    reason: str = ""
    proposed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    usage: Usage = Usage()
    session: str = ""
    seconds: float = 0.0
    sessions: int = 1
    shape: str = ""
    outline: str = ""


@dataclass(frozen=True, slots=True)
class DraftFailed(Event):
    """One of several plans did not come about."""

    number: int
    attempt: int
    agent: str
    reason: str
    hint: str = ""
    problems: tuple[str, ...] = ()
    pauses: bool = False
    usage: Usage = Usage()
    session: str = ""
    seconds: float = 0.0
    sessions: int = 1


@dataclass(frozen=True, slots=True)
class PlansJudged(Event):
    """One of the plans was chosen: `chosen` is its number, 0 where there was none. `agent` judged;
    empty: the forecast alone. `compared` are different plans."""

    chosen: int
    reason: str = ""
    agent: str = ""
    compared: int = 1
    usage: Usage = Usage()
    session: str = ""
    seconds: float = 0.0
    sessions: int = 0


@dataclass(frozen=True, slots=True)
class FlowChosen(Event):
    """The planner would have the request as a flow, which is written next: no plan is made."""

    attempt: int
    agent: str
    reason: str = ""
    outline: str = ""
    usage: Usage = Usage()
    session: str = ""
    seconds: float = 0.0
    sessions: int = 1


@dataclass(frozen=True, slots=True)
class Planned(Event):
    """The plan is made: the TaskAdded before this are its tasks. `reason` is the planner's own
    word on the cut; `proposed` are checks that it would have the user approve. Where a flow was
    wanted, that is `source`, and called `flow`. `shape`: `session` or `plan` where the planner was
    to say.
    """

    attempt: int
    agent: str
    reason: str = ""
    proposed: tuple[str, ...] = ()
    usage: Usage = Usage()
    session: str = ""
    seconds: float = 0.0
    sessions: int = 1
    flow: str = ""
    source: str = ""
    shape: str = ""


@dataclass(frozen=True, slots=True)
class FlowKept(Event):
    """The flow that was written is this file now; `wtman run` takes it by `name`."""

    path: str
    name: str


@dataclass(frozen=True, slots=True)
class PlanFailed(Event):
    """The planner gave no plan. `pauses`: for a reason that passes (quota, sign-in)."""

    attempt: int
    agent: str
    reason: str
    hint: str = ""
    problems: tuple[str, ...] = ()
    pauses: bool = False
    usage: Usage = Usage()
    session: str = ""
    seconds: float = 0.0
    sessions: int = 1


@dataclass(frozen=True, slots=True)
class TaskAdded(Event):
    """A task of the run. `key` is of the request that it answers, where one was made; `onto` the
    target as it was then, where something of the run had landed: the task starts from there."""

    task: Task
    key: str = ""
    onto: Sha = Sha("")


@dataclass(frozen=True, slots=True)
class TasksWanted(Event):
    """Another process asks for these tasks; the holder of the run's lock adds all or none."""

    key: str
    tasks: tuple[Task, ...]
    onto: Sha = Sha("")
    allow_overlap: bool = False
    pairs: tuple[ForeseenPair, ...] = ()  # of these tasks, where the run was foreseen


@dataclass(frozen=True, slots=True)
class TasksRefused(Event):
    """The tasks that a request asked for cannot be added."""

    key: str
    tasks: tuple[TaskId, ...]
    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class TaskChanged(Event):
    task: Task


@dataclass(frozen=True, slots=True)
class TaskDropped(Event):
    task: TaskId
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ContextChanged(Event):
    """An edited plan has another request, context or list of checks."""

    request: str
    context: str
    check: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExternalBranchAdded(Event):
    """The task's work exists already, on a branch that wtman did not make."""

    task: TaskId
    branch: Branch
    start: Sha
    head: Sha
    message: str = ""  # of the one commit that it becomes
    author: Identity | None = None  # who alone made its commits; None: several people
