"""What live sessions tell of their provider and their use, with a clock of the test's."""

from wtman.agents import Activity
from wtman.budget.meter import Brakes
from wtman.budget.rate_limit import QUIET
from wtman.model.session import Usage


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_retries_of_any_session_slow_the_run_and_quiet_gives_it_back() -> None:
    clock = Clock()
    brakes = Brakes(clock)
    for number in range(6):
        brakes.begin(f"run/t{number}/1")
    assert brakes.jobs(6) == 0
    brakes.take("run/t0/1", Activity("retry", wait=2.0))
    brakes.take("run/t1/1", Activity("retry", wait=1.0))
    assert brakes.jobs(6) == 3
    clock.now += 2.0 + QUIET
    assert brakes.jobs(6) == 4
    clock.now += 2 * QUIET
    assert brakes.jobs(6) == 0


def test_use_is_known_while_a_session_lives_and_no_longer() -> None:
    brakes = Brakes(Clock())
    brakes.begin("run/a/1")
    brakes.take("run/a/1", Activity("usage", usage=Usage(5, 2)))
    brakes.take("run/a/1", Activity("says", "more"))
    assert brakes.used == {"run/a/1": Usage(5, 2)}
    brakes.end("run/a/1")
    brakes.take("run/a/1", Activity("usage", usage=Usage(9, 9)))
    assert brakes.used == {}
