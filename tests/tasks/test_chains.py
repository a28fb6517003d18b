"""Tasks that keep colliding are put one behind the other, at no one's cost."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import kit
from tests.coordinator.simulation import World, task
from tests.coordinator.test_decide import plans
from tests.tasks.test_overlap import A, B, at_work, begun, first
from wtman.coordinator import actions as a
from wtman.coordinator.decide import decide
from wtman.journal import events as e
from wtman.journal.state import State
from wtman.merge.decide import eligible
from wtman.model.check import Verdict
from wtman.model.graph import cycle
from wtman.model.ids import Branch, Pair, Sha, TaskId
from wtman.model.plan import Plan, Task
from wtman.model.states import SETTLED, RunState, TaskState
from wtman.tasks.edit import changes
from wtman.tasks.lifecycle import run_state, standings
from wtman.ui.lines import told

COLLIDE = e.Overlapped((e.Overlap(A, B, ("f",), looks=3),))


def colliding(*tasks: Task, failing: str = "b", **settings: object) -> World:
    """Two sessions at work that keep colliding; the first attempt of one is going to fail."""
    world = at_work(*(tasks or (task("a"), task("b"))), **settings)
    world.append([COLLIDE])
    world.session_fate = lambda name, attempt: "broken" if name == failing and attempt == 1 else ""
    return world


def needs_of(state: State, name: str) -> tuple[str, ...]:
    return state.tasks[TaskId(name)].task.needs


def go(world: World, *keys: str) -> None:
    for key in keys:
        world.finish(key)
        world.turn()


def test_nobody_is_chained_while_both_are_at_work() -> None:
    world = colliding()
    world.turn()
    assert needs_of(world.state, "b") == ()


def test_the_one_with_its_next_attempt_before_it_waits_and_starts_from_the_others_work() -> None:
    world = colliding()
    go(world, "session/b")
    state = world.state
    assert needs_of(state, "b") == ("a",)
    assert standings(state)[B].state is TaskState.FIXING
    assert standings(state)[B].waiting_for == ("a",)
    assert "session/b" not in world.running
    go(world, "session/a", "check/a")
    assert "worktree/b" in world.running
    go(world, "worktree/b")
    state = world.state
    assert state.tasks[B].needs == {A: state.tasks[A].head}
    assert state.tasks[B].start == state.tasks[A].head
    assert "session/b" in world.running
    assert run_state(world.drive(first)) is RunState.READY


def test_the_earlier_in_the_plan_yields_if_the_other_has_finished() -> None:
    world = colliding(failing="a")
    go(world, "session/b", "check/b", "session/a")
    assert needs_of(world.state, "a") == ("b",)
    state = world.drive(first)
    assert run_state(state) is RunState.READY
    assert len(state.tasks[B].attempts) == 1


def test_where_both_mend_the_later_in_the_plan_yields() -> None:
    world = at_work(task("a"), task("b"))
    world.append([COLLIDE])
    world.session_fate = lambda name, attempt: "broken" if attempt == 1 else ""
    world.finish("session/a")
    world.finish("session/b")
    world.turn()
    assert (needs_of(world.state, "a"), needs_of(world.state, "b")) == ((), ("a",))
    assert "session/a" in world.running


def test_red_work_follows_the_other_before_its_next_session() -> None:
    world = at_work(task("a"), task("b"))
    world.append([COLLIDE])
    world.check_fate = lambda name, head: (
        Verdict.RED if len(world.state.tasks[name].attempts) == 1 and name == "b" else Verdict.GREEN
    )
    go(world, "session/a", "check/a", "session/b", "check/b")
    assert isinstance(world.running["worktree/b"], a.Follow)
    assert "session/b" not in world.running, "a session in a worktree that is being moved"
    world.follow_fate = lambda name: ("f",)
    go(world, "worktree/b")
    state = world.state
    assert state.tasks[B].start == state.tasks[A].head
    session = world.running["session/b"]
    assert isinstance(session, a.RunSession)
    assert session.at == state.tasks[A].head
    assert "conflicts with the work so far in f" in session.prompt
    assert run_state(world.drive(first)) is RunState.READY


def test_finished_work_is_never_chained() -> None:
    world = colliding(failing="")
    go(world, "session/b", "check/b")
    heads = world.state.tasks[B].head
    state = world.drive(first)
    assert (needs_of(state, "a"), needs_of(state, "b")) == ((), ())
    assert state.tasks[B].head == heads
    # Another session that the user asks for mends that work; it does not begin anew.
    world.append([e.Requested("retry", B)])
    world.turn()
    assert needs_of(world.state, "b") == ()


def test_a_passing_collision_chains_nobody() -> None:
    world = at_work(task("a"), task("b"))
    world.append([e.Overlapped((e.Overlap(A, B, ("f",), looks=2),))])
    world.session_fate = lambda name, attempt: "broken" if attempt == 1 else ""
    go(world, "session/b")
    assert needs_of(world.state, "b") == ()
    assert "session/b" in world.running


def test_no_circle() -> None:
    world = colliding(task("a"), task("b"), task("c", "b"))
    world.append([e.Chained(A, TaskId("c"))])
    go(world, "session/b")
    assert needs_of(world.state, "b") == (), "it would wait for itself"
    assert "session/b" in world.running
    assert run_state(world.drive(first)) is RunState.READY


def test_a_task_that_has_not_begun_is_the_later_one() -> None:
    world = at_work(task("a"), task("b", "c"), task("c"))
    world.append([e.Overlapped((e.Overlap(A, B, ("f",), looks=3),))])
    world.turn()
    assert needs_of(world.state, "b") == ("c", "a")
    state = world.drive(first)
    assert run_state(state) is RunState.READY
    assert set(state.tasks[B].needs) == {"a", "c"}


def test_when_nothing_comes_of_the_other_the_task_goes_on_alone() -> None:
    world = colliding()
    go(world, "session/b")
    assert needs_of(world.state, "b") == ("a",)
    world.session_fate = lambda name, attempt: "broken" if name == "a" else ""
    state = world.drive(first)
    known = standings(state)
    assert (known[A].state, known[B].state) == (TaskState.FAILED, TaskState.VERIFIED)
    assert needs_of(state, "b") == ()
    assert state.tasks[B].unchained == (A,)


def test_work_that_does_not_join_ends_the_chain_and_not_the_task() -> None:
    world = colliding()
    go(world, "session/b", "session/a", "check/a")
    del world.running["worktree/b"]
    world.append([e.StartFailed(B, {A: world.state.tasks[A].head}, "what it needs conflicts")])
    state = world.state
    assert (needs_of(state, "b"), state.tasks[B].stuck) == ((), "")
    assert run_state(world.drive(first)) is RunState.READY
    assert needs_of(world.state, "b") == (), "it is not tried again and again"


def test_a_chain_not_begun_binds_neither_finished_work_nor_the_train() -> None:
    world = colliding(task("a"), task("b"), failing="")
    world.check_fate = lambda name, head: (
        Verdict.RED if world.state.settings.check == ("test",) else Verdict.GREEN
    )
    go(world, "session/b", "check/b")
    assert needs_of(world.state, "b") == ("a",)
    before = world.state.tasks[B].head
    # With another check what is there is good; `a` is still at work.
    world.append([e.ContextChanged("all", "", ("other",))])
    state = world.drive(first)
    assert run_state(state) is RunState.READY
    assert state.tasks[B].head == before
    assert len(state.tasks[B].attempts) == 1
    world.append([e.MergeAsked(Branch("main"), Sha("base"), exclude=(A,))])
    members, left = eligible(world.state)
    assert ([item.id for item in members], left) == (["b"], ())


def test_an_edited_plan_keeps_the_chain_unless_it_changes_needs() -> None:
    world = colliding()
    go(world, "session/b")
    state = world.state
    plan = Plan("all", (task("a"), task("b")), check=("test",))
    assert changes(state, plan) == ()
    world.append([e.TaskChanged(replace(task("b"), title="Better"))])
    assert needs_of(world.state, "b") == ("a",)
    world.append([e.TaskChanged(task("a", "b"))])
    assert needs_of(world.state, "b") == ()
    assert not cycle(tuple(view.task for view in world.state.tasks.values()))


def test_a_task_that_comes_back_with_other_needs_closes_no_circle() -> None:
    world = colliding()
    go(world, "session/b")
    world.append([e.TaskDropped(A), e.TaskAdded(task("a", "b"))])
    assert not cycle(tuple(view.task for view in world.state.tasks.values()))


def test_chains_survive_a_crash() -> None:
    world = colliding()
    go(world, "session/b")
    world.crash(first)
    assert needs_of(world.state, "b") == ("a",)
    assert run_state(world.drive(first)) is RunState.READY


def test_chains_are_told() -> None:
    state = begun(task("a"), task("b")).state
    assert told(state, e.Chained(B, A, ("f",))) == [
        "b  will start from the work of a: both change f",
    ]
    assert told(state, e.Unchained(B, A, "a did not succeed")) == [
        "b  no longer waits for a: a did not succeed",
    ]


@settings(max_examples=kit.examples(30))
@given(plans(), st.data(), st.integers(1, 4), st.integers(0, 3))
@pytest.mark.slow
def test_whatever_collides_every_run_ends_and_verified_work_stays(
    tasks: tuple[Task, ...], data: st.DataObject, jobs: int, crashes: int
) -> None:
    world = begun(*tasks, jobs=jobs, attempts=4)

    def choose(below: int) -> int:
        return data.draw(st.integers(0, below - 1))

    def collisions(pairs: tuple[Pair, ...]) -> list[Pair]:
        # Nearly always, so that chains are made: hypothesis shrinks to none.
        return [pair for pair in pairs if choose(8)]

    world.overlap_fate = collisions
    world.follow_fate = lambda name: ("a.py",) if choose(2) else ()
    world.session_fate = lambda name, attempt: "broken" if not choose(3) else ""
    world.check_fate = lambda name, head: Verdict.GREEN if choose(3) else Verdict.RED
    verified: dict[TaskId, Sha] = {}
    settle = world.finish

    def finish(key: str) -> None:
        # Sessions last many looks.
        for _ in range(3 if "watch" in world.running and key != "watch" else 0):
            if "watch" in world.running and "watch" not in world.cancelled:
                settle("watch")
                world.turn()
        if key in world.running:
            settle(key)
        state = world.state
        for name, item in standings(state).items():
            if item.state is TaskState.VERIFIED:
                assert verified.setdefault(name, state.tasks[name].head) == state.tasks[name].head
            elif name in verified:
                raise AssertionError(f"{name} was verified and is {item.state}")

    world.finish = finish  # type: ignore[method-assign]
    state = world.drive(choose, crashes)
    known = standings(state)
    assert all(item.state in SETTLED for item in known.values())
    assert not cycle(tuple(view.task for view in state.tasks.values()))
    for name, view in state.tasks.items():
        if known[name].state is TaskState.FAILED and view.failures < 4:
            hard = [need for need in view.needed if need in known]
            assert any(known[need].state is TaskState.FAILED for need in hard), (
                "a collision alone fails nobody"
            )
    assert not decide(state, frozenset())
