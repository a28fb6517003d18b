"""`cleanup` runs in a worktree before it goes; a failure is told and stops nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit


@pytest.mark.slow
def test_cleanup_runs_before_the_worktree_goes(
    make_repo: Callable[..., Path], wtman: kit.Program, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    config = (
        f'setup = ["echo up $WTMAN_TASK $WTMAN_PORT >> {log}"]\n'
        f'cleanup = ["cat made.txt >> {log}; echo down $WTMAN_TASK $WTMAN_PORT >> {log}",'
        '"false"]\n'
    )
    repo = make_repo({"wtman.toml": config, "README.md": "x\n"})
    wtman("trust", "--yes", cwd=repo)
    agent = "command:sh -c 'echo made > made.txt'"
    wtman("split", "--task", "one: do it", "--agent", agent, "--yes", cwd=repo)
    wtman("merge", "--unchecked", cwd=repo)
    cleaned = wtman("clean", cwd=repo)
    up, made, down = log.read_text().splitlines()
    assert up.replace("up", "down") == down
    assert made == "made"
    assert "cleanup of one: `false`: exit status 1" in cleaned.err
    assert not list((tmp_path / "repo.worktrees").glob("*/one"))
