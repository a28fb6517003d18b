"""What of a forecast came true: asked for once, when nothing is left to do."""

from dataclasses import replace
from typing import Any

from tests.journal.runs import A_RUN, finished, played
from wtman.coordinator.decide import decide
from wtman.journal import events as e
from wtman.journal.state import State
from wtman.model.foreseen import ForeseenPair, ObservedPair
from wtman.model.session import Ended, Usage
from wtman.tasks.actions import Observe
from wtman.tasks.observation import _pair

TOLD = e.Foreseen(pairs=(ForeseenPair(("core", "docs"), 0.4),))
BEGIN = (A_RUN[0], A_RUN[1], A_RUN[4], TOLD, e.Approved())  # core and docs
DONE = (*finished("core", 1, files=1), *finished("docs", 1, files=1))


def asked(*events: e.Event) -> list[Any]:
    return [item for item in decide(played(events), frozenset()) if isinstance(item, Observe)]


def test_it_is_asked_once_all_tasks_have_come_to_an_end() -> None:
    assert asked(*BEGIN, *DONE) == [Observe({"core": "c1", "docs": "c1"})]
    assert not asked(*BEGIN, *finished("core", 1, files=1))
    assert not asked(*BEGIN, *DONE, e.Paused("quota"))
    assert not asked(*BEGIN, *DONE, e.Stopped())
    assert not asked(*(item for item in BEGIN if item is not TOLD), *DONE)


def test_what_was_seen_is_not_looked_at_again_unless_a_tip_is_another() -> None:
    seen = e.ConflictsObserved({"core": "c1", "docs": "c1"})
    assert not asked(*BEGIN, *DONE, seen)
    assert asked(*BEGIN, *DONE, replace(seen, tips={"core": "c0", "docs": "c1"}))


def test_a_task_that_fell_short_is_no_side_of_a_pair() -> None:
    failed = (
        *finished("docs", 1, Ended.FAILED),
        *finished("docs", 2, Ended.FAILED),
    )
    (item,) = asked(*BEGIN, *finished("core", 1, files=1), *failed)
    assert item.tips == {"core": "c1"}


def test_it_counts_from_when_the_user_was_told() -> None:
    used = Usage(100, 10, 0.5)
    state = played((*BEGIN, *finished("core", 1, files=1, usage=used)))
    assert state.foretold is not None
    assert (state.foretold.sessions, state.foretold.usage) == (0, Usage())
    assert state.usage == used


# --- a pair ---------------------------------------------------------------------------------------


def pair(state: State, *paths: str) -> ObservedPair:
    item = ForeseenPair(("core", "docs"), 0.4)
    return _pair(state, item, {item.tasks: paths} if paths else {})


def test_two_that_met_and_were_then_chained_count_as_conflicted() -> None:
    met = e.Overlapped((e.Overlap("core", "docs", ("a.py",)),))
    chained = e.Chained("docs", "core", ("a.py",))
    assert pair(played((*BEGIN, *DONE)), "a.py").conflicted
    assert not pair(played((*BEGIN, *DONE))).conflicted
    assert not pair(played((*BEGIN, met, *DONE))).conflicted, "it passed by itself"
    assert pair(played((*BEGIN, met, chained, *DONE))).conflicted
    assert not pair(played((*BEGIN, chained, *DONE))).conflicted
