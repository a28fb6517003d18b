"""A plan played through: the same each time, longer with fewer slots, bounded for large plans."""

import time

from hypothesis import given
from hypothesis import strategies as st

from wtman.plan.attempts.table import quantile
from wtman.plan.simulation import (
    DRAWS,
    ExtraPast,
    Plays,
    SessionPast,
    Slots,
    TaskPast,
    seed_of,
    simulated,
    sums,
)

TEN = SessionPast((10.0,), (100.0,), (0.5,))


def played(tasks: list[TaskPast], jobs: int = 16, **more: object) -> Plays:
    reviewers = more.pop("reviewers", ())
    return simulated(tasks, reviewers, Slots(jobs, 2, 3), 7, **more)  # type: ignore[arg-type]


def test_a_chain_takes_its_sessions_one_after_the_other() -> None:
    side_by_side = played([TaskPast(TEN) for _ in range(3)])
    assert set(side_by_side.seconds) == {10.0}
    chain = [TaskPast(TEN, needs=[at - 1] if at else []) for at in range(3)]
    found = played(chain)
    assert set(found.seconds) == {30.0} and len(found.seconds) == DRAWS
    assert set(found.tokens) == {300.0} and set(found.usd) == {1.5}
    assert set(found.sessions) == {3.0}


def test_slots_checks_attempts_and_reviews_count() -> None:
    four = [TaskPast(TEN, checks=(4.0,)) for _ in range(4)]
    assert set(played(four, jobs=1).seconds) == {44.0}
    # Two checks at once: the third and fourth wait for the first two.
    assert set(played(four, jobs=4).seconds) == {18.0}
    assert set(played([TaskPast(TEN, tries=(2,), setups=(1.0,))]).seconds) == {21.0}
    assert set(played([TaskPast(TEN, tries=(9,))]).sessions) == {3.0}  # the attempts of a task
    looks = played(four, reviewers=(TEN, TEN), whole=True, base=(5.0,))
    assert set(looks.seconds) == {5 + 10 + 4 + 4 + 10 + 10}
    assert set(looks.sessions) == {4 * 3 + 1.0}
    again = played([TaskPast(TEN, tries=(3,))], reviewers=(TEN,), rounds=(2,))
    assert set(again.sessions) == {3 + 2.0}


def test_what_is_unknown_of_one_is_unknown_of_all() -> None:
    found = played([TaskPast(TEN), TaskPast(SessionPast((1.0,), (), (0.5,)))])
    assert found.seconds and found.usd and not found.tokens
    untold = played([TaskPast(TEN)], reviewers=(SessionPast(),))
    assert not untold.seconds and not untold.tokens and not untold.usd
    assert set(untold.sessions) == {2.0}


@given(
    st.lists(
        st.tuples(
            st.lists(st.floats(1, 1000), min_size=1, max_size=6),
            st.lists(st.integers(1, 4), min_size=1, max_size=4),
            st.booleans(),
        ),
        min_size=1,
        max_size=12,
    ),
    st.integers(0, 1 << 32),
)
def test_it_is_stable_and_more_slots_are_no_slower(
    drawn: list[tuple[list[float], list[int], bool]], seed: int
) -> None:
    tasks = [
        TaskPast(SessionPast(seconds), [at - 1] if chained and at else [], tries)
        for at, (seconds, tries, chained) in enumerate(drawn)
    ]
    found = {jobs: simulated(tasks, (), Slots(jobs, 2, 3), seed) for jobs in (1, 2, 32)}
    assert found[2] == simulated(tasks, (), Slots(2, 2, 3), seed)
    middle = {jobs: quantile(sorted(it.seconds), 0.5) for jobs, it in found.items()}
    # The same sessions in other slots: but for a few that a different order makes wait, no longer.
    assert middle[32] <= middle[2] * 1.34 and middle[2] <= middle[1] * 1.01
    for one, every in zip(found[1].seconds, found[32].seconds, strict=True):
        assert every <= one + 1e-6


def test_large_plans_are_bounded() -> None:
    tasks = [
        TaskPast(TEN, [at - 1] if at % 3 else [], (1, 1, 2), (1.0,), (1.0,)) for at in range(1000)
    ]
    began = time.process_time()
    assert len(played(tasks, reviewers=(TEN, TEN)).seconds) == 20
    assert time.process_time() - began < 3


def test_sessions_together_are_played_and_not_added_by_their_dear_ends() -> None:
    past = [1.0] * 8 + [10.0] * 2
    played = sums([(past, 10)], seed_of("r"))
    assert played == sums([(past, 10)], seed_of("r"))
    assert min(played) >= 10 and abs(sum(played) / len(played) - 28) < 4
    assert sorted(played)[int(len(played) * 0.9)] < 10 * 10, "not each of them is dear"


def test_what_tasks_come_to_beside_is_counted_as_often_as_it_came() -> None:
    one = [TaskPast(TEN)] * 20
    slots = Slots(1, 1, 3)
    extra = ExtraPast(1.5, SessionPast((4.0,), (10.0,)))
    plain, more = simulated(one, [], slots, 7), simulated(one, [], slots, 7, extras=[extra])
    mean = sum(more.sessions) / len(more.sessions)
    assert {*plain.sessions} == {20.0} and abs(mean - 50) < 3
    for sessions, seconds, tokens, usd in zip(
        more.sessions, more.seconds, more.tokens, more.usd, strict=True
    ):
        assert seconds == 200 + 4 * (sessions - 20)
        assert tokens == 2000 + 10 * (sessions - 20) and usd == 10
