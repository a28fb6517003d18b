"""What a merge excluded is tried again, and a dry run that was cut short leaves nothing."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit

Built = Callable[..., str]
Git = Callable[..., str]

# Keeps what it was told; takes the first line of README.md, or what it says there by now.
AGENT = """\
#!/bin/sh
set -eu
cat > "$1/prompt"
echo "$(head -n 1 README.md) and $WTMAN_TASK" > README.md
"""


@pytest.mark.slow
def test_retry_brings_what_a_merge_left_out_up_to_the_target(
    repo: Path, wtman: kit.Program, git: Git, tmp_path: Path
) -> None:
    script = tmp_path / "agent.sh"
    script.write_text(AGENT)
    agent = ("--agent", f"command:sh {script} {tmp_path}", "--check", "true", "--yes")
    wtman("split", "one", "--task", "edit: change the line", *agent, cwd=repo)
    kit.commit_files(repo, {"README.md": "theirs\n"}, "theirs")
    told = wtman("merge", "--json", cwd=repo, check_status=1).json()
    (left,) = told["excluded"]
    assert (left["task"], left["reason"], left["paths"]) == ("edit", "conflict", ["README.md"])

    wtman("retry", "edit", cwd=repo)
    prompt = (tmp_path / "prompt").read_text()
    assert "conflicts with the target in README.md" in prompt
    told = wtman("merge", "--json", cwd=repo).json()
    assert (told["landed"], told["excluded"]) == (["edit"], [])
    assert (repo / "README.md").read_text() == "theirs and edit\n"
    assert git(repo, "log", "--format=%s").splitlines()[1:] == ["theirs", "first"]


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.slow
def test_a_dry_run_that_is_cut_short_is_as_if_it_had_not_been(
    repo: Path, wtman: kit.Program, built: Built, tmp_path: Path, end: int
) -> None:
    run = built("one")
    gate = tmp_path / "gate"
    check = f"touch {tmp_path}/runs; while [ ! -e {gate} ]; do sleep 0.05; done"
    process = wtman.start("merge", "--dry-run", "--check", check, "--json", cwd=repo)
    until = time.monotonic() + 30
    while not (tmp_path / "runs").exists():
        assert time.monotonic() < until
        time.sleep(0.02)
    os.kill(process.pid, end)
    process.communicate(timeout=30)
    gate.touch()
    told = wtman("status", run, "--json", cwd=repo).json()
    assert told["run"]["state"] == "ready"
    assert "MergeAsked" not in _kinds(repo)
    assert wtman("merge", "--json", cwd=repo).json()["landed"] == ["one"]


def _kinds(repo: Path) -> list[str]:
    import sqlite3

    with sqlite3.connect(next(repo.glob(".git/wtman/*.db*"))) as database:
        return [kind for (kind,) in database.execute("SELECT kind FROM events")]
