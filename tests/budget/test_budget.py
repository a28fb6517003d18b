"""Budgets: who may start, with which cap, and what is charged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.coordinator.simulation import World, created, key_of, task
from wtman.budget.budget import (
    MOST_WAITS,
    BudgetStatus,
    budget_status,
    counts,
    overshoot,
    wait_of,
)
from wtman.coordinator import actions as a
from wtman.coordinator.decide import decide
from wtman.journal import events as e
from wtman.journal.events import BackoffEnded, RateLimited
from wtman.model.ids import TaskId
from wtman.model.session import Cap, Ended, Outcome, Usage
from wtman.model.settings import Settings
from wtman.model.states import SETTLED, RunState, TaskState
from wtman.tasks.lifecycle import run_state, standings
from wtman.ui.report import report
from wtman.ui.rows import Moment
from wtman.ui.status_json import status
from wtman.ui.table import table


def first(number: int) -> int:
    return 0


def ready(*names: str, **settings: object) -> World:
    """Worktrees made, the base checked: sessions are what comes next."""
    world = World()
    world.append(created(*(task(name) for name in names), **settings))
    world.turn()
    for key in ("base", *(f"worktree/{name}" for name in names)):
        if key in world.running:
            world.finish(key)
    return world


def sessions(world: World, live: dict[str, Usage] | None = None) -> list[a.RunSession]:
    actions = decide(world.state, world.keys, live)
    return [item for item in actions if isinstance(item, a.RunSession)]


def used(usd: float | None = None, tokens: int = 0) -> Usage:
    return Usage(tokens, 0, usd)


NONE = Cap()


@pytest.mark.parametrize(
    ("budget", "own", "charged", "held", "waiting", "cap"),
    [
        (NONE, NONE, NONE, NONE, 4, NONE),
        (NONE, Cap(2.0, 500), NONE, NONE, 4, Cap(2.0, 500)),
        (Cap(usd=10.0), NONE, NONE, NONE, 4, Cap(usd=2.5)),
        (Cap(usd=10.0), NONE, Cap(usd=4.0), Cap(usd=3.0), 3, Cap(usd=1.0)),
        (Cap(usd=10.0), NONE, Cap(usd=4.0), Cap(usd=6.0), 1, None),
        (Cap(usd=10.0), NONE, Cap(usd=11.0), NONE, 1, None),
        # A hundredth of the budget is the least that is worth starting with.
        (Cap(usd=10.0), NONE, NONE, NONE, 1000, Cap(usd=0.1)),
        (Cap(usd=10.0), NONE, Cap(usd=9.95), NONE, 1, None),
        (Cap(tokens=50), NONE, NONE, NONE, 1000, Cap(tokens=1)),
        (Cap(tokens=1000), NONE, Cap(tokens=1), NONE, 3, Cap(tokens=333)),
        # What the user allows one session is not cut down: it fits or it waits.
        (Cap(usd=10.0), Cap(usd=4.0), NONE, Cap(usd=4.0), 3, Cap(usd=4.0)),
        (Cap(usd=10.0), Cap(usd=4.0), NONE, Cap(usd=8.0), 3, None),
        (Cap(usd=10.0), Cap(usd=40.0), NONE, NONE, 3, Cap(usd=10.0)),
        # Both have to fit.
        (Cap(10.0, 1000), NONE, Cap(0.0, 1000), NONE, 1, None),
        (Cap(10.0, 1000), NONE, Cap(1.0, 100), NONE, 3, Cap(3.0, 300)),
    ],
)
def test_admission(
    budget: Cap, own: Cap, charged: Cap, held: Cap, waiting: int, cap: Cap | None
) -> None:
    assert BudgetStatus(budget, own, charged, held).admit(waiting) == cap


@given(st.floats(0.01, 1000), st.lists(st.floats(0, 1.5), max_size=20), st.integers(1, 50))
def test_caps_never_add_up_to_more_than_the_budget(
    budget: float, shares: list[float], waiting: int
) -> None:
    money = BudgetStatus(Cap(usd=budget), NONE, NONE, NONE)
    for _ in range(waiting):
        cap = money.admit(waiting)
        if cap is None:
            break
        assert cap.usd > 0
        money = money.holding(cap)
    assert money.held.usd <= budget * (1 + 1e-9)


def test_a_budget_is_shared_among_the_tasks_that_wait() -> None:
    world = ready("a", "b", "c", "d", budget_usd=8.0, budget_tokens=4000)
    caps = [(item.cap.usd, item.cap.tokens) for item in sessions(world)]
    assert caps == [(2.0, 1000)] * 4


def test_a_live_session_counts_with_all_of_its_cap_or_more_where_it_overshoots() -> None:
    world = ready("a", "b", budget_usd=8.0, session_budget_usd=3.0)
    world.turn()
    assert world.state.reserved == {
        key_of("session/a"): Cap(usd=3.0),
        key_of("session/b"): Cap(usd=3.0),
    }
    assert budget_status(world.state).left.usd == 2.0
    over = {key_of("session/a"): used(3.5), key_of("session/b"): used(1.0)}
    assert budget_status(world.state, over).left.usd == 1.5


def test_what_a_session_did_not_use_is_given_back() -> None:
    world = ready("a", "b", budget_usd=6.0, session_budget_usd=4.0, check=())
    world.usage_fate = lambda name, attempt, cap: used(1.0)
    world.turn()
    assert list(world.running) == ["session/a"], "two caps of 4 do not fit 6: the other waits"
    world.finish("session/a")
    assert [item.task for item in sessions(world)] == ["b"]
    assert run_state(world.drive(first)) is RunState.READY
    assert world.state.charged == Cap(usd=2.0)


def test_a_used_up_budget_parks_and_more_of_it_goes_on() -> None:
    world = ready("a", "b", jobs=1, budget_usd=4.0, session_budget_usd=3.0)
    world.usage_fate = lambda name, attempt, cap: used(2.0, 10)
    state = world.drive(first)
    assert run_state(state) is RunState.PAUSED
    assert state.paused is not None
    assert state.paused.reason.startswith("the budget is used up: $2.00 of $4.00")
    assert state.paused.hint == "raise it: wtman resume run-1 --budget-usd N"
    assert standings(state)[TaskId("b")].state is TaskState.PAUSED
    world.append([e.Resumed(), e.SettingsChanged({"budget_usd": 5.0})])
    assert run_state(world.drive(first)) is RunState.READY


def test_whose_use_nobody_knows_is_charged_its_cap() -> None:
    world = ready("a", budget_usd=4.0, budget_tokens=100)
    world.turn()
    at = world.state.base
    world.running.clear()
    world.append([e.SessionFinished(TaskId("a"), 1, Ended.INTERRUPTED, at, seconds=3.0)])
    assert world.state.charged == Cap(4.0, 100)
    assert world.state.usage.usd is None
    assert world.state.reserved == {}


def test_a_session_that_never_began_is_charged_nothing() -> None:
    world = ready("a", budget_usd=4.0)
    world.turn()
    world.running.clear()
    world.append([e.SessionFinished(TaskId("a"), 1, Ended.FAILED, world.state.base)])
    assert world.state.charged == Cap()


def test_the_overshoot_is_told() -> None:
    world = ready("a", budget_usd=4.0)
    world.usage_fate = lambda name, attempt, cap: used(cap.usd + 0.25)
    assert overshoot(world.drive(first)) == Cap(usd=0.25)


@pytest.mark.parametrize(
    ("settings", "cap", "outcome", "counted"),
    [
        (Settings(), NONE, Outcome(False, usage=used(9.0, 9)), True),
        (Settings(), Cap(usd=1.0), Outcome(False, usage=used(0.5)), True),
        (Settings(), Cap(usd=1.0), Outcome(False, usage=used(1.0)), False),
        (Settings(), Cap(tokens=9), Outcome(False, usage=used(None, 9)), False),
        (Settings(session_budget_usd=1.0), Cap(usd=1.0), Outcome(False, usage=used(1.0)), True),
        (Settings(session_budget_usd=1.0), Cap(1.0, 9), Outcome(False, usage=used(0.1, 9)), False),
        (Settings(), NONE, Outcome(False, fatal="no credit"), False),
        (Settings(), NONE, Outcome(False, limited=True), False),
    ],
)
def test_what_counts_as_a_failed_attempt(
    settings: Settings, cap: Cap, outcome: Outcome, counted: bool
) -> None:
    assert counts(settings, cap, outcome) is counted


def test_no_cap_is_never_reached() -> None:
    assert not NONE.reached(used(100.0, 10**9))


# --- rate limits --------------------------------------------------------------------------------


def test_no_more_sessions_than_the_provider_bears() -> None:
    world = ready("a", "b", "c", "d", jobs=4)
    world.append([RateLimited(2)])
    assert len(sessions(world)) == 2
    world.append([RateLimited(0)])
    assert len(sessions(world)) == 4
    world.append([RateLimited(1), e.Resumed()])
    assert world.state.rate_limit == 0, "a new coordinator begins at full speed"


def test_sessions_turned_away_together_are_once_and_run_again_after_a_wait() -> None:
    world = ready("a", "b", "c", check=())
    world.session_fate = lambda name, attempt: "limited" if attempt == 1 else ""
    world.turn()
    for name in "abc":
        world.finish(f"session/{name}")
    assert world.state.turned_away == 1
    (action,) = decide(world.state, frozenset())
    assert action == a.Backoff(30.0)
    state = world.drive(first)
    assert run_state(state) is RunState.READY
    assert state.turned_away == 0
    assert [view.failures for view in state.tasks.values()] == [0, 0, 0]


def test_the_wait_grows_and_in_the_end_the_run_is_paused() -> None:
    world = ready("a", jobs=1)
    world.session_fate = lambda name, attempt: "limited"
    waits: list[float] = []
    for _ in range(20):
        world.turn()
        if not world.running:
            break
        (key,) = world.running
        if key == "backoff":
            waits.append(wait_of(world.state))
        world.finish(key)
    assert waits == [30.0 * 2**step for step in range(MOST_WAITS)]
    assert run_state(world.state) is RunState.PAUSED
    assert world.state.paused is not None and "rate limits" in world.state.paused.reason
    world.append([e.Resumed()])
    world.session_fate = lambda name, attempt: ""
    assert run_state(world.drive(first)) is RunState.READY


def test_nobody_waits_for_a_provider_in_a_parked_run() -> None:
    world = ready("a", "b", jobs=2)
    world.session_fate = lambda name, attempt: "limited" if name == "a" else "quota"
    world.turn()
    world.finish("session/a")
    world.turn()
    assert {"session/b", "backoff"} <= set(world.running)
    world.finish("session/b")
    assert a.Cancel(key_of("backoff")) in decide(world.state, world.keys)


def test_a_session_that_was_cut_off_goes_on_with_its_conversation_and_its_folder() -> None:
    world = ready("a")
    world.turn()
    world.running.clear()
    at = world.state.base
    cut = e.SessionFinished(
        TaskId("a"), 1, Ended.INTERRUPTED, at, saved="5a7ed", session="talk-1", limited=True
    )
    world.append([cut, BackoffEnded()])
    (action,) = sessions(world)
    assert (action.resume, action.kept, action.at) == ("talk-1", "5a7ed", at)
    assert "cut off" in action.prompt
    # Without a conversation of its own it starts over.
    world = ready("a")
    world.turn()
    world.running.clear()
    world.append(
        [e.SessionFinished(TaskId("a"), 1, Ended.INTERRUPTED, at, saved="5a7ed", limited=True)]
    )
    world.append([BackoffEnded()])
    (action,) = sessions(world)
    assert (action.resume, action.kept) == ("", "")


def test_a_first_trouble_is_the_reason_and_has_the_way_on() -> None:
    world = ready("a", "b")
    world.turn()
    at = world.state.base
    for name in "ab":
        del world.running[f"session/{name}"]
        world.append(
            [
                e.SessionFinished(
                    TaskId(name), 1, Ended.INTERRUPTED, at, fatal=f"no credit {name}", hint="pay"
                )
            ]
        )
    assert world.state.paused == e.Paused("no credit a", "pay")
    assert run_state(world.state) is RunState.PAUSED


@given(st.data(), st.integers(1, 5), st.integers(1, 4), st.integers(0, 3))
def test_any_run_ends_or_parks_within_its_budget_and_its_pace(
    data: st.DataObject, count: int, jobs: int, crashes: int
) -> None:
    names = [f"t{number}" for number in range(count)]
    tasks = [
        task(name, *data.draw(st.lists(st.sampled_from(names[:at]), unique=True, max_size=2)))
        if at
        else task(name)
        for at, name in enumerate(names)
    ]
    world = World()
    limits = {
        "budget_usd": data.draw(st.sampled_from([0.0, 1.0, 5.0])),
        "budget_tokens": data.draw(st.sampled_from([0, 40, 1000])),
        "session_budget_usd": data.draw(st.sampled_from([0.0, 0.5])),
    }
    world.append(created(*tasks, jobs=jobs, **limits))
    call = Cap(0.3, 20)  # the most that one model call costs

    def fate(name: TaskId, attempt: int) -> str:
        return data.draw(st.sampled_from(["", "", "", "broken", "quota", "limited"]))

    def usage(name: TaskId, attempt: int, cap: Cap) -> Usage:
        share = data.draw(st.sampled_from([0.0, 0.5, 1.0]))
        over = data.draw(st.booleans()) and share == 1.0
        usd = (cap.usd or 0.3) * share + (call.usd if over else 0.0)
        tokens = int((cap.tokens or 30) * share) + (call.tokens if over else 0)
        return Usage(tokens, 0, data.draw(st.sampled_from([usd, usd, None])))

    world.session_fate, world.usage_fate = fate, usage

    def choose(below: int) -> int:
        if data.draw(st.integers(0, 9)) == 0:
            world.append([RateLimited(data.draw(st.integers(0, jobs - 1)))])
        return data.draw(st.integers(0, below - 1))

    state = world.drive(choose, crashes)
    assert run_state(state) in (RunState.READY, RunState.FAILED, RunState.PAUSED)
    if run_state(state) is not RunState.PAUSED:
        assert all(item.state in SETTLED for item in standings(state).values())
    assert not state.reserved
    over = overshoot(state)
    assert over.usd <= call.usd * jobs + 1e-6
    assert over.tokens <= call.tokens * jobs


def test_the_report_and_the_status_tell_use_and_budget() -> None:
    world = ready("a", budget_usd=4.0, budget_tokens=10_000)
    world.usage_fate = lambda name, attempt, cap: used(4.5, 1234)
    state = world.drive(first)
    text = report(state)
    assert "budget: $4.50 of $4.00 and 1,234 of 10,000 tokens; $0.50 over it" in text
    assert "| a | 1,234 | 0 | 4.50 |" in text
    told = status(state, live=False)
    assert told["run"]["budget"] == {
        "sessions": 1000,
        "tokens": 10_000,
        "usd": 4.0,
        "charged": {"tokens": 1234, "usd": 4.5},
    }
    assert told["tasks"][0]["usage"]["usd"] == 4.5
    lines = " ".join(table(state, 200, Moment(0.0), False))
    assert "$4.50 of $4.00 and 1,234 of 10,000 tokens" in lines
    world.append([RateLimited(3)])
    assert "slowed to 3 by rate limits" in " ".join(
        table(world.state, 200, Moment(0.0, True), False)
    )
    assert status(world.state, live=True)["run"]["rate_limit"] == 3
