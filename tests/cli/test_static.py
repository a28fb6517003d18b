"""`--planner static`: a parallel codemod is one command."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit

FILES = {f"{part}/{name}.txt": "old\n" for part in ("one", "two", "three") for name in "abcd"}


@pytest.mark.slow
def test_a_codemod_over_a_repository(
    wtman: kit.Program, repo: Path, commit: Callable[..., str]
) -> None:
    commit(repo, {**FILES, "two/a.txt": "new\n", **{f"three/{n}.txt": "new\n" for n in "abcd"}})
    words = ["--planner", "static", "--agent", "command:sed -i s/old/new/ {files}"]
    done = wtman("split", "old is new", *words, "--check", "true", "--yes", cwd=repo)
    assert "three" in done.out and "there was nothing to change" in done.out
    assert wtman("merge", cwd=repo).code == 0
    assert all((repo / path).read_text() == "new\n" for path in FILES)
    # What had nothing to do has no commit of its own.
    assert len(kit.run_git(repo, "log", "--format=%s").splitlines()) == 4
    assert "one: old is new" in kit.run_git(repo, "log", "--format=%s")


def test_the_plan_alone_needs_no_agent(
    wtman: kit.Program, repo: Path, commit: Callable[..., str]
) -> None:
    commit(repo, FILES)
    made = wtman("plan", "x", "--planner", "static", "--parts", "3", "-o", "p.toml", cwd=repo)
    assert made.out == "next: wtman split --plan p.toml\n"
    assert (repo / "p.toml").read_text().count("may_be_empty = true") == 3
    assert "--planner static" in wtman("plan", "x", "--parts", "3", cwd=repo, check_status=2).err


def test_a_part_that_changed_nothing_waits_for_no_reviewer(
    wtman: kit.Program, repo: Path, tmp_path: Path, agent: str
) -> None:
    kit.write_files(tmp_path, {"reviewer.py": "print('{\"findings\": []}')\n"})
    plan = (
        'request = "all"\n[[task]]\nid = "idle"\nprompt = "x"\nmay_be_empty = true\n'
        'owns = ["a/**"]\n[[task]]\nid = "core"\nprompt = "y"\nowns = ["/*.txt"]\n'
    )
    kit.write_files(tmp_path, {"plan.toml": plan})
    words = ("--agent", agent, "--reviewer", f"command:{sys.executable} {tmp_path}/reviewer.py")
    plan_words = ("split", "--plan", str(tmp_path / "plan.toml"), "--check", "true")
    wtman(*plan_words, *words, "--reviewers", "1", "--yes", cwd=repo)
    told = wtman("status", "--json", cwd=repo).json()
    assert told["run"]["state"] == "ready"
    assert {task["state"] for task in told["tasks"]} == {"verified"}
