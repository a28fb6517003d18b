"""What the chance of a conflict rests on: weights fitted on real pairs, written by
`scripts/bench/conflicts.py --write` (2026-12); do not edit by hand.

652 pairs are features of one base that lie close together (CooperBench), 1950 are
neighbouring commits moved onto one base; git's own merge says which of them conflict.
"""

from dataclasses import dataclass
from math import exp


@dataclass(frozen=True, slots=True)
class ConflictModel:
    """A logistic model, how many real pairs of how many projects it was fitted on, and for each
    strongest relation how many pairs had it and how many of them conflicted."""

    intercept: float
    weights: tuple[float, ...]
    pairs: int
    projects: int
    cells: tuple[tuple[str, int, int], ...]

    def chance(self, facts: tuple[float, ...]) -> float:
        """The chance that a pair with these facts conflicts."""
        pairs = zip(self.weights, facts, strict=True)
        total = self.intercept + sum(weight * fact for weight, fact in pairs)
        return 1 / (1 + exp(-min(max(total, -30.0), 30.0)))

    def cell(self, name: str) -> tuple[float, int]:
        """The share of conflicts among the pairs of a relation, and how many these are; of all
        pairs where none is of this name."""
        for cell, pairs, conflicts in self.cells:
            if cell == name:
                return (conflicts + 1) / (pairs + 2), pairs
        conflicts = sum(cell[2] for cell in self.cells)
        return (conflicts + 1) / (self.pairs + 2), self.pairs


# Both say their places.
PLACES = ConflictModel(
    intercept=-2.5606,
    weights=(
        1.9922,  # same definition
        1.1526,  # closeness
        1.2695,  # more same definitions
        2.2908,  # same insertion point
        1.2881,  # both into one definition
        0.2459,  # nested
        0.4934,  # adjacent
        1.1890,  # near
        1.1467,  # both somewhere
        0.4810,  # one somewhere
        1.1697,  # more files
        0.1604,  # places
        1.6260,  # shared
        1.8379,  # both at start
        2.4037,  # both at end
        -0.3757,  # places of both
        -0.1185,  # places of the smaller
    ),
    pairs=2596,
    projects=27,
    cells=(
        ("near", 944, 0),
        ("same definition", 869, 616),
        ("both at start", 317, 110),
        ("same insertion point", 252, 164),
        ("adjacent", 81, 14),
        ("one somewhere", 65, 1),
        ("nested", 58, 8),
        ("both into one definition", 10, 3),
    ),
)
# Both say the lines of their places, too.
LINES = ConflictModel(
    intercept=-5.8718,
    weights=(
        -1.3044,  # same definition
        0.1952,  # closeness
        0.6906,  # more same definitions
        1.0548,  # same insertion point
        0.6837,  # both into one definition
        0.0941,  # nested
        0.5083,  # adjacent
        -0.3301,  # near
        -0.3312,  # both somewhere
        0.0084,  # one somewhere
        1.8820,  # more files
        -0.0349,  # places
        1.5125,  # shared
        1.7302,  # both at start
        0.6706,  # both at end
        -0.0356,  # places of both
        -0.1961,  # places of the smaller
        9.0660,  # lines touch
        2.7327,  # lines within 3
        -0.3404,  # lines within 10
    ),
    pairs=1985,
    projects=27,
    cells=(
        ("near", 725, 0),
        ("same definition", 609, 406),
        ("both at start", 280, 89),
        ("same insertion point", 207, 128),
        ("one somewhere", 58, 1),
        ("adjacent", 55, 5),
        ("nested", 43, 3),
        ("both into one definition", 8, 2),
    ),
)
# One side or both have nothing but words.
BRIEFS = ConflictModel(
    intercept=-3.1041,
    weights=(
        3.0117,  # same file named
        -0.1806,  # other files named
        1.9041,  # file likeness
        0.8296,  # words in common
        0.7472,  # likeness
        1.3166,  # shared definitions
        -1.5373,  # names in the file
        0.9847,  # definition likeness
    ),
    pairs=703,
    projects=27,
    cells=(
        ("same definition named", 490, 374),
        ("same file named", 166, 131),
        ("same file likely", 47, 8),
    ),
)
# Pairs of which both say their places, none in a common file: how many, and conflicts.
APART = (592, 0)
# Pairs whose words name nothing in common: how many, and conflicts.
STRANGERS = (275, 40)
