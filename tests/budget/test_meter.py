"""What live sessions tell of their provider and their use, with a clock of the test's."""

from wtman.agents import Activity
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
