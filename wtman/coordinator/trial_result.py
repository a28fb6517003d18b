"""What came of proposals for checks and setup that were tried. Values only."""

from wtman.config.detect import Candidate, Project
from wtman.model.check import CheckResult
from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class TriedCandidate:
    """One candidate as it was tried. `seconds` are all, `check_seconds` those of its checks.
    `tests` were collected (None: its checks tell of no tests), `known` of them fail already.
    `problem` says why it did not pass, with the last lines of its output; `hint` the way on."""

    candidate: Candidate
    seconds: float = 0.0
    check_seconds: float = 0.0
    tests: int | None = None
    known: int = 0
    problem: str = ""
    hint: str = ""

    @property
    def passed(self) -> bool:
        """Whether it can judge branches."""
        return not self.problem


@dataclass(frozen=True, slots=True)
class ProjectTrial:
    """A part with what was tried; the last attempt is the one that counts. `extra` passed,
    `refused` did not: text and reason."""

    part: Project
    attempts: tuple[TriedCandidate, ...] = ()
    extra: tuple[CheckResult, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()

    @property
    def passed(self) -> TriedCandidate | None:
        """The attempt that passed."""
        return next((one for one in self.attempts if one.passed), None)
