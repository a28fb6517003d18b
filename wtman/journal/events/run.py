"""Events of a run as a whole: made, held back, stopped, taken up again."""

from dataclasses import field
from typing import Any

from wtman.journal.events.event import Event
from wtman.journal.events.session import AttemptStart
from wtman.model.actions import ActionKey
from wtman.model.ids import Branch, RunId, Sha, TaskId
from wtman.model.plan import Identity
from wtman.model.session import Cap
from wtman.model.settings import Settings
from wtman.model.states import RunKind
from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class RateLimited(Event):
    """From now on at most `jobs` sessions run at once; 0: as many as the settings say."""

    jobs: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class BackoffEnded(Event):
    """The wait after sessions that their provider turned away is over."""


@dataclass(frozen=True, slots=True)
class SettingsChanged(Event):
    """The run has other settings now, by their fields; of their commands the user gave some by
    hand. `task` is the only one that goes on by them, where a retry took them."""

    settings: dict[str, Any] = field(default_factory=dict)
    given: tuple[str, ...] = ()
    task: TaskId = TaskId("")


@dataclass(frozen=True, slots=True)
class Configured(Event):
    """What the sources of the configuration said when the run began, or was last resumed.

    `files` and `environment` have plain values by key ("roles.planner"), `flags` the keys that
    flags or the plan gave; `sources` the file of each key that a file gave.
    """

    files: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    sources: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BaseMoved(Event):
    """No session has begun, and the tasks start from a newer commit of the same branch."""

    base: Sha


@dataclass(frozen=True, slots=True)
class RunCreated(Event):
    run: RunId
    request: str
    base: Sha
    target: Branch  # empty when HEAD is detached: merge then needs --into
    settings: Settings
    identity: Identity
    context: str = ""
    given: tuple[str, ...] = ()  # commands that the user gave by hand, thus approved
    kind: RunKind = RunKind.SPLIT
    key: str = ""  # what the same merge or review of branches is known by


@dataclass(frozen=True, slots=True)
class Approved(Event):
    """The user said yes to plan, forecast and commands."""


@dataclass(frozen=True, slots=True)
class Intended(Event):
    """An action is about to be performed. Without an outcome it is the to-do list of a resume.

    `over` is the task whose worktree is taken over from now on.
    """

    action: str
    key: ActionKey
    cap: Cap = Cap()  # of a session
    attempt: AttemptStart | None = None  # of a session of a task
    over: TaskId = TaskId("")


@dataclass(frozen=True, slots=True)
class Abandoned(Event):
    """An intended action was cancelled or failed to start; nothing came of it.

    `held`: for something that no session is to blame for. It is not begun again before
    a resume, and what a session left behind is collected then.
    """

    key: ActionKey
    reason: str = ""
    hint: str = ""
    held: bool = False


@dataclass(frozen=True, slots=True)
class Noted(Event):
    """Something the user should know, on a task or on the run; `pressing`: in every view."""

    text: str
    task: TaskId = TaskId("")
    pressing: bool = False


@dataclass(frozen=True, slots=True)
class Requested(Event):
    """Another process asks; only the holder of the run's lock acts on it."""

    what: str  # stop | retry | attach | open: give a task a worktree again
    task: TaskId = TaskId("")
    onto: Sha = Sha("")  # the target now, for a branch that a merge has excluded
    once: bool = False  # of a retry: the task had come to its end, it gets one session
    keeps: Sha = Sha("")  # of a retry: the good work that stands if the session does no better
    told: str = ""  # of a retry: what the user says to the session
    repair: bool = False  # of a retry: the repairer wants it, and not the user
    advice: str = ""  # of a retry: what the repairer says to the session


@dataclass(frozen=True, slots=True)
class Paused(Event):
    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Stopped(Event):
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RunFailed(Event):
    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Resumed(Event):
    """A coordinator took the run up again; whatever stopped it before is history."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Dismissed(Event):
    """The user is done with the run: it is meant only where it is named."""


@dataclass(frozen=True, slots=True)
class Recalled(Event):
    """A run that was dismissed is shown again."""


@dataclass(frozen=True, slots=True)
class Unknown(Event):
    """An event of a newer version, kept as it is."""

    kind: str
    body: dict[str, Any]
