"""How long a run takes still: by what past work took, or not at all."""

from dataclasses import replace

import pytest

from tests.journal.runs import A_RUN, NOW, START, finished, played, started
from wtman.coordinator.estimate import Durations, Estimate, grown, left
from wtman.journal import events as e
from wtman.journal.record import Recorded
from wtman.journal.state import State
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.check import CheckResult, Verdict
from wtman.model.ids import RunId, TaskId
from wtman.model.plan import Task
from wtman.model.session import Ended
from wtman.tasks.lifecycle import standings

AGENT = "command:build"
PAST = Durations({AGENT: (50.0, 60.0, 70.0)}, {"check": (10.0,), "setup": (5.0,)})


def estimate(state: State, past: Durations = PAST, now: float = NOW) -> Estimate | None:
    return left(state, standings(state), past, now)


def recorded(run: str, *timed: tuple[float, e.Event]) -> list[tuple[RunId, Recorded]]:
    return [(RunId(run), Recorded(seq, at, event)) for seq, (at, event) in enumerate(timed, 1)]


def test_durations_come_from_the_intent_and_the_outcome_of_each_action() -> None:
    begun, over = finished("core", 1)[1:]
    result = CheckResult("pytest", Verdict.GREEN)
    check = e.Intended("CheckTask", ActionKey(ActionKind.CHECK, "core"))
    setup = e.Intended("MakeWorktree", ActionKey(ActionKind.WORKTREE, "core"))
    cached = e.Checked("core", "c", "b", Verdict.GREEN, (replace(result, cached=True),))
    news = recorded(
        "one",
        (100.0, setup),
        (107.0, finished("core", 1)[0]),
        (110.0, begun),
        (150.0, over),
        (150.0, check),
        (162.0, e.Checked("core", "c", "b", Verdict.GREEN, (result,))),
        (163.0, check),
        (163.1, cached),  # says nothing of how long it takes
        (170.0, started("docs", 1)),
        (171.0, e.SessionFinished("docs", 1, Ended.FAILED, "base")),  # nor does a failure
    )
    found = grown(Durations(), news)
    assert found.sessions == {AGENT: (40.0,)}
    assert found.others == {"setup": (7.0,), "check": (12.0,)}
    # The same actions of another run are others.
    other = recorded("two", (300.0, begun)) + recorded("three", (301.0, over))
    assert grown(found, other).sessions == {AGENT: (40.0,)}
    halves = grown(grown(Durations(), news[:4]), news[4:])
    assert halves == found


def test_nothing_is_said_where_too_little_is_known() -> None:
    state = played(A_RUN)
    assert estimate(state, Durations()) is None
    assert estimate(state, Durations({AGENT: (60.0,)})) is None
    assert estimate(state, Durations({"claude": (60.0, 60.0)})) is None
    assert estimate(played((*A_RUN, e.Paused("quota used up")))) is None
    lead = e.TaskAdded(Task(TaskId("team"), "x", lead=True))
    assert estimate(played((*A_RUN, lead))) is None


def test_a_chain_takes_its_sessions_one_after_the_other() -> None:
    # core, billing and portal are a chain; docs runs beside them.
    assert estimate(played(A_RUN)) == Estimate(3 * (5 + 60), 3)
    with_check = replace(A_RUN[0], settings=replace(A_RUN[0].settings, check=("pytest",)))
    assert estimate(played((with_check, *A_RUN[1:]))) == Estimate(10 + 3 * (5 + 60 + 10), 3)


def test_what_has_gone_on_for_a_while_takes_less_and_one_that_is_late_something_still() -> None:
    done = finished("core", 1, files=1)
    state = played((*A_RUN, *done, started("billing", 1), started("docs", 1)))
    since = state.tasks[TaskId("billing")].attempts[-1].started
    early = estimate(state, now=since + 20)
    late = estimate(state, now=since + 300)
    assert early == Estimate(pytest.approx(40 + 65), 3)
    assert late == Estimate(pytest.approx(300 / 4 + 65), 3)


def test_a_run_that_is_over_has_nothing_left() -> None:
    both = (*finished("core", 1, files=1), *finished("docs", 1, files=1))
    assert estimate(played((*A_RUN[:2], *A_RUN[4:], *both)), now=START + 50) is None
