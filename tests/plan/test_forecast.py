"""What is said about a plan before it runs."""

import time

import pytest

from tests.model.test_graph import DIAMOND, tasks
from wtman.model.ids import TaskId
from wtman.model.plan import Plan, Task
from wtman.model.settings import Settings
from wtman.plan.forecast import Past, forecast, waves

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
