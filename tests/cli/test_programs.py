"""Programs out of sight, and checks in a folder, as a user meets them."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit

Git = Callable[..., str]
FILES = {
    ".gitignore": "/.venv\n",
    "packages/app/test.sh": "test -f main.txt && ! grep -q bad main.txt\n",
    "packages/app/main.txt": "good\n",
}


@pytest.fixture
def repo(make_repo: Callable[..., Path], git: Git) -> Path:
    path = make_repo(FILES)
    git(path, "switch", "-qc", "b")
    kit.commit_files(path, {"packages/app/b.txt": "b\n"}, "b")
    git(path, "switch", "-qc", "red", "main")
    kit.commit_files(path, {"packages/app/main.txt": "bad\n"}, "red")
    git(path, "switch", "-q", "main")
    return path


@pytest.mark.slow
def test_a_check_is_judged_where_it_is_typed(wtman: kit.Program, repo: Path, git: Git) -> None:
    """In the folder or with -C, under one name in every answer; by hand it is the same."""
    words = ("merge", "--branches", "b", "red", "--check", "sh test.sh")
    done = wtman(*words, "--dry-run", "--json", cwd=repo / "packages/app", check_status=1)
    (left,) = done.json()["excluded"]
    assert left["task"] == "red"
    assert "check `in packages/app: sh test.sh`" in left["evidence"]
    done = wtman("-C", "packages/app", *words, "-o", str(repo.parent / "out"), cwd=repo,
                 check_status=1)  # fmt: skip
    line = re.search(r"git worktree add.*", done.out)
    assert line is not None and "&& cd packages/app && (sh test.sh)" in line[0]
    again = subprocess.run(["sh", "-c", f"({line[0]}) > ../said 2>&1"], cwd=repo, check=False)
    assert again.returncode == 1
    manifest = json.loads((repo.parent / "out/manifest.json").read_text())
    assert [(it["command"], it["in"]) for it in manifest["checks"]] == [
        ("sh test.sh", "packages/app")
    ]
    assert wtman("verify", "../out", cwd=repo).code == 0


def test_a_plan_says_where_its_checks_run(wtman: kit.Program, repo: Path, agent: str) -> None:
    plan = repo.parent / "plan.toml"
    plan.write_text(
        'check = [{run = "sh test.sh", in = "./packages/app/"}]\n'
        '[[task]]\nid = "one"\nprompt = "x"\ncheck = "true"\n'
    )
    words = ("split", "--plan", str(plan), "--agent", agent, "--reviewers", "0")
    told = wtman(*words, "--dry-run", "--json", cwd=repo).json()["plan"]
    assert told["check"] == [{"run": "sh test.sh", "in": "packages/app"}]
    assert told["tasks"][0]["check"] == ["true"]
    plan.write_text(plan.read_text().replace("./packages/app/", "../x"))
    refused = wtman(*words, "--yes", cwd=repo, check_status=2).err
    assert "is not below the root of the repository" in refused


@pytest.mark.slow
def test_the_line_of_a_hint_mends_it_and_a_resume_takes_it(
    wtman: kit.Program, repo: Path, agent: str
) -> None:
    tool = repo / ".venv/bin/tool"
    tool.parent.mkdir(parents=True)
    tool.write_text("#!/bin/sh\necho fine\n")
    tool.chmod(0o755)
    words = ("--agent", agent, "--reviewers", "0", "--check", ".venv/bin/tool", "--yes")
    done = wtman("split", "x", "--task", "one: x", *words, cwd=repo, check_status=3)
    assert ".venv/bin/tool is not in git, so checkouts do not have it" in done.out
    hint = re.search(r"in wtman.toml: (symlink = .*?\])", done.out)
    resume = re.search(
        r"first: put `symlink = .*?` in wtman.toml\s+next: wtman (resume \S+)", done.out
    )
    assert hint is not None and resume is not None, done.out
    (repo / "wtman.toml").write_text(hint[1] + "\n")
    assert "one  checks passed" in wtman(*resume[1].split(), "--yes", cwd=repo).out


@pytest.mark.slow
def test_a_failed_setup_is_called_that_and_its_log_is_shown(
    wtman: kit.Program, repo: Path, agent: str
) -> None:
    (repo / "wtman.toml").write_text(
        'setup = ["if [ $WTMAN_TASK = one ]; then echo the reason; exit 3; fi"]\n'
    )
    wtman("trust", "--yes", cwd=repo)
    words = ("--agent", agent, "--reviewers", "0", "--check", "true", "--yes")
    done = wtman("split", "x", "--task", "one: x", *words, cwd=repo, check_status=1)
    logs = re.search(r"wtman (logs --failed \S+/one)", done.out)
    assert logs is not None
    said = wtman(*logs[1].split(), cwd=repo).out
    assert re.search(r"== setup failed: .*: exit status 3 ==\nthe reason\n$", said)
    (repo / "wtman.toml").write_text('setup = ["echo ok"]\n')
    resume = re.search(r"first: edit setup in wtman.toml\nnext: wtman (resume \S+)", done.out)
    assert resume is not None
    refused = wtman(*resume[1].split(), "--yes", cwd=repo, check_status=3).err
    assert "need your approval: `echo ok`" in refused
    wtman("trust", "--yes", cwd=repo)
    assert "one  checks passed" in wtman(*resume[1].split(), "--yes", cwd=repo).out
