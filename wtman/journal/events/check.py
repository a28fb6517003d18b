"""Events of checks."""

from dataclasses import field

from wtman.journal.events.event import Event
from wtman.model.check import CheckResult, Verdict
from wtman.model.ids import Sha, TaskId
from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class BaseChecked(Event):
    """The checks on the base. `problem` set means: no session may start.

    `unfit` has the checks of repairs that cannot judge there, each with why.
    """

    commit: Sha
    results: tuple[CheckResult, ...]
    problem: str = ""
    hint: str = ""
    warnings: tuple[str, ...] = ()
    proofs: tuple[str, ...] = ()  # keys of what was seen to fail there, as it is to
    unfit: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checked(Event):
    """A task's tip, judged. `evidence` is a bounded piece of output for the next prompt."""

    task: TaskId
    commit: Sha
    start: Sha
    verdict: Verdict
    results: tuple[CheckResult, ...] = ()
    evidence: str = ""
