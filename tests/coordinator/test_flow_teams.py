"""flow.plan: a step that is a lead, answered with the works of its parts."""

from typing import Any

import pytest

from tests.coordinator.simulation import task
from tests.coordinator.test_flow import FlowWorld, world
from wtman.flow import decide as flows
from wtman.journal.units import units
from wtman.model.ids import TaskId
from wtman.model.states import RunState
from wtman.tasks.lifecycle import landable, run_state, standings

__all__ = ["world"]

KEY = "a1b2c3d4"
LEAD = TaskId("a1b2c3d4-a1b2c3")


def named(*parts: str) -> list[str]:
    return [f"{LEAD}_{part}" for part in parts]


def cut(world: FlowWorld) -> None:
    """A team of `y`, a team of `x` alone that it needs, and `z`."""
    cuts = {
        LEAD: (task("y", "w"), task("w", lead=True), task("z")),
        TaskId(f"{LEAD}_w"): (task("x"),),
    }
    world.team_fate = lambda lead, attempt: cuts[lead]


def works(world: FlowWorld) -> list[dict[str, Any]]:
    return [item["work"] for item in world.step(KEY).value]


def test_a_team_answers_with_the_works_of_its_parts_each_behind_what_it_needs(
    world: FlowWorld,
) -> None:
    cut(world)
    world.call(KEY, "plan", owns=["src/**"])
    world.done()
    assert [work["task"] for work in works(world)] == named("w_x", "y", "z")
    assert [work["branch"].rpartition("/")[2] for work in works(world)] == named("w_x", "y", "z")
    lead, y = world.state.tasks[LEAD], world.state.tasks[TaskId(f"{LEAD}_y")]
    assert lead.planned.title == KEY and y.planned.owns == ("src/**",)
    # Later steps start from them, and a branch that goes on is another one.
    x = {name: works(world)[0][name] for name in ("task", "commit")}
    world.call("b2b2b2b2", on=x)
    world.call("c3c3c3c3", needs=[x])
    world.done()
    forked = world.state.tasks[world.task_of("b2b2b2b2")]
    assert forked.planned.id not in named("w_x") and forked.planned.part_of == ""
    assert forked.goes_on == x["commit"]
    world.again()
    world.call(KEY, "plan", owns=["src/**"])
    assert len(world.plannings) == 2 and not world.step(KEY).open
    world.call("b2b2b2b2", on=x)
    world.ends([{"work": works(world)[1]}])
    assert sorted(world.flow.wanted) == named("w_x", "y"), "it brings what it started from"
    assert set(landable(world.state)) == set(named("w_x", "y"))
    assert set(units(world.state)[LEAD]) == set(named("w_x", "y"))
    assert run_state(world.state) is RunState.READY


def test_a_team_starts_from_the_works_that_the_step_names(world: FlowWorld) -> None:
    cut(world)
    world.call("b2b2b2b2")
    world.done()
    world.call(KEY, "plan", needs=[world.work("b2b2b2b2")])
    world.done()
    before = world.work("b2b2b2b2")
    lead = world.state.tasks[LEAD]
    assert lead.start == before["commit"]
    world.ends([{"work": works(world)[2]}])
    assert sorted(world.flow.wanted) == [*named("z"), before["task"]]


def test_a_team_fails_once_its_parts_are_at_an_end_and_only_what_failed_runs_again(
    world: FlowWorld,
) -> None:
    cut(world)
    bad = f"{LEAD}_w_x"
    world.session_fate = lambda name, attempt: "failed" if name == bad else ""
    world.call(KEY, "plan")
    world.turn()
    while any(key for key in world.running if key != "script"):
        # Its sibling is the last to come to its end.
        others = set(world.running) - {"script"}
        world.finish(min(others, key=lambda key: (key.endswith("_z"), key)))
        assert world.step(KEY).open
        world.turn()
    states = standings(world.state)
    assert str(states[TaskId(f"{LEAD}_z")].state) == "verified", "it had its time"
    error = world.step(KEY).error
    assert error is not None and f"part {LEAD}_w failed: part {bad} failed" in error.message
    world.session_fate = lambda name, attempt: ""
    world.ends(message="not all", type="RuntimeError")
    world.again()
    world.call(KEY, "plan")
    world.done()
    assert [work["task"] for work in works(world)] == named("w_x", "y", "z")
    assert len(world.plannings) == 2, "its planners are not asked again"
    assert len(world.state.tasks[TaskId(f"{LEAD}_z")].attempts) == 1


@pytest.mark.parametrize("asked", [True, False])
def test_a_team_rests_as_its_step_does(world: FlowWorld, asked: bool) -> None:
    cut(world)
    world.call(KEY, "plan")
    world.turn()
    world.finish("base")
    world.turn()
    world.finish(f"plan/{LEAD}")
    world.again()
    if asked:
        world.call(KEY, "plan")
    parts = {TaskId(name) for name in (LEAD, *named("w", "y", "z"))}
    assert flows.resting(world.state, world.keys) == (frozenset() if asked else parts)
    world.done()
    assert bool(world.state.tasks[TaskId(f"{LEAD}_z")].attempts) == asked
