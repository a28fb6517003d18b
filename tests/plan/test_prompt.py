"""What a planner is told, what it may answer, and what is wrong with an answer."""

from typing import Any

import pytest
from pydantic import ValidationError

from wtman.formats.json_answers import again, asked, candidates
from wtman.model.changes import TrackedFile
from wtman.model.plan import Role
from wtman.plan.answer import PlannerAnswer, made_of, wrong_with
from wtman.plan.map.file_list import file_map, readme_of
from wtman.plan.prompt import Brief, planner_prompt

TESTER = Role("tester", "You test.", "Writes tests.")
BRIEF = Brief("add OAuth", "3 files", roles=(TESTER,))


def answer(*tasks: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"reason": "why", "tasks": list(tasks), **more}


def task(name: str, *owns: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "prompt": f"do {name}", "owns": list(owns), **more}


def wrong(given: dict[str, Any], brief: Brief = BRIEF) -> tuple[str, ...]:
    return wrong_with(PlannerAnswer.model_validate(given), brief)


def test_a_good_answer_becomes_a_plan() -> None:
    given = answer(
        task("core", "src/core/**", title="Core", expect="it works", role="implementer"),
        task("tests", "tests/**", needs=["core"], role="tester"),
        context="use tokens.py",
        check=["pytest -q"],
    )
    read = PlannerAnswer.model_validate(given)
    assert wrong_with(read, BRIEF) == ()
    made = made_of(read, "add OAuth")
    assert (made.reason, made.proposed) == ("why", ("pytest -q",))
    assert (made.plan.request, made.plan.context, made.plan.check) == (
        "add OAuth",
        "use tokens.py",
        (),
    )
    core, tests = made.plan.tasks
    assert (core.id, core.title, core.expect, core.role) == ("core", "Core", "it works", "")
    assert (tests.needs, tests.role) == (("core",), "tester")


@pytest.mark.parametrize(
    "given",
    [
        [],
        {},
        {"tasks": {}},
        {"tasks": [{"id": "a"}]},
        {"tasks": [{"id": "a", "prompt": "x", "agent": "command:sh -c evil"}]},
        {"tasks": [{"id": "a", "prompt": "x", "tools": ["Bash"]}]},
        {"tasks": [{"id": "a", "prompt": "x", "owns": "src/**"}]},
        {"tasks": [], "sandbox": "none"},
    ],
)
def test_what_the_schema_refuses(given: Any) -> None:
    with pytest.raises(ValidationError):
        PlannerAnswer.model_validate(given)


@pytest.mark.parametrize(
    "given, says",
    [
        (answer(), "the plan has no task"),
        (answer(task("A B", "a")), "the id is not 1 to 40 characters"),
        (answer(task("a", "a"), task("a", "b")), "the id is taken"),
        (answer(task("a", "a", needs=["b"])), 'needs "b", which is not a task'),
        (answer(task("a", "a", needs=["b"]), task("b", "b", needs=["a"])), "form a cycle: a -> b"),
        (answer(task("a", "!a")), "excludes from nothing"),
        (answer(task("a", "a\ud800")), "a"),
        (answer(task("a", "a", role="root")), 'task "a": there is no role "root"'),
        (answer({"id": "a", "prompt": "  "}), "the prompt is empty"),
        (answer(task("a", "src/**"), task("b", "src/x.py")), "both own"),
    ],
)
def test_what_the_rules_of_plans_refuse(given: dict[str, Any], says: str) -> None:
    (found, *_) = wrong(given)
    assert says in found


def test_all_overlaps_are_told_at_once_and_bounded() -> None:
    some = answer(*(task(f"t{number}", "src/**") for number in range(3)))
    assert len(wrong(some)) == 3
    many = answer(*(task(f"t{number}", "src/**") for number in range(9)))
    assert wrong(many)[-1].startswith("26 more pairs of tasks overlap: narrow")
    assert wrong(many, Brief("x", "", allow_overlap=True)) == ()
    chained = answer(task("a", "src/**"), task("b", "src/**", needs=["a"]))
    assert wrong(chained) == ()


