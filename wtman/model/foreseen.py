"""What was foreseen of a run, and what became of it, as values that a journal keeps."""

from wtman.model.ids import Pair
from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure as a median and a 90th percentile, drawn from so many past sessions.

    `p50` and `p90` are None together: then `because` says what is missing.
    """

    p50: float | None = None
    p90: float | None = None
    samples: int = 0
    because: str = ""


@dataclass(frozen=True, slots=True)
class ForeseenPair:
    """The chance that the work of two tasks conflicts, on how many real pairs that rests, and
    why."""

    tasks: Pair
    chance: float
    samples: int = 0
    because: str = ""


@dataclass(frozen=True, slots=True)
class ObservedPair:
    """Whether the work of two tasks conflicted, and what chance that had been given."""

    tasks: Pair
    conflicted: bool
    chance: float
    paths: tuple[str, ...] = ()
