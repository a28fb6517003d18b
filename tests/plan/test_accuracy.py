"""How well a forecast held, in figures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtman.journal.events import ConflictsObserved, Foreseen
from wtman.model.foreseen import ObservedPair, Spread
from wtman.plan.accuracy import accuracy, calibration_of, known_rate, placed


def pair(name: str, chance: float, conflicted: bool) -> ObservedPair:
    return ObservedPair((name, "z"), conflicted, chance)


PAIRS = (
    pair("a", 0.9, True),
    pair("b", 0.8, False),
    pair("c", 0.1, True),
    pair("d", 0.1, False),
)


def test_pairs_are_told_by_what_was_predicted_and_what_came() -> None:
    found = accuracy(Foreseen(rate=0.1, rate_samples=40), ConflictsObserved(pairs=PAIRS))
    assert found is not None
    assert found.brier == pytest.approx((0.01 + 0.64 + 0.81 + 0.01) / 4)
    assert found.base_brier == pytest.approx((0.81 + 0.01 + 0.81 + 0.01) / 4)
    assert found.beats_base_rate
    told = (found.happened, found.absent, found.missed)
    assert [[it.tasks[0] for it in group] for group in told] == [["a"], ["b"], ["c"]]


def test_one_that_does_not_beat_the_base_rate_is_told_as_such() -> None:
    found = accuracy(Foreseen(rate=0.1), ConflictsObserved(pairs=(pair("a", 0.6, False),)))
    assert found is not None and not found.beats_base_rate
    same = accuracy(Foreseen(rate=0.1), ConflictsObserved(pairs=(pair("a", 0.1, False),)))
    assert same is not None and not same.beats_base_rate, "as good is not better"
    assert accuracy(Foreseen(), ConflictsObserved()) is None


def test_the_rate_of_a_repository_is_learned() -> None:
    assert known_rate(()) == (pytest.approx(0.099), 0)
    rate, samples = known_rate([pair("a", 0.1, True)] * 90)
    assert rate > 0.9 and samples == 90
    known = calibration_of(PAIRS)
    assert (known.pairs, known.conflicts) == (4, 2)
    assert known.expected == pytest.approx(1.9)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=30))
def test_a_brier_score_is_a_share(told: list[tuple[float, bool]]) -> None:
    pairs = tuple(pair("a", chance, came) for chance, came in told)
    found = accuracy(Foreseen(rate=0.5), ConflictsObserved(pairs=pairs))
    assert found is not None
    assert 0 <= found.brier <= 1 and found.base_brier == pytest.approx(0.25)
    counted = len(found.happened) + len(found.missed)
    assert counted == sum(came for _, came in told)


def test_where_a_figure_came_out() -> None:
    known = Spread(10.0, 20.0, 5)
    assert [placed(known, value) for value in (4.0, 5.0, 20.0, 21.0, None)] == [
        *("below", "within", "within", "above", ""),
    ]
    assert placed(Spread(), 4.0) == ""
