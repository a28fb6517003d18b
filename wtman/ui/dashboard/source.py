"""Where the dashboard reads, and whom it asks: values that the door fills in."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from wtman.journal.state import PersonQuestion, State, TaskView
from wtman.model.ids import RunId, TaskId
from wtman.model.values import dataclass
from wtman.ui.dashboard.said import Said

if TYPE_CHECKING:
    from wtman.coordinator.estimate import Durations
    from wtman.sessions.activity import ActivityReport


@dataclass(frozen=True, slots=True)
class TaskLog:
    """What there is to read of a task: what is there now, and what comes after it. `telling` are
    the lines that say why it failed."""

    lines: Sequence[Said]
    telling: tuple[str, ...]
    more: Callable[[], Iterator[str]]


@dataclass(frozen=True, slots=True)
class BackgroundCommand:
    """A command of wtman that runs on its own. `output` gives what it printed since the last call,
    `ended` its exit status, None while it runs."""

    output: Callable[[], Iterator[str]]
    ended: Callable[[], int | None]


@dataclass(frozen=True, slots=True)
class RunSource:
    """One run. `retry` and `answer` take effect at once where the run is live.

    `log` and `diff` may take long and are called in a thread. `refusal` says why an action
    (`attach`, `open`, `shell`, `retry`) cannot be had on a task now; empty: it can. `retry`
    raises WtmanError where it cannot be.
    """

    run: RunId
    state: Callable[[], State]
    live: Callable[[], bool]
    told: Callable[[], "ActivityReport"]
    log: Callable[[State, TaskId], TaskLog]
    diff: Callable[[TaskView], bytes]
    refusal: Callable[[str, State, TaskId], str]
    stop: Callable[[], object]
    retry: Callable[[State, TaskId, str], None]
    answer: Callable[[PersonQuestion, str], object]


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run in the list of runs."""

    run: RunId
    state: str
    kind: str  # how it is coloured
    created: float
    request: str


@dataclass(frozen=True, slots=True)
class DashboardSource:
    """A repository. `runs` are the newest first, `durations` what past work took.

    Commands are words after `wtman`: `at_terminal` gives the terminal to one, its exit status;
    `aside` starts one in the background, with its output kept beside the evidence of a run.
    """

    open: Callable[[RunId], RunSource]
    runs: Callable[[], Sequence[RunLine]]
    newest: Callable[[], RunId]
    durations: Callable[[], "Durations"]
    clock: Callable[[], float]
    at_terminal: Callable[[Sequence[str]], int]
    aside: Callable[[RunId, Sequence[str]], BackgroundCommand]
