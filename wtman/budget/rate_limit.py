"""How many sessions may run at once under a provider's rate limits: a fold over time.

A provider's word that it is too much halves the number, at most once in a while, as
all sessions hear it at the same moment; each quiet interval raises it by one again.
Times are seconds of any clock that only goes forward.
"""

from dataclasses import replace

from wtman.model.values import dataclass

SETTLE = 15.0  # after a step down the provider has this long to notice
QUIET = 60.0  # without a word for this long, one session more


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`jobs` sessions at once, as of `since`; 0 is no limit but the run's own."""

    jobs: int = 0
    stepped: float = float("-inf")  # when it was last lowered
    since: float = 0.0  # what the next quiet interval counts from


def slowed(rate_limit: RateLimit, live: int, now: float, wait: float = 0.0) -> RateLimit:
    """The limit after a word that it is too much, heard with `live` sessions alive.

    `wait` is how long the provider asked for: no quiet interval begins before that.
    """
    since = max(rate_limit.since, now + max(wait, 0.0))
    if now < rate_limit.stepped + SETTLE:
        return replace(rate_limit, since=since)
    # Of those that live: a limit far above them would slow nothing down.
    jobs = min(rate_limit.jobs, live) if rate_limit.jobs else live
    return RateLimit(max(jobs // 2, 1), now, since)


def eased(rate_limit: RateLimit, most: int, now: float) -> RateLimit:
    """The limit `now`, with what quiet intervals have given back; at `most` it is none."""
    if not rate_limit.jobs:
        return rate_limit
    gained = int(max(now - rate_limit.since, 0.0) // QUIET)
    jobs = rate_limit.jobs + gained
    if jobs >= most:
        return RateLimit()
    return (
        replace(rate_limit, jobs=jobs, since=rate_limit.since + gained * QUIET)
        if gained
        else rate_limit
    )
