"""How many sessions may run at once under a provider's rate limits: a fold over time.

A provider's word that it is too much halves the number, at most once in a while, as
all sessions hear it at the same moment; each quiet interval raises it by one again.
Times are seconds of any clock that only goes forward.
"""

from dataclasses import dataclass, replace

SETTLE = 15.0  # after a step down the provider has this long to notice
QUIET = 60.0  # without a word for this long, one session more


@dataclass(frozen=True, slots=True)
class Pace:
    """`jobs` sessions at once, as of `since`; 0 is no limit but the run's own."""

    jobs: int = 0
    stepped: float = float("-inf")  # when it was last lowered
    since: float = 0.0  # what the next quiet interval counts from


def slowed(pace: Pace, live: int, now: float, wait: float = 0.0) -> Pace:
    """The pace after a word that it is too much, heard with `live` sessions alive.

    `wait` is how long the provider asked for: no quiet interval begins before that.
    """
    since = max(pace.since, now + max(wait, 0.0))
    if now < pace.stepped + SETTLE:
        return replace(pace, since=since)
    # Of those that live: a limit far above them would slow nothing down.
    jobs = min(pace.jobs, live) if pace.jobs else live
    return Pace(max(jobs // 2, 1), now, since)


def eased(pace: Pace, most: int, now: float) -> Pace:
    """The pace `now`, with what quiet intervals have given back; at `most` it is none."""
    if not pace.jobs:
        return pace
    gained = int(max(now - pace.since, 0.0) // QUIET)
    jobs = pace.jobs + gained
    if jobs >= most:
        return Pace()
    return replace(pace, jobs=jobs, since=pace.since + gained * QUIET) if gained else pace
