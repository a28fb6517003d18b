"""A plan as one task: nothing of what was asked for is lost, and nothing more is owned."""

import pytest

from wtman.formats.gitignore import owned
from wtman.model.plan import Plan, Task
from wtman.plan.file import validate
from wtman.plan.one_task import one_task


def plan(*tasks: Task, check: tuple[str, ...] = ()) -> Plan:
    return Plan("add OAuth", tasks, "Tokens live in core.", check)


def test_all_prompts_owns_and_checks_are_those_of_one() -> None:
    made = one_task(
        plan(
            Task("web", "do the web", "The web", owns=("web/**",), needs=("core",), agent="claude"),
            Task("core", "do the core", owns=("core/**",), check=("pytest core",), agent="claude"),
            check=("pytest -q",),
        )
    )
    (task,) = made.tasks
    assert task.id == "core-web" and not task.needs
    assert task.prompt == "## 1. core\n\ndo the core\n\n## 2. The web\n\ndo the web"
    assert set(task.owns) == {"core/**", "web/**"}
    assert set(task.check) == {"pytest core", "pytest -q"}
    assert task.agent == "claude"
    assert (made.request, made.context, made.check) == (
        "add OAuth",
        "Tokens live in core.",
        ("pytest -q",),
    )
    validate(made, max_sessions=1, reviewers=0, allow_overlap=False, where=None)


def test_what_they_do_not_agree_on_is_left_to_the_run() -> None:
    (task,) = one_task(
        plan(
            Task("a", "x", owns=("a/**",), agent="claude", model="opus", timeout=60),
            Task("b", "y", agent="codex", model="opus", timeout=30),
        )
    ).tasks
    assert (task.agent, task.model, task.owns, task.timeout) == ("", "opus", (), 90)
    assert task.check == ()


def test_one_task_stays_as_it_is() -> None:
    alone = plan(Task("a", "x"))
    assert one_task(alone) is alone


def test_many_long_ids_give_one_that_is_an_id() -> None:
    (task,) = one_task(plan(*(Task(f"a-rather-long-name-{at}", "x") for at in range(5)))).tasks
    assert task.id == "all"


FILES = ["a/x", "a/y", "b/x", "c"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a/**", "!a/x"), ("a/x",)),
        (("a/x",), ("a/**", "!a/x")),
        (("a/**", "!a/x"), ("b/**",)),
        (("c",), ("**", "!a/**", "!c")),
    ],
)
def test_it_owns_no_more_than_they_did_together(
    one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    (task,) = one_task(plan(Task("a", "x", owns=one), Task("b", "y", owns=other))).tasks
    assert owned(task.owns, FILES) == owned(one, FILES) | owned(other, FILES)
