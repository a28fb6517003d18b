"""What is said about a plan before it runs."""

import time
from dataclasses import replace
from itertools import combinations

import pytest

from tests.model.test_graph import DIAMOND, tasks
from wtman.model.ids import TaskId
from wtman.model.plan import Plan, Task
from wtman.model.settings import Settings
from wtman.plan.attempts.table import AttemptRow, Attempts
from wtman.plan.conflicts.chance import PairChance
from wtman.plan.forecast import Forecast, Past, forecast, waves
from wtman.ui.forecast import forecast_facts

FILES = ("README.md", "src/api/a.py", "src/api/b.py", "src/web/x.py", "src/shared.py")


def owning(**owns: str) -> Plan:
    return Plan(
        request="r",
        tasks=tuple(Task(TaskId(n), "x", owns=tuple(o.split())) for n, o in owns.items()),
    )


def test_counts_of_a_plan_with_reviewers() -> None:
    plan = owning(api="src/api/**", web="src/web/**", docs="/*.md")
    two = Past(reviewers=("claude", "claude"))
    seen = forecast(plan, Settings(attempts=3, rounds=4), FILES, two)
    assert seen.sessions_least == 3 * 3 + 1
    assert seen.sessions_most == 3 * 3 + 4 * (3 * 3 + 1)
    assert forecast(plan, Settings(max_sessions=20), FILES, two).sessions_most <= 20
    assert seen.advice == ()
    assert seen.waves == (("api", "web", "docs"),)


def test_waves_put_the_longest_chain_first_and_fill_the_rest() -> None:
    assert waves(DIAMOND, 16) == (("core", "alone"), ("web", "api"), ("docs",))
    assert waves(DIAMOND, 1) == (("core",), ("web",), ("api",), ("docs",), ("alone",))
    free = tasks(a="", b="", c="", d="c")
    assert waves(free, 2) == (("c", "a"), ("b", "d"))


def test_existing_files_with_two_owners_are_named() -> None:
    plan = owning(a="src/*.py", b="src/shared*", c="lib/**", d="lib/x")
    seen = forecast(plan, Settings(), FILES)
    assert seen.advice == ("Existing files have two owners: a and b (src/shared.py).",)


def test_a_plan_that_is_cut_too_fine_is_pointed_out() -> None:
    fine = owning(**{f"t{number}": "src/api/**" for number in range(300)})
    seen = forecast(fine, Settings(jobs=16), FILES)
    assert any("300 tasks change 2 files or definitions: " in text for text in seen.advice)
    assert (len(seen.waves), seen.depth) == (19, 1)
    assert next(iter(forecast_facts(fine, seen)))[1].endswith(
        "19 stages of up to 16 in parallel (--jobs; by needs 1)"
    )
    own = owning(**{f"t{number}": f"new/{number}/**" for number in range(300)})
    assert not any("make fewer" in text for text in forecast(own, Settings(), FILES).advice)
    touches = [f"src/shared.py::f{number}" for number in range(300)]
    apart = Plan(
        "r", tuple(replace(t, touches=(w,)) for t, w in zip(fine.tasks, touches, strict=True))
    )
    assert not any("make fewer" in text for text in forecast(apart, Settings(), FILES).advice)


def test_many_tasks_within_one_definition_are_pointed_out() -> None:
    places = (
        "a.py::App.run@1-3",
        "a.py::App.run@7",
        "a.py::App.run",
        "a.py::after App.run",
        "a.py",
    )
    plan = Plan(
        "r", tuple(Task(TaskId(f"t{n}"), "x", touches=(text,)) for n, text in enumerate(places))
    )
    told = "3 tasks change a.py::App.run: make one task of them, or chain them."
    assert told in forecast(plan, Settings(), FILES).advice
    few = replace(plan, tasks=plan.tasks[1:])
    assert not any("App.run" in text for text in forecast(few, Settings(), FILES).advice)


