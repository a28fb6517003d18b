"""Leads: lists of events and the actions that follow, amid crashes and changes of the plan."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import kit
from tests.coordinator.simulation import World, created, task
from wtman.coordinator.decide import decide
from wtman.coordinator.outcome import next_command
from wtman.coordinator.start.proposal import plan_of
from wtman.journal import events as e
from wtman.journal.units import units, works_in
from wtman.model.check import Verdict
from wtman.model.ids import Sha, TaskId
from wtman.model.plan import Plan, Task, TaskProof
from wtman.model.states import RunState, TaskState
from wtman.tasks.edit import changes, impact
from wtman.tasks.lifecycle import judged_by_none, landable, run_state, standings
from wtman.ui.facts import landed_before
from wtman.ui.failures import failures
from wtman.ui.rows import Moment
from wtman.ui.table import table

CUTS: dict[str, tuple[Task, ...]] = {
    "a": (task("b"), task("c", "b", lead=True), task("d")),
    "a_c": (task("x"), task("y", "x")),
}


def first(number: int) -> int:
    return 0


def team(*tasks: Task, **options: object) -> World:
    """A run of a lead `a`, which core comes before and z after, with these cuts."""
    world = World(team_fate=lambda lead, attempt: CUTS[lead])
    world.append(created(*(tasks or (task("core"), LEAD, task("z", "a"))), **options))
    return world


LEAD = task("a", "core", lead=True)
LEAD_ALONE = task("a", lead=True)


def states(world: World) -> dict[str, str]:
    return {str(name): str(item.state) for name, item in standings(world.state).items()}


def reason(world: World, name: str) -> str:
    return standings(world.state)[TaskId(name)].reason


def retry(world: World, name: str) -> None:
    world.append([e.Resumed(), e.Requested("retry", TaskId(name))])


def test_a_lead_is_cut_when_what_it_needs_is_verified_and_its_train_is_its_work() -> None:
    world = team()
    state = world.drive(first)
    assert list(states(world)) == ["core", "a", "a_b", "a_c", "a_c_x", "a_c_y", "a_d", "z"]
    assert set(states(world).values()) == {"verified"}
    assert run_state(state) is RunState.READY
    core, a, c = (state.tasks[TaskId(name)] for name in ("core", "a", "a_c"))
    assert a.needs == {"core": core.head} and a.start == core.head
    assert state.tasks[TaskId("a_b")].start == a.start
    assert state.tasks[TaskId("z")].needs == {"a": a.head}
    assert state.tasks[TaskId("a_c_x")].needs == {"a_c": c.start}
    assert a.branch == "wtman/run-1/a" and a.team.made is not None
    assert state.sessions == 8 and world.plannings == [("a", 1), ("a_c", 1)]
    assert units(state) == {"a": ("a_b", "a_c_x", "a_c_y", "a_d")}


def test_the_agents_checks_and_limits_of_a_lead_are_those_of_its_parts() -> None:
    lead = replace(LEAD, agent="command:y", model="m", effort="high", check=("own",), timeout=5.0)
    world = team(task("core"), replace(lead, owns=("src/**",)))
    state = world.drive(first)
    part = state.tasks[TaskId("a_c_x")].planned
    assert (part.agent, part.model, part.effort) == ("command:y", "m", "high")
    assert (part.check, part.timeout, part.owns) == (("own",), 5.0, ("src/**",))
    assert part.part_of == "a_c"


@given(st.data())
@settings(max_examples=kit.examples(40), deadline=None)
def test_no_planner_or_part_that_had_ended_runs_twice_whatever_is_killed(
    data: st.DataObject,
) -> None:
    undisturbed = team()
    undisturbed.drive(first)
    world = team(jobs=data.draw(st.integers(1, 3)))
    world.drive(lambda number: data.draw(st.integers(0, number - 1)), crashes=6)
    assert states(world) == states(undisturbed)
    assert len(set(world.plannings)) == len(world.plannings) == 2
    for view in world.state.tasks.values():
        assert sum(item.outcome is not None and not item.red for item in view.attempts) >= (
            0 if view.planned.lead else 1
        )


def test_all_sessions_of_teams_count_and_share_the_slots() -> None:
    world = team(max_sessions=3)
    state = world.drive(first)
    assert state.paused is not None and state.sessions == 3
    world = team(jobs=1)
    world.drive(first)
    assert world.most_sessions == 1


def test_a_part_that_fails_fails_its_leads_with_the_part_named_until_it_is_retried() -> None:
    world = team(attempts=1)
    world.session_fate = lambda name, attempt: "failed" if name == "a_c_x" else ""
    world.drive(first)
    assert states(world)["z"] == states(world)["a"] == "failed"
    assert reason(world, "a_c").startswith("part a_c_x failed: ")
    assert reason(world, "a").startswith("part a_c failed: part a_c_x failed: ")
    world.session_fate = lambda name, attempt: ""
    retry(world, "a_c_x")
    world.drive(first)
    assert set(states(world).values()) == {"verified"}
    assert len(world.plannings) == 2


def test_parts_of_a_lead_that_fell_short_are_not_ready_to_merge() -> None:
    world = team(attempts=1)
    world.session_fate = lambda name, attempt: "failed" if name == "a_c_x" else ""
    state = world.drive(first)
    assert states(world)["a_b"] == "verified"
    assert run_state(state) is RunState.READY, "core may land"
    alone = team(LEAD_ALONE, attempts=1)
    alone.session_fate = world.session_fate
    state = alone.drive(first)
    assert states(alone)["a_b"] == "verified"
    assert run_state(state) is RunState.FAILED
    assert next_command(state, live=False) == (
        'wtman retry run-1/a_c_x -m "what to do differently"'
    )


def test_a_run_that_has_had_its_sessions_is_taken_up_with_more() -> None:
    world = team(LEAD_ALONE, max_sessions=6)
    world.session_fate = lambda name, attempt: "failed" if attempt == 1 else ""
    state = world.drive(first)
    assert run_state(state) is RunState.PAUSED
    assert next_command(state, live=False) == "wtman resume run-1 --max-sessions 12"


def test_a_resume_does_not_call_reused_what_fell_short() -> None:
    world = team(attempts=1)
    world.session_fate = lambda name, attempt: "failed" if name == "a_c_x" else ""
    told = impact(world.drive(first))
    assert told.reused == ("core", "a_b", "a_d") and told.rerun == ()
    assert told.short == ("a", "a_c", "a_c_x", "a_c_y", "z")


def test_what_needs_a_part_that_failed_has_no_logs_to_look_at() -> None:
    world = team(attempts=1)
    world.session_fate = lambda name, attempt: "failed" if name == "a_c_x" else ""
    state = world.drive(first)
    told = {item.task: item for item in failures(state, standings(state))}
    assert "a_c_y" not in told
    assert told[TaskId("a_c_x")].command == "wtman logs --failed run-1/a_c_x"
    lines = table(state, 120, Moment(0.0), False)
    assert any(re.search(r"✗ a_c_y +failed +needs a_c_x, which did not", line) for line in lines)


def test_a_merge_that_left_all_behind_leads_to_a_retry_with_the_reason() -> None:
    world = team(LEAD_ALONE)
    state = world.drive(first)
    more = {"evidence": "a lands whole", "unit": TaskId("a"), "follows": True}
    follow = (TaskId(name) for name in ("a_c_x", "a_c_y", "a_d"))
    left = (
        e.Excluded(TaskId("a_b"), "interaction", (TaskId("a_d"),), evidence="red"),
        *(e.Excluded(name, "unverified", (TaskId("a_b"),), **more) for name in follow),
    )
    world.append([e.MergeAsked("main", "b" * 40), e.Landed("main", "b", "b", {}, left)])
    state = world.state
    assert reason(world, "a_b") == "fails only together with a_d"
    assert reason(world, "a_d") == "a lands whole"
    assert run_state(state) is RunState.READY
    assert next_command(state, live=False) == "wtman retry run-1/a_b"


def test_what_needs_a_lead_that_stays_behind_is_not_ready_to_merge() -> None:
    world = team(LEAD_ALONE, task("z", "a"), task("y", "z"))
    world.drive(first)
    left = (e.Excluded(TaskId("a_b"), "interaction", evidence="red"),)
    world.append([e.MergeAsked("main", "b" * 40), e.Landed("main", "b", "b", {}, left)])
    assert states(world)["z"] == states(world)["y"] == "verified"
    assert landable(world.state) == ()


def test_a_lead_is_not_counted_beside_its_parts_as_landed_before() -> None:
    world = team(LEAD_ALONE)
    world.drive(first)
    parts = {name: name for name in ("a_b", "a_c_x", "a_c_y", "a_d")}
    landed = e.Landed("main", "b", "c", parts)
    world.append([e.MergeAsked("main", "b"), landed])
    assert world.state.tasks[TaskId("a")].merged == "a_d"
    assert landed_before(world.state, landed) == {}


def test_a_retried_lead_is_cut_anew_and_words_of_before_keep_their_work() -> None:
    world = team()
    before = world.drive(first)
    world.team_fate = lambda lead, attempt: (task("b"), task("e"))
    retry(world, "a")
    after = world.drive(first)
    assert list(states(world)) == ["core", "a", "a_b", "a_e", "z"]
    assert set(states(world).values()) == {"verified"}
    assert after.tasks[TaskId("a_b")].attempts == before.tasks[TaskId("a_b")].attempts
    assert world.plannings == [("a", 1), ("a_c", 1), ("a", 2)]
    assert set(after.dropped) == {"a_c", "a_c_x", "a_c_y", "a_d"}


@pytest.mark.parametrize("problem", [True, False])
def test_a_planner_that_gives_no_plan_fails_its_lead(problem: bool) -> None:
    world = team(attempts=2)
    world.team_fate = lambda lead, attempt: "it crashed"
    if problem:  # what did not fit after a repair is not asked for again
        world.turn()
        for key in ("base", "worktree/core", "session/core", "check/core"):
            world.finish(key)
            world.turn()
        del world.running["plan/a"]
        failed = e.TeamPlanFailed(TaskId("a"), 1, "x", "no plan", ("it has no JSON object",))
        world.append([failed])
    world.drive(first)
    assert states(world) == {"core": "verified", "a": "failed", "z": "failed"}
    assert len(world.plannings) == (0 if problem else 2)


def test_parts_that_pass_alone_and_not_together_are_mended_once_then_the_lead_fails() -> None:
    world = team(task("a", lead=True))
    world.team_fate = lambda lead, attempt: (task("b"), task("d"))
    both = {TaskId("a_b"), TaskId("a_d")}
    world.train_fate = lambda members: Verdict.RED if both <= set(members) else Verdict.GREEN
    state = world.drive(first)
    assert states(world)["a"] == "failed"
    assert reason(world, "a").startswith("part a_d does not fit: failed")
    mended = state.tasks[TaskId("a_d")]
    assert len(mended.attempts) == 2 and mended.needs[TaskId("a_b")]
    assert len(state.tasks[TaskId("a_b")].attempts) == 1


def test_a_part_that_is_mended_lets_the_lead_go_on() -> None:
    world = team(task("a", lead=True))
    world.team_fate = lambda lead, attempt: (task("b"), task("d"))
    both = {TaskId("a_b"), TaskId("a_d")}

    def fate(members: tuple[TaskId, ...]) -> Verdict:
        tried = len(world.state.tasks[TaskId("a_d")].attempts)
        return Verdict.RED if both <= set(members) and tried < 2 else Verdict.GREEN

    world.train_fate = fate
    world.drive(first)
    assert set(states(world).values()) == {"verified"}


def test_parts_follow_what_their_lead_needs() -> None:
    world = team()
    world.drive(first)
    retry(world, "core")
    state = world.drive(first)
    core, a = state.tasks[TaskId("core")], state.tasks[TaskId("a")]
    assert a.needs == {"core": core.head} and a.start == core.head
    assert state.tasks[TaskId("a_b")].needs == {"a": a.start}
    assert set(states(world).values()) == {"verified"}
    assert len(world.plannings) == 2, "it is not cut again"


def test_an_edited_plan_keeps_the_parts_of_a_lead_that_stays_as_it_was() -> None:
    world = team()
    state = world.drive(first)
    plan = plan_of(state)
    assert [item.id for item in plan.tasks] == ["core", "a", "z"]
    assert changes(state, plan) == ()
    world.append(
        [e.Resumed(), *changes(state, Plan(plan.request, plan.tasks[:2], check=plan.check))]
    )
    world.drive(first)
    assert len(states(world)) == 7 and len(world.plannings) == 2
    # Without the lead its parts go; with it they are there again; other words cut it again.
    world.append([*changes(world.state, Plan(plan.request, plan.tasks[:1], check=plan.check))])
    assert list(states(world)) == ["core"]
    world.append([*changes(world.state, plan)])
    world.drive(first)
    assert set(states(world)) == set(states(world)) and len(world.plannings) == 2
    tasks = (plan.tasks[0], replace(plan.tasks[1], prompt="do a anew"), plan.tasks[2])
    world.append([*changes(world.state, Plan(plan.request, tasks, check=plan.check))])
    world.drive(first)
    assert len(world.plannings) == 4


def test_a_lead_that_is_dropped_while_it_is_cut_gets_no_parts() -> None:
    world = team(task("a", lead=True), task("z"))
    world.turn()
    world.finish("base")
    world.turn()
    assert "plan/a" in world.running
    world.append([e.TaskDropped(TaskId("a"))])
    assert [type(item).__name__ for item in decide(world.state, world.keys)][:1] == ["Cancel"]
    world.cancelled.clear()
    world.drive(first)
    assert states(world) == {"z": "verified"}


def test_a_run_is_unfinished_while_a_lead_is() -> None:
    world = team(task("a", lead=True))
    world.team_fate = lambda lead, attempt: (task("b"),)
    world.turn()
    world.finish("base")
    world.turn()
    assert states(world) == {"a": "running"}
    assert standings(world.state)[TaskId("a")].state is TaskState.RUNNING
    assert run_state(world.state) is RunState.RUNNING
    world.finish("plan/a")
    assert reason(world, "a") == "0 of 1 parts verified"


def test_a_planner_that_its_provider_turned_away_is_asked_again_and_has_not_failed() -> None:
    world = team(task("a", lead=True), attempts=1)
    world.team_fate = lambda lead, attempt: (task("b"),)
    world.turn()
    world.finish("base")
    world.turn()
    del world.running["plan/a"]
    world.append([e.TeamPlanFailed(TaskId("a"), 1, "x", "429", limited=True)])
    assert world.state.backoff and states(world) == {"a": "pending"}
    world.drive(first)
    assert set(states(world).values()) == {"verified"}
    assert world.plannings == [("a", 2)], "its session of before would say the same again"


PROVED = replace(LEAD_ALONE, proofs=(TaskProof("test x", "patch", "f1", "it is wrong"),))


def test_what_judges_a_lead_judges_every_train_that_its_work_is_whole_in() -> None:
    world = team()
    state = world.drive(first)
    whole = ("a_b", "a_c_x", "a_c_y", "a_d")

    def works(*names: str) -> set[str]:
        return {*works_in(state, tuple(map(TaskId, names)))} - {*names}

    assert works("z", *whole) == {"a", "a_c"} == works(*reversed(whole))
    assert works("a_b", "a_c", "a_d") == {"a"}, "the train of the lead itself"
    assert works("a_b", "a_c_x", "a_d") == set() == works("core")
    assert works("a_c_x", "a_c_y") == {"a_c"}
    y = TaskId("a_c_y")
    state.tasks[y] = replace(state.tasks[y], merged=Sha("landed"))
    assert works("a_c_x") == {"a_c"}, "the rest of it has landed"


def test_parts_without_a_check_are_judged_by_the_proofs_of_their_lead() -> None:
    for lead, wanted in ((LEAD_ALONE, "unchecked"), (PROVED, "verified")):
        world = World(team_fate=lambda _, attempt: (task("b"), task("d")))
        world.append(created(lead, check=()))
        state = world.drive(first)
        known = standings(state)
        assert states(world)["a_b"] == "unchecked" and states(world)["a"] == wanted
        bare = judged_by_none(state, TaskId("a_b"), known)
        assert bare is (wanted == "unchecked")
        assert next_command(state, False).endswith("--unchecked") is bare
