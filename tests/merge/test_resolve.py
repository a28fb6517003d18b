"""A resolver's work in the journal: asked for, interrupted, given up."""

from dataclasses import replace

import pytest

from tests.journal.runs import A_RUN, finished, played, started
from wtman.coordinator.next_session import next_session
from wtman.journal import events as e
from wtman.journal.events import Resolving, Unresolved
from wtman.journal.state import TRIES, State
from wtman.merge.resolve import given_up, to_resolve
from wtman.model.session import Ended
from wtman.model.states import TaskState
from wtman.tasks.lifecycle import standings

ON = "d" * 40
LEFT = e.Excluded("docs", "conflict", ("core",), ("a.py",), "both changed it")
MERGED = (
    *A_RUN,
    *finished("core", 1),
    *finished("docs", 1, session="author"),
    e.MergeAsked("main", "b" * 40),
    e.Landed("main", "b" * 40, "2" * 40, {"core": "1" * 40}, (LEFT,)),
)
ASKED = (*MERGED, Resolving("docs", ON, "command:mend", "both sides"))


def _failed(attempt: int) -> tuple[e.Event, ...]:
    over = e.SessionFinished("docs", attempt, Ended.FAILED, "c1", reason="no", session="mine")
    return (started("docs", attempt), over)


@pytest.mark.parametrize("asked", [(*MERGED, e.Requested("retry", "docs", ON)), ASKED])
def test_what_was_asked_for_is_not_forgotten_by_an_interruption(
    asked: tuple[e.Event, ...],
) -> None:
    cut = e.SessionFinished("docs", 2, Ended.INTERRUPTED, "c1")
    moved = e.Followed("docs", ON, ON, {}, ("a.py",), ON)
    view = played((*asked, moved, started("docs", 2), cut)).tasks["docs"]
    assert view.request.again and "conflicts with the work so far" in view.request.restart
    assert standings(played((*asked, moved, started("docs", 2), cut)))["docs"].state is (
        TaskState.PENDING
    )


def test_the_resolver_plays_it_and_goes_on_only_with_its_own_conversation() -> None:
    state = played(ASKED)
    first = next_session(state, state.tasks["docs"])
    assert (first.agent, first.role, first.resume) == ("command:mend", "resolver", "")
    assert "both sides" in first.prompt
    state = played((*ASKED, *_failed(2)))
    second = next_session(state, state.tasks["docs"])
    assert (second.attempt, second.resume) == (3, "mine")
    assert "not accepted" in second.prompt


def test_after_its_tries_the_branch_is_as_it_was() -> None:
    before = played(MERGED).tasks["docs"]
    tried: tuple[e.Event, ...] = ASKED
    for number in range(TRIES):
        assert not _gone(played(tried))
        tried = (*tried, *_failed(2 + number))
    (back,) = given_up(played(tried), (), standings(played(tried)))
    assert (back.start, back.to) == (before.start, before.head)
    over = played((*tried, Unresolved("docs", back.start, back.to, "no")))
    assert not _gone(over)
    after = over.tasks["docs"]
    assert (after.head, after.excluded, after.current) == (before.head, LEFT, before.attempts)
    assert to_resolve(over, (), ON, afresh=False) is None
    assert to_resolve(over, (), ON, afresh=True) == LEFT
    assert to_resolve(over, (), "e" * 40, afresh=False) == LEFT


def _gone(state: State) -> bool:
    return bool(given_up(state, (), standings(state)))


def test_only_what_clashes_is_resolved() -> None:
    red = (*MERGED[:-1], replace(MERGED[-1], excluded=(replace(LEFT, reason="failed"),)))
    assert to_resolve(played(red), (), ON, afresh=True) is None
    assert to_resolve(played(MERGED), ("docs",), ON, afresh=True) is None