def test_it_says_when_a_request_is_better_not_split() -> None:
    one = forecast(owning(a="src/**"), Settings(), FILES)
    assert one.advice[0].startswith("One task:")
    chain = forecast(Plan("r", tasks(a="", b="a", c="b")), Settings(), FILES)
    assert chain.critical_path == ("a", "b", "c")
    assert "waits for the one before" in chain.advice[0]
    same = forecast(owning(a="src/**", b="src/**"), Settings(), FILES)
    assert "narrower `owns`" in same.advice[0]


def test_a_folder_in_brackets_is_pointed_out() -> None:
    plan = owning(a="app/[slug]/**", b="lib/**")
    seen = forecast(plan, Settings(), ("app/[slug]/page.tsx",))
    assert "write app/\\[slug\\]/**" in seen.advice[0]
    assert forecast(plan, Settings(), ("app/s/page.tsx",)).advice == ()


@pytest.mark.slow
def test_a_big_plan_over_a_big_repository_is_quick() -> None:
    files = tuple(f"src/mod{n % 500}/file{n}.py" for n in range(100_000))
    plan = Plan(
        "r",
        tuple(
            Task(
                TaskId(f"t{n}"), "x", owns=(f"src/mod{n // 2}/**", f"tests/mod{n}/**", f"*_{n}.md")
            )
            for n in range(128)
        ),
    )
    began = time.process_time()
    seen = forecast(plan, Settings(), files)
    assert time.process_time() - began < 60  # seconds; minutes if each pair looked at each file
    assert "t6 and t7 (src/mod3/file10003.py)" in seen.advice[1]


# --- figures --------------------------------------------------------------------------------------


def known(
    number: int, seconds: float, role: str = "implementer", **more: float
) -> list[AttemptRow]:
    row = AttemptRow(role, "claude", seconds=seconds, tokens_in=900, tokens_out=100, usd=0.5)
    task = {"tries": 1, "done": True, "check_seconds": 5.0} if role == "implementer" else {}
    return [replace(row, **{**task, **more}) for _ in range(number)]


CLAUDE = Settings(agent="claude", jobs=2)
APART = owning(a="a/**", b="b/**", c="c/**", d="d/**")


def of(plan: Plan, *rows: AttemptRow, settings: Settings = CLAUDE, **more: object) -> Forecast:
    return forecast(plan, settings, FILES, Past(Attempts(rows), **more))  # type: ignore[arg-type]


def test_figures_come_from_past_sessions_and_say_how_many() -> None:
    told = of(APART, *known(6, 60.0))
    assert (told.seconds.p50, told.seconds.p90, told.seconds.samples) == (120.0, 120.0, 6)
    assert (told.tokens.p50, told.usd.p50, told.sessions.p90) == (4000.0, 2.0, 4.0)
    checked = of(replace(APART, check=("pytest",)), *known(6, 60.0))
    assert checked.seconds.p50 == 5 + 60 + 60 + 5
    few = of(APART, *known(4, 60.0))
    assert few.seconds.p50 is None and few.usd.p50 is None
    assert few.seconds.because == "needs 5 past sessions of claude"
    assert few.seconds.samples == 4


def test_what_reviewers_take_is_in_it_or_all_is_unknown() -> None:
    looked = {"reviewers": ("claude", "claude")}
    untold = of(APART, *known(6, 60.0), **looked)
    assert untold.seconds.because == "needs 5 past sessions of reviewer claude"
    rows = (*known(6, 60.0), *known(5, 30.0, "reviewer"))
    told = of(APART, *rows, settings=replace(CLAUDE, jobs=16), **looked)
    # Each task and its two reviews side by side, and one more look at the whole.
    assert told.seconds.p50 == 60 + 30 + 30
    assert told.sessions.p50 == 4 * 3 + 1
    assert told.seconds.samples == 5


def test_the_same_plan_has_the_same_forecast_and_another_one_other_draws() -> None:
    rows = [row for at in range(9) for row in known(1, 10.0 * at + 10)]
    one = of(APART, *rows)
    assert one == of(APART, *rows)
    assert one.seconds.p50 is not None and one.seconds.p90 is not None
    assert one.seconds.p50 < one.seconds.p90


