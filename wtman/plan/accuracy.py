"""How well a forecast held: what was foreseen, against what came of it.

Pure. A chance is judged by the Brier score, the mean of its squared error over all foreseen pairs:
0 is perfect. What it has to beat is the base rate, which says of every pair what was known of such
pairs before, without looking at any of them.
"""

from collections.abc import Sequence

from wtman.journal.events import ConflictsObserved, Foreseen
from wtman.model.foreseen import ObservedPair, Spread
from wtman.model.values import dataclass
from wtman.plan.conflicts.chance import PREDICTED, Calibration

# Before anything is known of a repository: 9.9 % of 7,021 merges that people made conflict. It
# weighs as much as ten pairs that were seen.
_RATE, MERGES, _WEIGHT = 0.099, 7_021, 10


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Scores over `pairs` foreseen pairs, and which of them were foreseen right."""

    pairs: int
    brier: float
    base_brier: float
    rate: float
    rate_samples: int
    happened: tuple[ObservedPair, ...]  # predicted, and it did
    absent: tuple[ObservedPair, ...]  # predicted, and it did not
    missed: tuple[ObservedPair, ...]  # not predicted, and it did

    @property
    def beats_base_rate(self) -> bool:
        """Whether to look at the pairs was worth anything."""
        return self.brier < self.base_brier


def accuracy(foreseen: Foreseen, observed: ConflictsObserved) -> Accuracy | None:
    """How well the chances of pairs held; None where no pair could be looked at."""
    pairs = observed.pairs
    if not pairs:
        return None
    rate = foreseen.rate
    return Accuracy(
        len(pairs),
        _brier([(pair.chance, pair.conflicted) for pair in pairs]),
        _brier([(rate, pair.conflicted) for pair in pairs]),
        rate,
        foreseen.rate_samples,
        tuple(it for it in pairs if it.chance >= PREDICTED and it.conflicted),
        tuple(it for it in pairs if it.chance >= PREDICTED and not it.conflicted),
        tuple(it for it in pairs if it.chance < PREDICTED and it.conflicted),
    )


def _brier(told: Sequence[tuple[float, bool]]) -> float:
    return sum((chance - came) ** 2 for chance, came in told) / len(told)


def known_rate(pairs: Sequence[ObservedPair]) -> tuple[float, int]:
    """The share of pairs that conflict as far as is known here, and of how many that was seen."""
    conflicts = sum(pair.conflicted for pair in pairs)
    return (conflicts + _RATE * _WEIGHT) / (len(pairs) + _WEIGHT), len(pairs)


def calibration_of(pairs: Sequence[ObservedPair]) -> Calibration:
    """What was foreseen in this repository before, and what came of it."""
    expected = sum(pair.chance for pair in pairs)
    return Calibration(len(pairs), expected, sum(pair.conflicted for pair in pairs))


def placed(spread: Spread, value: float | None) -> str:
    """Where a figure came out in what was foreseen: `within`, `below`, `above` or nothing.

    `within` is up to the 90th percentile, from half of the median.
    """
    if spread.p50 is None or spread.p90 is None or value is None:
        return ""
    if value > spread.p90:
        return "above"
    return "below" if value < spread.p50 / 2 else "within"
