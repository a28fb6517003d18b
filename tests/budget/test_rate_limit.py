"""Concurrency under rate limits: a fold over words of a provider and quiet time."""

from hypothesis import given
from hypothesis import strategies as st

from wtman.budget.rate_limit import QUIET, SETTLE, RateLimit, eased, slowed


def test_the_first_word_halves_what_lives() -> None:
    assert slowed(RateLimit(), 16, 100.0).jobs == 8
    assert slowed(RateLimit(), 1, 100.0).jobs == 1
    assert slowed(RateLimit(jobs=8), 3, 100.0).jobs == 1, "a pace nobody reaches slows nothing down"


def test_all_sessions_hear_it_at_once_and_that_is_one_step() -> None:
    rate_limit = RateLimit()
    for second in range(8):
        rate_limit = slowed(rate_limit, 16, 100.0 + second)
    assert rate_limit.jobs == 8
    assert slowed(rate_limit, 8, 100.0 + SETTLE).jobs == 4


def test_each_quiet_interval_gives_one_back_until_all_may_run() -> None:
    rate_limit = slowed(RateLimit(), 4, 0.0)
    assert eased(rate_limit, 4, QUIET - 1).jobs == 2
    assert eased(rate_limit, 4, QUIET).jobs == 3
    assert eased(eased(rate_limit, 4, QUIET), 4, 2 * QUIET - 1).jobs == 3
    assert eased(rate_limit, 4, 2 * QUIET) == RateLimit()


def test_every_word_puts_the_quiet_off_and_the_wait_asked_for_is_not_quiet() -> None:
    rate_limit = slowed(RateLimit(), 8, 0.0)
    again = slowed(rate_limit, 4, SETTLE - 1)
    assert again.jobs == 4
    assert eased(again, 8, QUIET + 1).jobs == 4
    assert eased(slowed(RateLimit(), 8, 0.0, wait=600.0), 8, 600.0 + QUIET - 1).jobs == 4


@given(
    st.lists(st.tuples(st.floats(0, 500), st.integers(0, 32), st.booleans()), max_size=40),
    st.integers(1, 32),
)
def test_it_is_never_below_one_and_recovers(
    words: list[tuple[float, int, bool]], most: int
) -> None:
    rate_limit, now = RateLimit(), 0.0
    for later, live, loud in words:
        now += later
        before = rate_limit
        rate_limit = slowed(rate_limit, live, now) if loud else eased(rate_limit, most, now)
        if loud:
            assert rate_limit.jobs >= 1
            assert rate_limit.jobs <= (before.jobs or max(live, 1))
        elif rate_limit.jobs:
            assert 1 <= rate_limit.jobs < most or rate_limit.jobs == before.jobs
    assert eased(rate_limit, most, now + QUIET * (most + 1)) == RateLimit()
