"""Events of a forecast: what was foreseen of a run, and what of it came true."""

from dataclasses import field

from wtman.journal.events.event import Event
from wtman.model.foreseen import ForeseenPair, ObservedPair, Spread
from wtman.model.ids import Sha, TaskId
from wtman.model.session import Usage
from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class Foreseen(Event):
    """What the user was told of the run before saying yes to it.

    `rate` is the share of pairs that conflict as far as was known then without looking at any:
    of `rate_samples` pairs.
    """

    sessions_least: int = 0
    sessions_most: int = 0
    sessions: Spread = Spread()
    seconds: Spread = Spread()
    tokens: Spread = Spread()
    usd: Spread = Spread()
    pairs: tuple[ForeseenPair, ...] = ()
    rate: float = 0.0
    rate_samples: int = 0


@dataclass(frozen=True, slots=True)
class PairsForeseen(Event):
    """Tasks came to a run that was foreseen without them: their pairs are foreseen, too."""

    pairs: tuple[ForeseenPair, ...] = ()


@dataclass(frozen=True, slots=True)
class ConflictsObserved(Event):
    """All tasks have come to an end, at these `tips`: which of the foreseen pairs conflict in
    text, and what the run took since it was foreseen.

    `reason`: why no pair could be looked at.
    """

    tips: dict[TaskId, Sha] = field(default_factory=dict)
    pairs: tuple[ObservedPair, ...] = ()
    sessions: int = 0
    seconds: float = 0.0
    usage: Usage = Usage()
    reason: str = ""
