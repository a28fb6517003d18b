"""Tests of the train against tests of target and branches."""

from tests.coordinator.simulation import created, task
from wtman.journal import events as e
from wtman.journal import record
from wtman.journal.replay import replay
from wtman.journal.state import State
from wtman.merge.test_counts import Tally, describe, tallies
from wtman.model.check import CheckResult, Verdict
from wtman.model.ids import Sha, TaskId

GREEN = Verdict.GREEN


def state(**added: int | None) -> State:
    events: list[e.Event] = created(*(task(name) for name in added))
    for name, count in added.items():
        now = None if count is None else 10 + count
        result = CheckResult("test", GREEN, collected=now, base_collected=10)
        events.append(e.Checked(TaskId(name), Sha("h"), Sha("base"), GREEN, (result,)))
    return replay([record.Recorded(number, 1.0, event) for number, event in enumerate(events, 1)])


def candidate(collected: int | None, *members: str) -> e.CandidateJudged:
    result = CheckResult("test", GREEN, collected=collected, base_collected=12)
    return e.CandidateJudged(
        Sha("on"), tuple(TaskId(name) for name in members), GREEN, results=(result,)
    )


def test_a_train_with_all_tests_says_so() -> None:
    (told,) = tallies(state(a=3, b=2), candidate(17, "a", "b"))
    assert told == Tally("test", 12, 5, 17)
    assert describe(told) == ("`test` collected 17 tests = 12 of the target + 5 of the branches")


def test_a_test_that_vanished_shows() -> None:
    (told,) = tallies(state(a=3, b=2), candidate(16, "a", "b"))
    assert told.collected < told.expected
    assert "collected 16 tests, where 17 were expected" in describe(told)


def test_only_who_boards_counts() -> None:
    (told,) = tallies(state(a=3, b=2), candidate(15, "a"))
    assert told.collected == told.expected


def test_what_is_not_counted_everywhere_is_not_told() -> None:
    assert tallies(state(a=None), candidate(15, "a")) == ()
    assert tallies(state(a=1), candidate(None, "a")) == ()
    assert tallies(state(a=1), candidate(13, "a", "stranger")) == ()
