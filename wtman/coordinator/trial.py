"""Proposals for checks and setup, tried as a run would run them: in a fresh checkout of a commit.

Each part of a repository gets the first of its candidates that passes. All parts are tried
together first, since most proposals work; where they do not, each by itself. A further check of
the project (`extra`) that does not pass is left out, and never costs its part the check.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from wtman.config.detect import Candidate, Habits, Project
from wtman.coordinator.base_check import base_checked
from wtman.coordinator.trial_result import ProjectTrial, TriedCandidate
from wtman.git.discovery import Repository
from wtman.journal.events import BaseChecked
from wtman.model.check import Verdict
from wtman.model.ids import Sha
from wtman.model.settings import Settings
from wtman.model.values import dataclass

_LONGEST = 600.0  # seconds of one command
_MOST = 5  # candidates of a part

# What is told while it goes on: the candidates that are tried now, and one that did not pass.
Tell = Callable[[tuple[Candidate, ...]], None]
Failed = Callable[[TriedCandidate], None]


@dataclass(frozen=True, slots=True)
class Trier:
    """Tries on the commit `base`, with the sandbox and folders of `settings`."""

    repo: Repository
    settings: Settings
    base: Sha
    environ: Mapping[str, str]
    tell: Tell = lambda candidates: None
    failed: Failed = lambda tried: None

    def trials(self, habits: Habits) -> tuple[ProjectTrial, ...]:
        """What comes of each part that has a candidate."""
        parts = [part for part in habits.parts if part.candidates]
        if len(parts) > 1:
            together = self._together(habits, parts)
            if together is not None:
                return together
        return tuple(self._alone(habits, part) for part in parts)

    def _together(self, habits: Habits, parts: list[Project]) -> tuple[ProjectTrial, ...] | None:
        """All first candidates at once; None where any does not pass."""
        best = tuple(part.best for part in parts)
        extra = tuple(text for part in parts for text in part.extra)
        checks = tuple(text for one in best for text in one.check)
        seen, seconds = self._run(habits, best, (*checks, *extra))
        if seen.problem and (not extra or not _green(seen, checks)):
            return None
        if seen.problem:
            again, _ = self._run(habits, best, checks)
            if again.problem:
                return None
        return tuple(_trial(part, _attempt(part.best, seen, seconds), seen) for part in parts)

    def _alone(self, habits: Habits, part: Project) -> ProjectTrial:
        attempts: list[TriedCandidate] = []
        for candidate in part.candidates[:_MOST]:
            seen, seconds = self._run(habits, (candidate,), (*candidate.check, *part.extra))
            if seen.problem and part.extra and _green(seen, candidate.check):
                # An extra failed; what the rest is worth is in the cache by now.
                alone, more = self._run(habits, (candidate,), candidate.check)
                attempt = _attempt(candidate, alone, seconds + more)
            else:
                attempt = _attempt(candidate, seen, seconds)
            attempts.append(attempt)
            if attempt.passed:
                return replace(_trial(part, attempt, seen), attempts=tuple(attempts))
            self.failed(attempt)
        return ProjectTrial(part, tuple(attempts))

    def _run(
        self, habits: Habits, candidates: tuple[Candidate, ...], checks: tuple[str, ...]
    ) -> tuple[BaseChecked, float]:
        self.tell(candidates)
        setup = (*habits.setup, *(text for one in candidates for text in one.setup))
        inputs = tuple(text for one in candidates for text in one.inputs)
        settings = replace(
            self.settings,
            check=tuple(dict.fromkeys(checks)),
            setup=tuple(dict.fromkeys(setup)),
            setup_inputs=tuple(dict.fromkeys(inputs)),
            copy=(*self.settings.copy, *habits.copy),
            check_timeout=min(self.settings.check_timeout, _LONGEST),
        )
        began = time.monotonic()
        seen = base_checked(self.repo, settings, self.base, self.environ)
        return seen, time.monotonic() - began


def _green(seen: BaseChecked, checks: tuple[str, ...]) -> bool:
    verdicts = {one.command: one.verdict for one in seen.results}
    return all(verdicts.get(text) is Verdict.GREEN for text in checks)


def _attempt(candidate: Candidate, seen: BaseChecked, seconds: float) -> TriedCandidate:
    own = [one for one in seen.results if one.command in candidate.check]
    counts = [one.collected for one in own if one.collected is not None]
    tests = sum(counts) if counts else None
    problem = (
        seen.problem if not _green(seen, candidate.check) or len(own) == len(seen.results) else ""
    )
    if not problem and tests == 0:
        problem = "no test was collected"
    return TriedCandidate(
        candidate,
        seconds,
        sum(one.seconds for one in own),
        tests,
        sum(one.known_failures for one in own),
        problem,
        seen.hint if problem else "",
    )


def _trial(part: Project, attempt: TriedCandidate, seen: BaseChecked) -> ProjectTrial:
    extras = [one for one in seen.results if one.command in part.extra]
    return ProjectTrial(
        part,
        (attempt,),
        tuple(one for one in extras if one.verdict is Verdict.GREEN),
        tuple((one.command, one.reason) for one in extras if one.verdict is not Verdict.GREEN),
    )
