"""What a lead may decide, and what its planner and its parts are told."""

from dataclasses import replace

import pytest

from wtman.model.ids import TaskId
from wtman.model.plan import Task
from wtman.plan.authority import as_part, beyond_authority, too_deep
from wtman.plan.prompt import Brief, TeamBrief, lead_prompt


def task(name: str, *owns: str, **more: object) -> Task:
    return Task(id=TaskId(name), prompt=f"do {name}", owns=owns, **more)  # type: ignore[arg-type]


LEAD = task("a", "src/**", "!src/gen/**", lead=True)


def beyond(*tasks: Task, lead: Task = LEAD, depth: int = 1, protect: str = "") -> tuple[str, ...]:
    found = beyond_authority(tasks, lead, (protect,) if protect else ())
    return (*too_deep(tasks, depth), *found)


@pytest.mark.parametrize(
    ("owns", "path"),
    [
        (("src/b/**",), ""),
        (("src/b.py", "src/*.txt", "/src/c/"), ""),
        ((), ""),
        (("docs/b.md",), "docs/b.md"),
        (("src/**",), "src/gen/a"),
        (("*.py",), "a.py"),
        (("src/b/**", "src/gen/x"), "src/gen/x"),
        (("**", "!docs/**"), "a"),
    ],
)
def test_a_part_owns_what_its_lead_owns_at_most(owns: tuple[str, ...], path: str) -> None:
    found = beyond(task("b", *owns))
    assert bool(found) == bool(path), found
    if path:
        assert f'may not own "{path}"' in found[0] and "src/**, !src/gen/**" in found[0]


def test_a_lead_that_owns_everything_may_give_everything_but_what_is_protected() -> None:
    everything = replace(LEAD, owns=())
    assert not beyond(task("b", "any/**"), task("c"), lead=everything)
    (told,) = beyond(task("b", "ci/**"), lead=everything, protect="ci/run.sh")
    assert 'may not own "ci/run.sh", which is protected' in told and '"!ci/run.sh"' in told
    assert beyond(task("b"), lead=everything, protect="ci/**")
    assert not beyond(task("b", "ci/**", "!ci/run.sh"), lead=everything, protect="ci/run.sh")


def test_teams_are_three_deep() -> None:
    part = task("b", "src/b", lead=True)
    assert not beyond(part)
    (told,) = beyond(part, depth=2)
    assert "at most 3 deep" in told


def test_a_part_is_done_by_the_agents_and_to_the_checks_of_its_lead() -> None:
    lead = replace(LEAD, agent="x", model="m", effort="low", check=("c",), timeout=9.0, role="lead")
    part = as_part(lead, replace(task("b", "src/b", lead=True), needs=(TaskId("c"),)))
    assert (part.id, part.needs, part.part_of, part.lead) == ("a_b", ("a_c",), "a", True)
    assert (part.agent, part.model, part.effort) == ("x", "m", "low")
    assert (part.check, part.timeout, part.role) == (("c",), 9.0, "")
    assert as_part(lead, task("b")).owns == lead.owns
    assert as_part(replace(lead, role="tester"), task("b")).role == "tester"


def test_the_planner_of_a_lead_is_told_its_limits_and_what_it_is_part_of() -> None:
    brief = Brief(request="the whole", files="1 file", checks=("pytest",), max_sessions=7)
    team = TeamBrief(
        "do it",
        expect="it is done",
        owns=("src/**",),
        context="names: x",
        above=("the lead above",),
        others=("the other",),
        depth=2,
        told="be quick",
        protect=("ci/**",),
    )
    told = lead_prompt(brief, team)
    for words in (
        *("do it", "it is done", "src/**", "names: x", "the lead above", "the other", "be quick"),
        *("ci/**", "the whole", "pytest", "1 file", "At most 7 tasks", "No part is a lead here"),
    ):
        assert words in told
    assert "It is part of this" not in lead_prompt(Brief("do it", ""), TeamBrief("do it"))
