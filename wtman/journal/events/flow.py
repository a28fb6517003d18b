"""Events of a flow: its script played, what that asks for, and what came of it.

A *step* is one call of the script that costs something. Its key is what decides its result; the
same call of a later play of the script has the same key, and finds the answer.
"""

import shlex
from dataclasses import field
from typing import Any

from wtman.journal.events.event import Event
from wtman.journal.events.merge import CandidateJudged
from wtman.model.ids import ScopePath, Sha, TaskId
from wtman.model.plan import Task
from wtman.model.session import Usage
from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class FlowAdded(Event):
    """The run is this script, with these arguments (fields of its `Inputs`).

    `digest` is of the text. `sources` are the flows that it loads, by name, as they were when
    they were approved. A later one replaces it: the script was edited.
    """

    name: str
    text: str
    digest: str
    args: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    theirs: tuple[str, ...] = ()  # scripts that came with the repository, as they are approved
    confirm_above: int = 25  # a fan-out of more sessions is asked about
    path: str = ""  # of a script that was named by its file, absolute

    def resume_command(self, run: str) -> str:
        """How the run goes on with the script as it is after an edit."""
        return shlex.join(["wtman", "run", self.path or self.name, "--resume", run])


@dataclass(frozen=True, slots=True)
class ScriptBegan(Event):
    """The script is played from its beginning, against what the journal holds."""


@dataclass(frozen=True, slots=True)
class StepAsked(Event):
    """The script asks for something that has no answer: for the first time, or again after it
    had failed.

    `spec` is the call as it came, `task` the one that does it, where sessions do. `path` says
    what it stands in, for people.
    """

    key: str
    kind: str  # session | ask | command | review | merge | approve | announce
    scope: tuple[str, ...] = ()
    title: str = ""
    spec: dict[str, Any] = field(default_factory=dict)
    task: TaskId = TaskId("")
    limits: dict[str, Any] = field(default_factory=dict)
    path: ScopePath = ()


@dataclass(frozen=True, slots=True)
class StepsAskedAgain(Event):
    """This play asks for steps that one before asked for and that have not failed."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TaskContinued(Event):
    """A task goes on from the work `at` for another step: its own, or another's as a new branch."""

    task: Task
    at: Sha


@dataclass(frozen=True, slots=True)
class TaskRewound(Event):
    """The branch stands again at an earlier work of the task, which is what is wanted of it."""

    task: TaskId
    head: Sha


@dataclass(frozen=True, slots=True)
class StepAnswered(Event):
    """A step has its value. `usage` and `sessions` are of a question to an agent."""

    key: str
    value: Any = None
    usage: Usage = Usage()
    seconds: float = 0.0
    sessions: int = 0


@dataclass(frozen=True, slots=True)
class StepFailed(Event):
    """Nothing came of a step; `type` is the error that the script sees. It is no answer: the
    next play runs the step again."""

    key: str
    type: str
    message: str
    more: dict[str, Any] = field(default_factory=dict)
    usage: Usage = Usage()
    seconds: float = 0.0
    sessions: int = 0


@dataclass(frozen=True, slots=True)
class StepJudged(Event):
    """A candidate of the train that a step asks for was judged."""

    key: str
    candidate: CandidateJudged


@dataclass(frozen=True, slots=True)
class StepDeferred(Event):
    """The session of a step says nothing about it: it is asked again when the trouble is over."""

    key: str
    reason: str = ""
    usage: Usage = Usage()
    seconds: float = 0.0
    sessions: int = 0
    fatal: str = ""
    limited: bool = False


@dataclass(frozen=True, slots=True)
class Answered(Event):
    """A person's answer to the question of a step; the first that is one of its options counts."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class ScriptTold(Event):
    """What the script tells: a line of its log, the phase that begins."""

    what: str  # log | phase
    text: str = ""
    scope: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemFailed(Event):
    """An item of a fan-out came to nothing, and is kept with its error. Told by every play."""

    path: ScopePath
    reason: str


@dataclass(frozen=True, slots=True)
class FanOutAnnounced(Event):
    """A fan-out of so many items is about to begin, as `path` names it.

    `by` says which roles, agents and models do it, `sessions` how many it takes at least. `usd`
    and `tokens` are what these take where they take what sessions took before, of which `samples`
    are known; None: unknown.
    """

    path: ScopePath
    items: int
    by: tuple[str, ...] = ()
    sessions: int = 0
    usd: float | None = None
    tokens: float | None = None
    samples: int = 0


@dataclass(frozen=True, slots=True)
class ScriptHeld(Event):
    """The script's process was ended: it waits for nothing but the answer to a question."""


@dataclass(frozen=True, slots=True)
class ScriptEnded(Event):
    """The script returned `value`, or raised: `error` names type, message and its own lines."""

    value: Any = None
    error: dict[str, Any] = field(default_factory=dict)
