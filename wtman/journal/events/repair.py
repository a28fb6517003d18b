"""Events of repairs: what was decided on a task that fell short, and what a person is asked."""

from dataclasses import field

from wtman.journal.events.event import Event
from wtman.journal.events.team import TeamPlanned
from wtman.model.ids import Sha, TaskId
from wtman.model.plan import Task
from wtman.model.session import Usage
from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class RepairDecided(Event):
    """The repairer has decided on a task: again, split, join, chain, owns or give_up.

    `evidence` is a digest of what it was shown; `fingerprint` and `last` say at which wording and
    attempt the task was, `fell` how it fell short. `other` is the task that it is chained to or
    joined with, `owns`, `check` and `by` (an agent) what it has from now on, `parts` what it is
    split into, `onto` the target that it comes up to. `start` and `needs` are what parts start
    from. `asks` is what a person has
    to allow first.
    """

    task: TaskId
    number: int
    agent: str
    decision: str
    reason: str
    evidence: str = ""
    fingerprint: str = ""
    last: int = 0
    fell: str = ""
    advice: str = ""
    other: TaskId = TaskId("")
    owns: tuple[str, ...] = ()
    check: tuple[str, ...] = ()
    by: str = ""
    prompt: str = ""  # of the joined task
    parts: tuple[Task, ...] = ()
    onto: Sha = Sha("")
    start: Sha = Sha("")
    needs: dict[TaskId, Sha] = field(default_factory=dict)
    asks: tuple[str, ...] = ()
    usage: Usage = Usage()
    session: str = ""
    seconds: float = 0.0
    sessions: int = 1


@dataclass(frozen=True, slots=True)
class RepairFailed(Event):
    """The repairer decided nothing. `problems`: what it said did not fit; `fatal` and `limited`
    are trouble that is not its own, after which it is asked again. `sessions` 0: it was not asked.
    """

    task: TaskId
    number: int
    agent: str
    reason: str
    problems: tuple[str, ...] = ()
    usage: Usage = Usage()
    session: str = ""
    seconds: float = 0.0
    sessions: int = 1
    fatal: str = ""
    limited: bool = False
    fell: str = ""


@dataclass(frozen=True, slots=True)
class RepairApplied(Event):
    """A decision is part of the plan: by the events before this. `refused`: why it is not."""

    task: TaskId
    number: int
    refused: str = ""


@dataclass(frozen=True, slots=True)
class QuestionAsked(Event):
    """Somebody has to say whether a task may have more than the approved plan gives it.

    `show` names each thing that a yes allows, `commands` the texts among them that would run.
    `team` is the plan of a lead that waits for the answer; otherwise it is a repair, `number`.
    """

    key: str
    task: TaskId
    text: str
    show: tuple[str, ...]
    commands: tuple[str, ...] = ()
    number: int = 0
    team: TeamPlanned | None = None


@dataclass(frozen=True, slots=True)
class QuestionClosed(Event):
    """What was asked has had its consequence, or is no longer to be asked."""

    key: str
    reason: str = ""
