"""Which paths judge the work, and what a second look at them means."""

import pytest

from wtman.checks.protected import compare, protected
from wtman.model.changes import Change, Entry
from wtman.model.check import CheckResult, Verdict

GREEN = CheckResult("pytest", Verdict.GREEN)
RED = CheckResult(
    "pytest", Verdict.RED, "1 new failing test", new_failures=("tests.test_a::test_one",)
)


def changed(*paths: str, added: bool = False) -> tuple[Change, ...]:
    entry = Entry("100644", "0" * 40)
    return tuple(Change(path, None if added else entry, entry) for path in paths)


def test_by_default_tests_ci_and_the_configuration_of_checks_are_protected() -> None:
    paths = (
        "tests/data/x.json",
        "pkg/test_a.py",
        "pkg/a_test.go",
        "web/__tests__/a.js",
        "web/a.spec.tsx",
        "conftest.py",
        ".github/workflows/ci.yml",
        "pyproject.toml",
        "web/package.json",
        "Makefile",
    )
    assert tuple(item.path for item in protected((), changed(*paths))) == paths
    assert not protected((), changed("src/a.py", "latest.py", "docs/testing.md", "contest.py"))


def test_what_a_branch_adds_stays_and_a_setting_replaces_the_default() -> None:
    assert not protected((), changed("tests/new.py", added=True))
    found = protected(("golden/**",), changed("golden/a.txt", "tests/a.py"))
    assert [item.path for item in found] == ["golden/a.txt"]


def test_no_difference_is_nothing_to_say() -> None:
    assert compare([GREEN], [GREEN], ["tests/a.py"], ()) is None
    assert compare([RED], [RED], ["tests/a.py"], ()) is None
    assert compare([RED], [GREEN], ["tests/a.py"], ()) is None


@pytest.mark.parametrize("owns", [(), ("tests/**",)])
def test_a_task_may_change_what_it_owns_and_the_user_is_told(owns: tuple[str, ...]) -> None:
    found = compare([GREEN], [RED], ["tests/a.py"], owns)
    assert found is not None
    assert (found.results, found.blocks) == ((GREEN,), False)
    assert found.notes == (
        "changed expectation: with tests/a.py as at the start, 1 new failing test "
        "(tests.test_a::test_one) in check `pytest`",
    )


def test_what_a_task_does_not_own_it_may_not_bend() -> None:
    other = CheckResult("lint", Verdict.GREEN)
    paths = ["tests/a.py", "src/test_b.py"]
    found = compare([other, GREEN], [other, RED], paths, ("src/**",))
    assert found is not None and found.blocks
    assert found.results[0] == other
    assert found.results[1].verdict is Verdict.RED
    assert found.results[1].command == "pytest"
    assert found.results[1].reason == (
        "changed expectation: with tests/a.py as at the start, 1 new failing test"
    )
    assert found.results[1].new_failures == RED.new_failures
