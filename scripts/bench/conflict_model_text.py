"""The text of wtman/plan/conflicts/model.py."""

from collections.abc import Mapping, Sequence

_HEAD = '''"""What the chance of a conflict rests on: weights fitted on real pairs, written by
`scripts/bench/conflicts.py --write` ({date}); do not edit by hand.

{features} pairs are features of one base that lie close together (CooperBench), {others} are
neighbouring commits or pull requests moved onto one base; git's own merge says which of them
conflict.
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


'''
_TAIL = """# Pairs of which both say their places, none in a common file: how many, and conflicts.
APART = ({}, {})
# Pairs whose words name nothing in common: how many, and conflicts.
STRANGERS = ({}, {})
"""


def module(
    date: str,
    models: Sequence[tuple],
    apart: tuple[int, int],
    strangers: tuple[int, int],
    kinds: Mapping[str, int],
) -> str:
    others = kinds["commit"] + kinds["pull"]
    text = _HEAD.format(date=date, features=kinds["feature"], others=others)
    for name, about, names, weights, rows, cells in models:
        text += (
            f"# {about}\n{name} = ConflictModel(\n    intercept={weights[0]:.4f},\n    weights=(\n"
        )
        for fact, weight in zip(names, weights[1:], strict=True):
            text += f"        {weight:.4f},  # {fact}\n"
        projects = len({row.project for row in rows})
        text += f"    ),\n    pairs={len(rows)},\n    projects={projects},\n    cells=(\n"
        for cell, count, conflicts in cells:
            text += f'        ("{cell}", {count}, {conflicts}),\n'
        text += "    ),\n)\n"
    return text + _TAIL.format(*apart, *strangers)
