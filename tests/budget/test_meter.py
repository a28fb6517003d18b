"""What live sessions tell of their provider and their use, with a clock of the test's."""

from wtman.agents import Activity
from wtman.budget.head_start import SECONDS
from wtman.budget.meter import LiveUsage
from wtman.budget.rate_limit import QUIET
from wtman.model.session import Usage


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_retries_of_any_session_slow_the_run_and_quiet_gives_it_back() -> None:
    clock = Clock()
    live_usage = LiveUsage(clock)
    for number in range(6):
        live_usage.begin(f"run/t{number}/1")
    assert live_usage.jobs(6) == 0
    live_usage.take("run/t0/1", Activity("retry", wait=2.0))
    live_usage.take("run/t1/1", Activity("retry", wait=1.0))
    assert live_usage.jobs(6) == 3
    clock.now += 2.0 + QUIET
    assert live_usage.jobs(6) == 4
    clock.now += 2 * QUIET
    assert live_usage.jobs(6) == 0


def test_use_is_known_while_a_session_lives_and_no_longer() -> None:
    live_usage = LiveUsage(Clock())
    live_usage.begin("run/a/1")
    live_usage.take("run/a/1", Activity("usage", usage=Usage(5, 2)))
    live_usage.take("run/a/1", Activity("says", "more"))
    assert live_usage.used == {"run/a/1": Usage(5, 2)}
    live_usage.end("run/a/1")
    live_usage.take("run/a/1", Activity("usage", usage=Usage(9, 9)))
    assert live_usage.used == {}


def test_the_first_of_a_group_goes_ahead_of_the_others() -> None:
    clock = Clock()
    live_usage = LiveUsage(clock)
    for name in ("a", "b", "c"):
        live_usage.begin(name, "claude")
    live_usage.begin("alone")
    live_usage.begin("other", "codex")
    waits = [live_usage.wait(name) for name in ("a", "b", "c", "alone", "other")]
    assert waits == [0, SECONDS, SECONDS, 0, 0]
    clock.now += 1
    live_usage.take("a", Activity("retry", "waits: too much (529)"))
    live_usage.take("a", Activity("says", "tries again"))
    assert live_usage.wait("b") == SECONDS - 1, "no answer, and nothing that a cache has"
    live_usage.take("a", Activity("usage", usage=Usage(10)))
    assert live_usage.wait("b") == live_usage.wait("c") == 0
    live_usage.begin("d", "claude")
    assert live_usage.wait("d") == 0, "the cache has it already"


def test_nobody_waits_longer_than_the_bound_and_the_next_goes_ahead_once_the_cache_forgot() -> None:
    clock = Clock()
    live_usage = LiveUsage(clock)
    live_usage.begin("a", "claude")
    live_usage.begin("b", "claude")
    clock.now += SECONDS
    assert live_usage.wait("b") == 0
    live_usage.take("b", Activity("usage", usage=Usage(10)))
    clock.now += 301
    for name in ("c", "d"):
        live_usage.begin(name, "claude")
    assert (live_usage.wait("c"), live_usage.wait("d")) == (0, SECONDS)
    live_usage.end("c")
    assert live_usage.wait("d") == SECONDS, "it may have ended before it was answered"