def test_more_tasks_than_sessions_is_a_problem() -> None:
    given = answer(task("a", "a"), task("b", "b"))
    assert "at most 1 is allowed" in wrong(given, Brief("x", "", max_sessions=1))[0]


def test_the_prompt_says_what_there_is_and_asks_for_a_check_only_where_it_may() -> None:
    told = planner_prompt(Brief("add OAuth", "MAP", "# Title\ntext", ("make test",), jobs=4))
    for part in ("add OAuth", "MAP", "# Title\ntext", "  make test", "4 run at the same time"):
        assert part in told
    assert "propose" not in told
    assert "propose" not in planner_prompt(Brief("x", ""))
    assert "propose" in planner_prompt(Brief("x", "", may_propose=True))
    assert "propose" not in planner_prompt(Brief("x", "", checks=("a",), may_propose=True))
    assert "tester (Writes tests.)" in planner_prompt(BRIEF)
    assert len(planner_prompt(Brief("x", "", "r" * 100_000))) < 10_000


# --- answers in text --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, first",
    [
        ('{"a": 1}', {"a": 1}),
        ('\ufeff {"a": 1}\n', {"a": 1}),
        ('Sure!\n```json\n{"a": 1}\n```\nbye', {"a": 1}),
        ('```\n{"b": 1}\n```\n```json\n{"a": 1}\n```', {"a": 1}),
        ('first {"b": 2} and then {"a": {"c": [1]}} done', {"a": {"c": [1]}}),
        ('a {brace} and {"a": 1}', {"a": 1}),
        ('~~~~\n{"a": 1}\n~~~~', {"a": 1}),
    ],
)
def test_the_likeliest_value_comes_first(text: str, first: Any) -> None:
    assert next(candidates(text)) == first


@pytest.mark.parametrize("text", ["", "nothing", "{", "{" * 100_000, "[" * 100_000, '{"a": NaN}'])
def test_what_holds_no_value(text: str) -> None:
    assert list(candidates(text)) == []


def test_a_repair_in_a_new_session_says_it_all_again() -> None:
    prompt = asked("How?", {"type": "object"}, "You are one.")
    assert prompt.startswith("You are one.\n\nHow?\n\nAnswer with one JSON value")
    told = again(("x is missing",), prompt, "said this")
    assert "How?" in told and "said this" in told and "- x is missing\n" in told
    assert "How?" not in again(("x is missing",))
    assert "and 5 more" in again(tuple(f"p{n}" for n in range(25)))


# --- the map ----------------------------------------------------------------------------------


def test_a_small_repository_is_shown_whole() -> None:
    entries = [
        TrackedFile("pyproject.toml", 700),
        TrackedFile("README.md", 2400),
        TrackedFile("src/billing/api.py", 5000),
        TrackedFile("src/billing/logo.png", 90_000),
        TrackedFile('we"ird/na\nme.py', 1),
    ]
    assert file_map(entries) == (
        "5 files, 98 kB; by kind: .py 5 kB, .md 2 kB, .toml 700 B\n"
        "./ (2, 3 kB): README.md 2 kB, pyproject.toml 700 B\n"
        "src/billing/ (2, 95 kB): api.py 5 kB, logo.png 90 kB\n"
        '"we\\"ird/" (1, 1 B): "na\\nme.py" 1 B'
    )
    assert readme_of(item.path for item in entries) == "README.md"
    assert readme_of(["docs/README.md"]) == ""


@pytest.mark.parametrize("folders", [50, 2000, 40_000])
@pytest.mark.slow
def test_a_map_is_bounded_and_says_what_it_leaves_out(folders: int) -> None:
    entries = [
        TrackedFile(f"top{n % 7}/a{n % 300}/b{n}/file{m}.py", 1000)
        for n in range(folders)
        for m in range(3)
    ]
    text = file_map(entries)
    assert len(text) <= 14_100
    assert text.startswith(f"{folders * 3:,} files")
    assert "top6" in text
