"""What the chance of a conflict rests on: weights fitted on real pairs, written by
`scripts/bench/conflicts.py --write` (2026-12); do not edit by hand.

652 pairs are features of one base that lie close together (CooperBench), 1950 are
neighbouring commits moved onto one base; git's own merge says which of them conflict.
"""

from math import exp

from wtman.model.values import dataclass


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
    intercept=-2.6608,
    weights=(
        3.0453,  # same definition
        -0.3560,  # closeness
        -0.1471,  # lines
        1.1038,  # of few lines
        -0.6963,  # of many lines
        -0.1540,  # with members
        1.4115,  # more same definitions
        2.1262,  # same insertion point
        1.1448,  # both into one definition
        0.1836,  # nested
        0.3887,  # adjacent
        1.1766,  # near
        1.1327,  # both somewhere
        0.5623,  # one somewhere
        0.3703,  # one unknown
        1.1264,  # more files
        0.2174,  # places
        1.7877,  # shared
        1.6887,  # both at start
        2.2097,  # both at end
        -0.4322,  # places of both
        -0.0710,  # places of the smaller
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
    intercept=-5.8320,
    weights=(
        -0.5856,  # same definition
        -0.2376,  # closeness
        -0.1171,  # lines
        -0.2154,  # of few lines
        -0.5936,  # of many lines
        -0.7632,  # with members
        1.0150,  # more same definitions
        0.9573,  # same insertion point
        0.5239,  # both into one definition
        0.1053,  # nested
        0.3863,  # adjacent
        -0.4024,  # near
        -0.3143,  # both somewhere
        0.0279,  # one somewhere
        0.0357,  # one unknown
        1.7458,  # more files
        -0.0316,  # places
        1.6006,  # shared
        1.6943,  # both at start
        0.5536,  # both at end
        -0.0906,  # places of both
        -0.1549,  # places of the smaller
        9.0596,  # lines touch
        2.6857,  # lines within 3
        -0.3919,  # lines within 10
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
        -0.1805,  # other files named
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
