"""Two runs of a check, one verdict."""

from wtman.checks.verdict import confirmed
from wtman.model.check import CheckResult, Verdict


def red(*failures: str) -> CheckResult:
    return CheckResult("test", Verdict.RED, reason="new failures", new_failures=failures)


GREEN = CheckResult("test", Verdict.GREEN)


def test_a_test_that_fails_once_is_flaky_and_does_not_block() -> None:
    told = confirmed(red("t1"), GREEN)
    assert (told.verdict, told.flaky) == (Verdict.GREEN, ("t1",))


def test_without_test_results_the_command_itself_is_flaky() -> None:
    assert confirmed(red(), GREEN).flaky == ("test",)


def test_what_fails_twice_is_a_failure_and_the_rest_is_flaky() -> None:
    told = confirmed(red("real", "once"), red("real", "other"))
    assert told.verdict is Verdict.RED
    assert told.new_failures == ("real",)
    assert told.flaky == ("once", "other")


def test_two_reds_that_have_nothing_in_common_stay_red() -> None:
    assert confirmed(red("a"), red("b")) == red("a")
    assert confirmed(red(), red()) == red()
