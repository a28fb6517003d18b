"""What the chance of a conflict rests on: weights fitted on real pairs, written by
`scripts/bench/conflicts.py fit` (2026-12); do not edit by hand.

Of these pairs, 652 are features of 12 projects made to lie close together (CooperBench), the rest
neighbouring commits of 15 others moved onto one base; git's own merge says what conflicted.
"""

from dataclasses import dataclass
from math import exp


@dataclass(frozen=True, slots=True)
class Fitted:
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
PLACES = Fitted(
    intercept=-3.7620,
    weights=(
        1.9389,  # same definition
        1.6450,  # closeness
        0.5434,  # more same definitions
        2.0214,  # same insertion point
        1.0045,  # both into one definition
        0.2572,  # nested
        0.6629,  # adjacent
        0.7988,  # near
        1.0846,  # both somewhere
        0.4979,  # one somewhere
        0.6925,  # more files
        -0.0088,  # places
        1.6462,  # shared
        1.4432,  # both at start
        1.9997,  # both at end
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
LINES = Fitted(
    intercept=-5.4205,
    weights=(
        -0.4072,  # same definition
        -0.1042,  # closeness
        0.7081,  # more same definitions
        0.7415,  # same insertion point
        0.2917,  # both into one definition
        -0.3169,  # nested
        0.3941,  # adjacent
        -0.4723,  # near
        -0.3699,  # both somewhere
        -0.0652,  # one somewhere
        1.1520,  # more files
        0.0403,  # places
        1.1795,  # shared
        1.3311,  # both at start
        0.3981,  # both at end
        7.4689,  # lines touch
        2.1330,  # lines within 3
        -0.5504,  # lines within 10
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
BRIEFS = Fitted(
    intercept=-1.0000,
    weights=(
        0.8000,  # same file named
        -1.0000,  # other files named
        1.0000,  # file likeness
        0.5000,  # same definition named
        0.3000,  # closeness
        0.3000,  # shared definitions
        0.2000,  # common names
        2.0000,  # words in common
        1.0000,  # likeness
        0.0000,  # length
        0.0000,  # lines of the file
        0.0000,  # names in the file
        0.0000,  # both name a file
    ),
    pairs=652,
    projects=12,
    cells=(
        ("same definition named", 300, 240),
        ("same file named", 300, 230),
        ("same file likely", 52, 35),
    ),
)
# Pairs of which both say their places, none in a common file: how many, and conflicts.
APART = (592, 0)
# Pairs whose words name nothing in common: how many, and conflicts.
STRANGERS = (100, 5)
