"""The scheduler: lists of events and the actions that follow."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.coordinator.simulation import World, created, task
from wtman.coordinator import actions as a
from wtman.coordinator.decide import decide
from wtman.journal import events as e
from wtman.journal.state import TaskView
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.check import Verdict
from wtman.model.ids import Pair, TaskId
from wtman.model.plan import Plan, Task
from wtman.model.states import SETTLED, RunState, Standing, TaskState
from wtman.tasks.edit import changes, impact
from wtman.tasks.lifecycle import counted, run_state, standings


def first(number: int) -> int:
    return 0


def begun(*tasks: Task, **settings: object) -> World:
    world = World()
    world.append(created(*tasks, **settings))
    return world


def kinds(world: World) -> list[str]:
    return [type(item).__name__ for item in decide(world.state, world.keys)]


def sessions_of(world: World, name: str) -> int:
    return len(world.state.tasks[TaskId(name)].attempts)


def test_nothing_starts_before_the_user_said_yes() -> None:
    world = World()
    world.append(created(task("a"))[:-1])
    assert kinds(world) == []
    assert run_state(world.state) is RunState.PLANNED


def test_the_base_is_checked_and_worktrees_are_made_before_any_session() -> None:
    world = begun(task("a"), task("b"))
    assert kinds(world) == ["CheckBase", "MakeWorktree", "MakeWorktree"]
    world.turn()
    world.finish("worktree/a")
    assert kinds(world) == []
    world.finish("base")
    assert kinds(world) == ["RunSession"]


def test_a_red_base_stops_everything_before_a_session_starts() -> None:
    world = begun(task("a"))
    world.turn()
    del world.running["base"]
    world.append([e.BaseChecked(world.state.base, (), problem="red on the base")])
    world.turn()
    world.finish("worktree/a")
    assert kinds(world) == []
    assert run_state(world.state) is RunState.STOPPED, "tasks are unfinished: nothing has failed"
    # What was wrong may be mended by then: a resume looks again.
    world.append([e.Resumed()])
    assert kinds(world) == ["CheckBase", "RunSession"][:1]


def test_what_nobody_is_to_blame_for_waits_for_a_resume_and_repeats_no_session() -> None:
    world = begun(task("a"), task("b"))
    world.turn()
    for key in ("base", "worktree/a", "worktree/b"):
        world.finish(key)
    world.turn()
    del world.running["session/a"]
    key = ActionKey(ActionKind.SESSION, "a")
    world.append([e.Abandoned(key, "the disk is full", held=True), e.Paused("the disk is full")])
    assert kinds(world) == [], "it is not collected over and over on a full disk"
    assert standings(world.state)[TaskId("a")] == Standing(TaskState.PAUSED, "the disk is full")
    assert standings(world.state)[TaskId("b")].state is TaskState.RUNNING
    world.append([e.Resumed()])
    assert kinds(world) == ["Collect"]
    assert sessions_of(world, "a") == 1


def test_a_task_that_was_cleaned_gets_its_worktree_once_when_it_is_retried() -> None:
    world = begun(task("a"), attempts=1)
    world.session_fate = lambda task, attempt: "failed"
    world.turn()
    for key in ("base", "worktree/a"):
        world.finish(key)
    world.turn()
    world.finish("session/a")
    world.append([e.Cleaned(TaskId("a"), world.state.tasks[TaskId("a")].head)])
    world.append([e.Resumed(), e.Requested("retry", TaskId("a"))])
    assert kinds(world) == ["MakeWorktree"]
    world.turn()
    world.finish("worktree/a")
    assert kinds(world) == ["RunSession"]


def test_a_dependent_starts_from_verified_work_only() -> None:
    world = begun(task("a"), task("b", "a"))
    world.turn()
    for key in ("base", "worktree/a"):
        world.finish(key)
    world.turn()
    world.finish("session/a")
    assert kinds(world) == ["CheckTask"]
    world.turn()
    world.finish("check/a")
    (action,) = decide(world.state, frozenset())
    assert isinstance(action, a.MakeWorktree)
    assert action.needs == (("a", world.state.tasks[TaskId("a")].head),)


def test_slots_go_to_the_longest_chain_first() -> None:
    world = begun(task("leaf"), task("a"), task("b", "a"), task("c", "b"), jobs=1)
    world.turn()
    for key in ("base", "worktree/a"):
        world.finish(key)
    world.turn()
    assert [key for key in world.running if key.startswith("session/")] == ["session/a"]


def test_a_failed_attempt_is_retried_three_times_and_no_more() -> None:
    world = begun(task("a"))
    world.session_fate = lambda name, attempt: "exit status 1"
    state = world.drive(first)
    assert sessions_of(world, "a") == 3
    assert standings(state)[TaskId("a")].state is TaskState.FAILED
    assert run_state(state) is RunState.FAILED
    world.append([e.Requested("retry", TaskId("a"))])
    world.session_fate = lambda name, attempt: ""
    assert run_state(world.drive(first)) is RunState.READY
    assert sessions_of(world, "a") == 4


def retried(world: World, crashes: int = 0) -> TaskView:
    """The verified task `a` after a retry that was asked for as the command does."""
    head = world.drive(first).tasks[TaskId("a")].head
    world.append([e.Resumed(), e.Requested("retry", TaskId("a"), once=True, keeps=head)])
    return world.drive(first, crashes).tasks[TaskId("a")]


@pytest.mark.parametrize("crashes", [0, 3])
@pytest.mark.parametrize("fate", ["session", "check"])
def test_verified_work_stands_where_a_retry_does_no_better(fate: str, crashes: int) -> None:
    world = begun(task("a"), task("b", "a"))
    before = world.drive(first).tasks[TaskId("a")]
    if fate == "session":
        world.session_fate = lambda name, attempt: "exit status 1"
    else:
        world.check_fate = lambda name, head: Verdict.GREEN if head == before.head else Verdict.RED
    view = retried(world, crashes)
    # Those that a dead coordinator left do not count.
    assert view.head == before.head and sum(map(counted, view.attempts)) == 2
    assert {item.state for item in standings(world.state).values()} == {TaskState.VERIFIED}
    assert "the work of before is kept" in view.notes[-1]
    # It can be retried as often as somebody likes, one session each.
    view = retried(world)
    assert view.head == before.head and sum(map(counted, view.attempts)) == 3


def test_a_retry_that_is_asked_for_while_one_runs_comes_after_it() -> None:
    world = begun(task("a"))
    before = world.drive(first).tasks[TaskId("a")]
    world.append([e.Requested("retry", TaskId("a"), once=True, keeps=before.head)])
    world.turn()
    world.append([e.Requested("retry", TaskId("a"))])
    view = world.drive(first).tasks[TaskId("a")]
    assert (sessions_of(world, "a"), view.notes) == (3, ())
    assert view.head != before.head
    assert standings(world.state)[TaskId("a")].state is TaskState.VERIFIED


def test_better_work_of_a_retry_replaces_what_was_there() -> None:
    world = begun(task("a"))
    before = world.drive(first).tasks[TaskId("a")]
    after = retried(world)
    assert after.head != before.head and sessions_of(world, "a") == 2
    assert standings(world.state)[TaskId("a")].state is TaskState.VERIFIED


def test_a_retry_of_a_quarantined_task_is_one_session() -> None:
    world = begun(task("a"))
    world.session_fate = lambda name, attempt: "exit status 1"
    world.drive(first)
    world.append([e.Resumed(), e.Requested("retry", TaskId("a"), once=True)])
    world.drive(first)
    assert sessions_of(world, "a") == 4


def test_red_checks_send_the_work_back_with_the_failure_in_the_prompt() -> None:
    world = begun(task("a"))
    heads: list[str] = []

    def fate(name: TaskId, head: str) -> Verdict:
        heads.append(head)
        return Verdict.RED if len(heads) == 1 else Verdict.GREEN

    world.check_fate = fate
    prompts: list[str] = []
    for _ in range(20):
        world.turn()
        for action in world.running.values():
            if isinstance(action, a.RunSession) and action.prompt not in prompts:
                prompts.append(action.prompt)
                last = action
        if not world.running:
            break
        world.finish(next(iter(world.running)))
    assert len(prompts) == 2
    assert "check `test`" in prompts[1]
    assert last.at == heads[0], "a fix goes on from the work that was refused"
    assert run_state(world.state) is RunState.READY


def test_a_dependent_of_a_failed_task_fails_without_a_session() -> None:
    world = begun(task("a"), task("b", "a"))
    world.session_fate = lambda name, attempt: "broken" if name == "a" else ""
    state = world.drive(first)
    standing = standings(state)[TaskId("b")]
    assert standing.state is TaskState.FAILED
    assert standing.reason == "needs a, which did not succeed"
    assert sessions_of(world, "b") == 0


def test_the_ceiling_of_sessions_parks_and_a_resume_with_a_higher_one_goes_on() -> None:
    world = begun(task("a"), task("b"), task("c"), jobs=1, max_sessions=2)
    state = world.drive(first)
    assert run_state(state) is RunState.PAUSED
    assert state.sessions == 2
    assert [item.state for item in standings(state).values()].count(TaskState.VERIFIED) == 2


def test_an_exhausted_quota_parks_and_costs_no_attempt() -> None:
    world = begun(task("a"), task("b"), jobs=1)
    world.session_fate = lambda name, attempt: "quota" if attempt == 1 and name == "a" else ""
    state = world.drive(first)
    assert run_state(state) is RunState.PAUSED
    assert state.tasks[TaskId("a")].failures == 0
    world.append([e.Resumed()])
    assert run_state(world.drive(first)) is RunState.READY


def test_stop_cancels_what_runs_and_starts_nothing() -> None:
    world = begun(task("a"), task("b"), jobs=1)
    world.turn()
    for key in ("base", "worktree/a"):
        world.finish(key)
    world.turn()
    world.append([e.Requested("stop")])
    world.turn()
    assert world.cancelled == {"session/a", "worktree/b"}
    world.finish("session/a")
    world.finish("worktree/b")
    assert kinds(world) == []
    world.append([e.Stopped(), e.Resumed()])
    assert run_state(world.drive(first)) is RunState.READY
    assert world.state.tasks[TaskId("a")].failures == 0


def test_dependents_follow_when_verified_work_moves() -> None:
    world = begun(task("a"), task("b", "a"), task("c", "b"))
    world.drive(first)
    before = {name: view.head for name, view in world.state.tasks.items()}
    world.append([e.Requested("retry", TaskId("a"))])
    state = world.drive(first)
    assert run_state(state) is RunState.READY
    assert all(state.tasks[name].head != head for name, head in before.items())
    assert [len(view.attempts) for view in state.tasks.values()] == [2, 1, 1]
    for view in state.tasks.values():
        for need in view.task.needs:
            assert view.needs[need] == state.tasks[need].head


def test_an_edited_plan_runs_again_only_what_changed() -> None:
    world = begun(task("a"), task("b", "a"), task("c"))
    state = world.drive(first)
    plan = Plan(
        request="all",
        tasks=(
            replace(task("a"), title="A better title", timeout=5.0),
            task("b", "a"),
            replace(task("c"), prompt="do c otherwise"),
            task("d"),
        ),
        check=("test",),
    )
    events = changes(state, plan)
    told = impact(state, events)
    assert (told.reused, told.rerun, told.added) == (("a", "b"), ("c", "d"), ("d",))
    world.append(events)
    world.drive(first)
    assert [sessions_of(world, name) for name in "abcd"] == [1, 1, 2, 1]


def test_an_edited_check_only_judges_again() -> None:
    world = begun(task("a"), task("b"))
    state = world.drive(first)
    plan = Plan("all", (task("a"), task("b")), check=("test --strict",))
    events = changes(state, plan)
    assert impact(state, events).rechecked == ("a", "b")
    world.append(events)
    state = world.drive(first)
    assert state.sessions == 2
    assert run_state(state) is RunState.READY
    assert state.tasks[TaskId("a")].checked is not None
    assert state.tasks[TaskId("a")].checked.results[0].command == "test --strict"


def test_wording_a_task_as_it_once_was_takes_its_old_work_up_again() -> None:
    world = begun(task("a"))
    state = world.drive(first)
    old = state.tasks[TaskId("a")].head
    world.append([e.TaskChanged(replace(task("a"), prompt="do it otherwise"))])
    world.drive(first)
    world.append([e.TaskChanged(task("a"))])
    state = world.drive(first)
    assert state.tasks[TaskId("a")].head == old
    assert sessions_of(world, "a") == 2
    assert run_state(state) is RunState.READY


def test_a_task_dropped_while_it_runs_is_cancelled() -> None:
    world = begun(task("a"), task("b"))
    world.turn()
    for key in ("base", "worktree/a", "worktree/b"):
        world.finish(key)
    world.turn()
    world.append([e.TaskDropped(TaskId("b"))])
    world.turn()
    assert world.cancelled == {"session/b", "watch"}
    world.finish("session/b")
    state = world.drive(first)
    assert list(state.tasks) == ["a"]
    assert run_state(state) is RunState.READY


def test_a_worktree_that_is_to_follow_is_given_to_nobody() -> None:
    users = (task("c", "a"), task("d", "a"))
    world = begun(task("a"), task("b"), *users, jobs=2, sandbox="bubblewrap")
    world.turn()
    for key in ("base", "worktree/a", "worktree/b"):
        world.finish(key)
    world.turn()
    world.finish("session/b")
    world.turn()
    world.check_fate = lambda name, head: Verdict.RED
    world.finish("check/b")
    world.check_fate = lambda name, head: Verdict.GREEN
    world.append([e.Chained(TaskId("b"), TaskId("a"))])
    world.turn()
    world.finish("session/a")
    world.turn()
    world.finish("check/a")
    # Both who wait for `a` want a worktree now, and so does `b`, to go on from it in its own.
    begin = decide(world.state, world.keys)
    assert [item.task for item in begin if isinstance(item, a.Follow)] == ["b"]
    assert [item.over for item in begin if isinstance(item, a.MakeWorktree)] == ["a"]
    world.turn()
    assert run_state(world.drive(first)) is RunState.READY


@st.composite
def plans(draw: st.DrawFn) -> tuple[Task, ...]:
    count = draw(st.integers(1, 7))
    names = [f"t{number}" for number in range(count)]
    tasks = []
    for number, name in enumerate(names):
        needs = (
            draw(st.lists(st.sampled_from(names[:number]), unique=True, max_size=3))
            if (number)
            else []
        )
        tasks.append(task(name, *needs))
    return tuple(tasks)


@given(plans(), st.data(), st.integers(1, 4), st.integers(0, 5), st.booleans())
def test_any_run_ends_whatever_happens_and_no_session_runs_twice(
    tasks: tuple[Task, ...], data: st.DataObject, jobs: int, crashes: int, shared: bool
) -> None:
    world = begun(*tasks, jobs=jobs, sandbox="bubblewrap" if shared else "none")
    fates = data.draw(
        st.dictionaries(
            st.tuples(st.sampled_from([item.id for item in tasks]), st.integers(1, 3)),
            st.sampled_from(["", "broken", "quota"]),
        )
    )
    world.session_fate = lambda name, attempt: fates.get((name, attempt), "")
    reds = data.draw(st.sets(st.integers(0, 6), max_size=3))
    seen: list[str] = []

    def check_fate(name: TaskId, head: str) -> Verdict:
        seen.append(head)
        return Verdict.RED if len(seen) - 1 in reds else Verdict.GREEN

    world.check_fate = check_fate

    def choose(below: int) -> int:
        return data.draw(st.integers(0, below - 1))

    def collisions(pairs: tuple[Pair, ...]) -> list[Pair]:
        return data.draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []

    world.overlap_fate = collisions
    world.follow_fate = lambda name: ("a.py",) if not choose(2) else ()

    state = world.drive(choose, crashes)
    while run_state(state) is RunState.PAUSED:
        world.append([e.Resumed()])
        state = world.drive(choose)
    assert world.most_sessions <= jobs
    assert all(item.state in SETTLED for item in standings(state).values())
    assert run_state(state) in (RunState.READY, RunState.FAILED)
    assert not state.intents
    completed = [
        (view.task.id, item.number)
        for view in state.tasks.values()
        for item in view.attempts
        if item.outcome is not None
    ]
    assert len(completed) == len(set(completed))
    for view in state.tasks.values():
        finished = [item.cache_key for item in view.attempts if item.ended == "ok"]
        assert len(finished) == len(set(finished)), "the same content ran to its end twice"
        assert view.failures <= state.settings.attempts


def test_a_resume_may_raise_the_ceiling_of_sessions() -> None:
    world = begun(task("a"), task("b"), task("c"), jobs=1, max_sessions=2)
    assert run_state(world.drive(first)) is RunState.PAUSED
    world.append([e.Resumed(), e.SettingsChanged({"max_sessions": 3})])
    assert run_state(world.drive(first)) is RunState.READY
    assert world.state.settings.jobs == 1


def test_a_task_that_the_user_attaches_to_is_handed_over_once_nothing_of_it_runs() -> None:
    world = begun(task("a"), task("b", "a"))
    world.turn()
    for key in ("base", "worktree/a"):
        world.finish(key)
    world.turn()
    world.append([e.Requested("attach", TaskId("a"))])
    world.turn()
    assert world.cancelled == {"session/a"}
    world.finish("session/a")
    (action,) = decide(world.state, frozenset())
    assert isinstance(action, a.RunSession) and action.attach and action.attempt == 2
    world.turn()
    assert kinds(world) == [], "while the user plays nothing else of the task begins"
    world.finish("session/a")
    assert kinds(world) == ["CheckTask"]
    assert run_state(world.drive(first)) is RunState.READY


def test_who_asked_to_attach_and_went_is_not_waited_for_by_a_resume() -> None:
    world = begun(task("a"))
    world.turn()
    world.append([e.Requested("attach", TaskId("a")), e.Requested("stop")])
    world.append([e.Stopped(), e.Resumed()])
    assert not world.state.tasks[TaskId("a")].attach


def test_attaching_to_finished_work_judges_it_again() -> None:
    world = begun(task("a"))
    world.drive(first)
    world.append([e.Requested("attach", TaskId("a"))])
    state = world.drive(first)
    assert sessions_of(world, "a") == 2
    assert run_state(state) is RunState.READY
    assert state.tasks[TaskId("a")].attempts[-1].attach


def test_a_run_that_pauses_amid_its_reviews_checks_nothing_again() -> None:
    world = begun(task("a"), reviewers=1, reviewed_by=("claude",))
    while world.state.tasks[TaskId("a")].checked is None:
        world.turn()
        world.finish(next(iter(world.running)))
    world.append([e.Paused("no money")])
    assert standings(world.state)[TaskId("a")].state is TaskState.PAUSED
    assert "CheckTask" not in kinds(world)


def test_a_worktree_is_taken_over_from_who_is_done_and_given_back_when_it_is_needed() -> None:
    world = begun(task("a"), task("b"), task("c"), jobs=1, sandbox="bubblewrap", attempts=2)
    a_, b, c = (TaskId(name) for name in "abc")
    world.check_fate = lambda name, head: Verdict.RED if name == "a" else Verdict.GREEN
    world.turn()
    for key in ("base", "worktree/a", "session/a"):
        world.finish(key)
        world.turn()
    (taken,) = (item for item in world.running.values() if isinstance(item, a.MakeWorktree))
    assert (taken.task, taken.over) == (b, a_)
    assert world.state.tasks[a_].worktree == "", "nobody is told of a folder that is on its way"
    world.finish("check/a")
    world.turn()
    assert "session/a" not in world.running, "its worktree is on its way to another"
    world.finish("worktree/b")
    world.turn()
    assert world.folders == {b}
    world.finish("session/b")
    world.turn()
    world.finish("check/b")
    world.turn()
    back = next(item for item in world.running.values() if isinstance(item, a.BringBack))
    assert (back.task, back.over) == (a_, b), "work that is under way comes before new work"
    assert back.head == world.state.tasks[a_].head
    world.finish("worktree/a")
    world.turn()
    assert "session/a" in world.running and world.state.tasks[c].worktree == ""


def test_with_keep_worktrees_and_without_walls_each_task_keeps_its_own() -> None:
    for settings in ({"sandbox": "bubblewrap", "keep_worktrees": True}, {"sandbox": "landlock"}):
        world = begun(task("a"), task("b"), jobs=1, **settings)
        world.turn()
        for key in ("base", "worktree/a", "session/a"):
            world.finish(key)
            world.turn()
        world.finish("worktree/b")
        assert world.folders == {"a", "b"}


def test_a_worktree_that_was_on_its_way_when_wtman_was_killed_goes_on_its_way() -> None:
    world = begun(task("a"), task("b"), jobs=1, sandbox="bubblewrap")
    world.turn()
    for key in ("base", "worktree/a", "session/a"):
        world.finish(key)
        world.turn()
    world.crash(lambda below: 0)
    world.turn()
    (again,) = (item for item in world.running.values() if isinstance(item, a.MakeWorktree))
    assert (again.task, again.over) == ("b", "a")


def test_the_user_gets_a_worktree_at_once_to_look_into_what_another_task_has() -> None:
    world = begun(task("a"), task("b"), jobs=1, sandbox="bubblewrap")
    a_ = TaskId("a")
    world.turn()
    for key in ("base", "worktree/a", "session/a", "worktree/b"):
        world.finish(key)
        world.turn()
    assert "session/b" in world.running and world.state.tasks[a_].worktree == ""
    world.half_done += 1  # a folder beyond the pool, as none in it is idle
    world.append([e.Requested("open", a_)])
    world.turn()
    (back,) = (item for item in world.running.values() if isinstance(item, a.BringBack))
    assert (back.task, back.over, back.head) == (a_, "", world.state.tasks[a_].head)
    world.turn()
    world.finish("worktree/a")
    assert world.state.tasks[a_].worktree and not world.state.tasks[a_].wanted
    world.append([e.Requested("open", a_)])
    world.turn()
    assert "worktree/a" not in world.running, "it has one"