def test_a_lead_leaves_the_figures_open() -> None:
    plan = Plan("r", (replace(APART.tasks[0], lead=True), *APART.tasks[1:]))
    told = of(plan, *known(9, 60.0))
    assert told.seconds.p50 is None and "lead" in told.seconds.because
    assert told.worth_splitting


# --- whether to split -----------------------------------------------------------------------------


def pairs(*chances: float) -> list[PairChance]:
    names = [(one.id, other.id) for one, other in combinations(APART.tasks, 2)]
    return [
        PairChance(pair, chance, 50, "why") for pair, chance in zip(names, chances, strict=False)
    ]


def test_a_plan_of_tasks_apart_is_worth_it() -> None:
    told = of(APART, *known(6, 60.0), chances=pairs(0.1, 0.05, 0.02, 0.02, 0.02, 0.0))
    assert told.worth_splitting and told.advice == ()
    assert [pair.chance for pair in told.conflicts] == [0.1, 0.05, 0.02, 0.02, 0.02]
    assert told.predicted == ()


def test_too_many_expected_conflicts_speak_against_it() -> None:
    told = of(APART, chances=pairs(0.8, 0.6, 0.1, 0.1, 0.1, 0.1))
    assert not told.worth_splitting
    assert told.against == (
        "About 1.4 of 6 pairs of tasks will conflict: chain those that meet, or do it in one"
        " session.",
    )
    assert len(told.predicted) == 2
    # Many pairs that nothing speaks for are no conflict that is expected.
    assert of(APART, chances=pairs(*[0.19] * 6)).worth_splitting


def test_a_long_chain_speaks_against_it_by_the_time_that_it_takes() -> None:
    long = (*tasks(a="", b="a", c="b"), Task(TaskId("d"), "x", agent="codex"))
    plan = Plan("r", tuple(replace(task, owns=(f"{task.id}/**",)) for task in long))
    assert "a -> b -> c" in of(plan).against[0]
    # Half of the time is the other task's.
    slow = [replace(row, agent="codex") for row in known(5, 150.0)]
    told = of(plan, *known(5, 60.0), *slow)
    assert told.worth_splitting and told.critical_path == ("a", "b", "c")
    slower = [replace(row, agent="codex") for row in known(5, 600.0)]
    told = of(plan, *known(5, 60.0), *slower)
    assert told.critical_path == ("d",)
    assert "d is 77%" in told.against[0]


def test_work_smaller_than_what_a_split_costs_speaks_against_it() -> None:
    around = (*known(5, 100.0, "planner"), *known(5, 100.0, "reviewer"))
    small = of(APART, *known(6, 60.0), *around, reviewers=("claude", "claude"))
    assert small.against == (
        "One session takes at most 1 min (90 % of 6), a split 5 min for planning, reviews and"
        " checks alone: do it in one session.",
    )
    assert of(APART, *known(6, 600.0), *around, reviewers=("claude", "claude")).worth_splitting
    # What is foreseen before a planner has made any task.
    assert of(Plan("", ()), *known(6, 60.0), *around).against == ()


def test_tasks_that_say_different_places_of_one_file_are_apart() -> None:
    plan = owning(a="src/**", b="src/**")
    same = forecast(plan, Settings(), FILES, Past(chances=[PairChance(("a", "b"), 0.1, 9, "")]))
    assert not same.worth_splitting
    placed = Plan("r", tuple(replace(it, touches=(f"src/x.py::{it.id}",)) for it in plan.tasks))
    told = forecast(placed, Settings(), FILES, Past(chances=[PairChance(("a", "b"), 0.1, 9, "")]))
    assert told.worth_splitting


def test_a_forecast_of_two_hundred_tasks_is_quick() -> None:
    plan = Plan("r", tuple(Task(TaskId(f"t{n}"), "x", owns=(f"d{n}/**",)) for n in range(200)))
    rows = known(40, 60.0)
    began = time.process_time()
    assert of(plan, *rows).seconds.p50 is not None
    assert time.process_time() - began < 3
