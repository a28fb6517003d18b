"""Logistic regression, and how well chances hold. Plain Python; with numpy, where that is
installed, the same steps in seconds instead of many minutes."""

from collections.abc import Sequence
from importlib import import_module
from math import exp
from typing import Any

Row = Sequence[float]


def fit(
    rows: Sequence[Row], outcomes: Sequence[bool], weights: Sequence[float], ridge: float = 1.0
) -> list[float]:
    """Intercept and weights by iteratively reweighted least squares; all but the intercept
    are drawn to 0 by `ridge`."""
    try:
        numpy = import_module("numpy")
    except ImportError:
        return _plain(rows, outcomes, weights, ridge)
    return _quick(numpy, rows, outcomes, weights, ridge)


def _quick(
    numpy: Any,
    rows: Sequence[Row],
    outcomes: Sequence[bool],
    weights: Sequence[float],
    ridge: float,
) -> list[float]:
    facts = numpy.array([(1.0, *row) for row in rows])
    came, weight = numpy.array(outcomes, float), numpy.array(weights)
    found = numpy.zeros(facts.shape[1])
    drawn = numpy.full(facts.shape[1], ridge)
    drawn[0] = 0.0
    for _ in range(30):
        chance = 1 / (1 + numpy.exp(-numpy.clip(facts @ found, -30, 30)))
        gradient = facts.T @ (weight * (came - chance)) - drawn * found
        bend = facts.T * (weight * chance * (1 - chance))
        step = numpy.linalg.solve(bend @ facts + numpy.diag(numpy.maximum(drawn, 1e-6)), gradient)
        found = found + step
        if abs(step).max() < 1e-5:
            break
    return [float(value) for value in found]


def _plain(
    rows: Sequence[Row], outcomes: Sequence[bool], weights: Sequence[float], ridge: float
) -> list[float]:
    size = len(rows[0]) + 1
    found = [0.0] * size
    for _ in range(30):
        hessian = [[0.0] * size for _ in range(size)]
        gradient = [0.0] * size
        for row, came, weight in zip(rows, outcomes, weights, strict=True):
            chance = predict(found, row)
            pull, bend = weight * (came - chance), weight * chance * (1 - chance)
            some = [(0, 1.0), *((n + 1, fact) for n, fact in enumerate(row) if fact)]
            for i, fact in some:
                gradient[i] += pull * fact
                line, scaled = hessian[i], bend * fact
                for j, other in some:
                    line[j] += scaled * other
        for i in range(size):
            hessian[i][i] += ridge if i else 1e-6
            gradient[i] -= ridge * found[i] if i else 0.0
        step = _solved(hessian, gradient)
        found = [old + new for old, new in zip(found, step, strict=True)]
        if max(map(abs, step)) < 1e-5:
            break
    return found


def predict(found: Sequence[float], row: Row) -> float:
    total = found[0] + sum(w * x for w, x in zip(found[1:], row, strict=True))
    return 1 / (1 + exp(-min(max(total, -30.0), 30.0)))


def _solved(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Gauss, with the largest pivot of each column."""
    size = len(right)
    lines = [[*line, value] for line, value in zip(matrix, right, strict=True)]
    for i in range(size):
        pivot = max(range(i, size), key=lambda n: abs(lines[n][i]))
        lines[i], lines[pivot] = lines[pivot], lines[i]
        for n in range(i + 1, size):
            factor = lines[n][i] / lines[i][i]
            if factor:
                for k in range(i, size + 1):
                    lines[n][k] -= factor * lines[i][k]
    found = [0.0] * size
    for i in reversed(range(size)):
        rest = sum(lines[i][k] * found[k] for k in range(i + 1, size))
        found[i] = (lines[i][size] - rest) / lines[i][i]
    return found


def balanced(chances: Sequence[float], came: Sequence[bool], limit: float) -> float:
    """The mean of the shares of conflicts and of clean merges that were foreseen."""
    yes = [c >= limit for c, y in zip(chances, came, strict=True) if y]
    no = [c < limit for c, y in zip(chances, came, strict=True) if not y]
    if not yes or not no:
        return float("nan")
    return (sum(yes) / len(yes) + sum(no) / len(no)) / 2


def brier(chances: Sequence[float], came: Sequence[bool]) -> float:
    return sum((c - y) ** 2 for c, y in zip(chances, came, strict=True)) / len(came)


def auc(chances: Sequence[float], came: Sequence[bool]) -> float:
    """The chance that a conflict was held likelier than a clean merge; ties count half."""
    ordered = sorted(zip(chances, came, strict=True))
    ranks, at = 0.0, 0
    while at < len(ordered):
        end = at
        while end < len(ordered) and ordered[end][0] == ordered[at][0]:
            end += 1
        ranks += sum(y for _, y in ordered[at:end]) * (at + end + 1) / 2
        at = end
    yes = sum(came)
    no = len(came) - yes
    return (ranks - yes * (yes + 1) / 2) / (yes * no) if yes and no else float("nan")
