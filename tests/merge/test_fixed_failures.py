"""A failure of the target that one branch fixes stays fixed on what lands."""

from pathlib import Path

import pytest

from tests import kit
from tests.yard import Yard, landed
from wtman.model.ids import TaskId

# Every line of tests.txt, `NAME WORD...`, is a test: it passes if all files named after its
# words are there, and no file named `no-NAME`. Each run is noted outside of the checkout.
RUNNER = """\
import os, sys
open({log!r}, "a").write("run\\n")
bad, cases = 0, []
for line in open("tests.txt").read().splitlines():
    name, *words = line.split()
    good = all(os.path.exists(word) for word in words) and not os.path.exists("no-" + name)
    bad += not good
    inner = "" if good else "<failure/>"
    cases.append(f'<testcase classname="m" name="{{name}}">{{inner}}</testcase>')
if len(sys.argv) > 1:
    body = "".join(cases)
    body = f'<testsuites><testsuite name="m">{{body}}</testsuite></testsuites>'
    open(sys.argv[1], "w").write(body)
sys.exit(1 if bad else 0)
"""
TESTS = "fine\nworks fix\nnever absent\n"


@pytest.fixture
def red(tmp_path: Path) -> Yard:
    """A target with failing tests; `yard.path/../runs` counts the check's runs."""
    runner = RUNNER.format(log=str(tmp_path / "runs"))
    path = kit.create_repo(tmp_path / "repo", {"run.py": runner, "tests.txt": TESTS})
    yard = Yard(path, check=("python3 -B run.py {junit}",))
    yard.add("undo", {"no-works": "x\n"})
    yard.add("fix", {"fix": "x\n"})
    yard.add("other", {"other": "x\n"})
    return yard


def runs(yard: Yard) -> int:
    return len((yard.path.parent / "runs").read_text().split())


@pytest.mark.slow
def test_who_undoes_it_is_excluded_and_the_rest_lands(red: Yard) -> None:
    red.create()
    outcome = landed(red.merge())
    assert list(outcome.commits) == ["fix", "other"]
    (left,) = outcome.excluded
    assert (left.task, left.reason, left.others) == ("undo", "interaction", ("fix",))
    assert "1 test that passes with fix alone fails again: m::works" in left.why()
    assert red.git("ls-tree", "--name-only", "main", "fix", "no-works") == "fix"


@pytest.mark.slow
def test_it_is_the_same_for_branches_that_wtman_made(red: Yard) -> None:
    red.external = False
    red.create()
    outcome = landed(red.merge())
    assert list(outcome.commits) == ["fix", "other"]


def test_a_failure_that_nobody_fixes_is_looked_at_once_a_branch(red: Yard) -> None:
    red.tasks = [task for task in red.tasks if task.id != "fix"]
    red.create()
    outcome = landed(red.merge())
    assert (list(outcome.commits), outcome.checks) == (["undo", "other"], 1)
    assert runs(red) == 4  # the base, the train, each branch


def test_a_green_target_costs_nothing_more(red: Yard) -> None:
    kit.commit_files(red.path, {"fix": "x\n", "absent": "x\n"})
    red.tasks = [task for task in red.tasks if task.id == "other"]
    red.add("more", {"more": "x\n"})
    red.create()
    landed(red.merge())
    assert runs(red) == 2


def test_what_a_branch_fixes_only_with_what_it_needs_stays_fixed(red: Yard) -> None:
    tests = TESTS.replace("works fix", "works fix lib")
    kit.commit_files(red.path, {"tests.txt": tests})
    yard = Yard(red.path, check=red.check)
    for name in ("undo", "fix", "other"):
        red.git("branch", "-q", "-D", name)
    yard.add("undo", {"no-works": "x\n"})
    yard.add("lib", {"lib": "x\n"})
    yard.add("fix", {"fix": "x\n"}, needs=("lib",))
    yard.create()
    outcome = landed(yard.merge())
    assert list(outcome.commits) == ["lib", "fix"]
    assert [item.task for item in outcome.excluded] == ["undo"]
    assert set(outcome.excluded[0].others) <= {"lib", "fix"}


def test_a_check_without_test_results_is_held_against_as_a_whole(red: Yard) -> None:
    kit.commit_files(red.path, {"tests.txt": "fine\nworks fix\n"})
    yard = Yard(red.path, check=("python3 -B run.py",), tasks=red.tasks, ends=red.ends)
    yard.create()
    state = yard.merge(unchecked=True)
    assert list(landed(state).commits) == ["fix", "other"]
    (left,) = landed(state).excluded
    assert left.task == TaskId("undo")
    assert "passes with fix alone, and fails again" in left.why()
