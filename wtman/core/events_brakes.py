"""What happened to a run that its provider slows down. Part of the vocabulary in `events`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Paced:
    """From now on at most `jobs` sessions run at once; 0: as many as the settings say."""

    jobs: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Cooled:
    """The wait after sessions that their provider turned away is over."""


@dataclass(frozen=True, slots=True)
class LimitsChanged:
    """A resume gave the run other ceilings; None leaves one as it was."""

    jobs: int | None = None
    check_jobs: int | None = None
    max_sessions: int | None = None
    attempts: int | None = None
    allow_red_base: bool | None = None
    budget_usd: float | None = None
    budget_tokens: int | None = None
    plan_usd: float | None = None
    reviewers: int | None = None
    rounds: int | None = None
    reviewed_by: tuple[str, ...] | None = None
    roles: dict[str, str] | None = None  # all of them
