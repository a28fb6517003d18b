"""Tasks that come to a run which was planned without them: once, in order, by the rules."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.coordinator.simulation import World, created, task
from wtman.errors import UsageError
from wtman.journal import events as e
from wtman.journal.state import State
from wtman.model.ids import Sha, TaskId
from wtman.model.plan import Task
from wtman.model.states import SETTLED, RunState, TaskState
from wtman.tasks.addition import require_addable
from wtman.tasks.lifecycle import run_state, standings
from wtman.ui.lines import told

A, NEW = TaskId("a"), TaskId("new")


def wanted(*tasks: Task, key: str = "k", overlap: bool = False) -> e.TasksWanted:
    return e.TasksWanted(key, tasks, allow_overlap=overlap)


def owner(name: str, *needs: str, owns: str = "") -> Task:
    return task(name, *needs, owns=(owns or f"{name}/**",))


def ended(*tasks: Task, **more: object) -> State:
    world = World()
    world.append(created(*tasks, **more))
    return world.drive(lambda number: 0)


@given(data=st.data())
@settings(max_examples=60)
def test_what_is_asked_for_at_any_moment_is_added_once_and_done(data: st.DataObject) -> None:
    world = World()
    world.append(created(owner("a"), owner("b", "a")))
    when = data.draw(st.integers(0, 12))
    for step in range(1000):
        if step == when:
            world.append([wanted(owner("new", "a"))])
        if data.draw(st.integers(0, 9)) == 0 and step < 30:
            world.crash(lambda number: data.draw(st.integers(0, number - 1)))
        world.turn()
        if not world.running and step >= when:
            break
        if world.running:
            world.finish(sorted(world.running)[data.draw(st.integers(0, len(world.running) - 1))])
    state = world.state
    added = [r.event for r in world.journal if isinstance(r.event, e.TaskAdded) and r.event.key]
    assert [item.task.id for item in added] == [NEW]
    assert not state.wanted
    assert {item.state for item in standings(state).values()} == {TaskState.VERIFIED}
    assert state.tasks[NEW].needs == {A: state.tasks[A].head}
    assert len(world.ran) == len(set(world.ran)), "no completed session runs twice"


def test_of_two_that_ask_for_the_same_the_first_has_it_and_the_second_is_told() -> None:
    world = World()
    world.append(created(owner("a")))
    world.append([wanted(owner("new"), key="1"), wanted(owner("new"), key="2")])
    world.turn()
    state = world.state
    refused = [r.event for r in world.journal if isinstance(r.event, e.TasksRefused)]
    assert [item.key for item in refused] == ["2"]
    assert told(state, refused[0])[0].startswith('new  not added: task "new": the id is taken')
    assert list(state.tasks) == [A, NEW]


def test_all_tasks_of_a_request_come_or_none() -> None:
    world = World()
    world.append(created(owner("a")))
    world.append([wanted(owner("new"), owner("other", "nothing"))])
    world.turn()
    assert list(world.state.tasks) == [A]


def test_a_run_that_is_asked_for_more_is_not_ready() -> None:
    world = World()
    world.append(created(owner("a")))
    assert run_state(world.drive(lambda number: 0)) is RunState.READY
    world.append([wanted(owner("new"))])
    assert run_state(world.state) is RunState.RUNNING


def test_a_stopped_run_takes_it_when_it_goes_on() -> None:
    world = World()
    world.append([*created(owner("a")), e.Requested("stop"), wanted(owner("new"))])
    world.turn()
    assert NEW not in world.state.tasks
    world.append([e.Stopped(), e.Resumed()])
    assert standings(world.drive(lambda number: 0))[NEW].state is TaskState.VERIFIED


def test_a_task_after_a_merge_starts_from_the_target() -> None:
    state = ended(owner("a"))
    from wtman.journal.record import Recorded
    from wtman.journal.replay import replay

    added = e.TaskAdded(owner("new"), "k", Sha("target"))
    view = replay([Recorded(99, 1.0, added)], state).tasks[NEW]
    assert (view.onto, view.based) == ("target", "target")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (wanted(owner("NEW")), "1 to 40 characters"),
        (wanted(owner("a")), "the id is taken"),
        (wanted(owner("new", "gone")), "not a task of this plan"),
        (wanted(owner("new", owns="a/x.py")), "both own"),
        (wanted(task("new")), "both own"),
    ],
)
def test_the_rules_are_those_of_a_plan_file(asked: e.TasksWanted, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        require_addable(ended(owner("a")), asked)


def test_overlaps_of_the_tasks_that_were_there_are_not_told_again() -> None:
    state = ended(owner("a", owns="x/"), owner("b", owns="x/"), owner("c", owns="x/"))
    said = require_addable(state, wanted(owner("new", owns="x/"), overlap=True))
    assert len(said) == 3 and all('"new"' in line for line in said)


def test_limits_hold() -> None:
    state = ended(owner("a"), max_sessions=1)
    with pytest.raises(UsageError, match="may have 1 session, .* it needs 2 at least") as over:
        require_addable(state, wanted(owner("new")))
    assert over.value.hint.endswith("wtman resume run-1 --max-sessions 2")
    world = World()
    world.append(created(owner("a"), max_sessions=3))
    world.session_fate = lambda name, attempt: "exit status 1"
    state = world.drive(lambda number: 0)
    with pytest.raises(
        UsageError, match="3 sessions, and has had 3: with this it needs 4"
    ) as refused:
        require_addable(state, wanted(owner("new")))
    assert "wtman resume run-1 --max-sessions" in refused.value.hint


def test_what_needs_failed_work_is_refused() -> None:
    world = World()
    world.append(created(owner("a")))
    world.session_fate = lambda name, attempt: "exit status 1"
    state = world.drive(lambda number: 0)
    assert standings(state)[A].state in SETTLED
    with pytest.raises(UsageError, match="needs a, which is failed") as refused:
        require_addable(state, wanted(owner("new", "a")))
    assert refused.value.hint.endswith("wtman retry run-1/a")
