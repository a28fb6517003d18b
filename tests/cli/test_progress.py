"""A command says what it is at: in a terminal on a line that goes, in a pipe once."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit
from tests.cli.terminal import Terminal

SLOW = ("--check", "sleep 3")


@pytest.fixture
def branch(repo: Path, git: Callable[..., str], commit: Callable[..., str]) -> str:
    git(repo, "checkout", "-qb", "topic")
    commit(repo, {"topic.txt": "new\n"})
    git(repo, "checkout", "-q", "-")
    return "topic"


@pytest.mark.slow
def test_a_merge_in_a_terminal_shows_what_it_waits_for(
    terminal: Callable[..., Terminal], branch: str
) -> None:
    asked = terminal("merge", "--branches", branch, *SLOW)
    asked.until(r"checking the base: sleep 3 \(\d")
    asked.until(rf"combined check of {branch}: sleep 3 \(\d")
    assert asked.end() == 0
    shown = asked.shown()
    assert "base  1 check ran" in shown and "1 branch landed" in shown
    assert "sleep 3 (" not in shown, shown  # it was drawn over


@pytest.mark.slow
def test_in_a_pipe_it_is_told_once_and_never_beside_json(
    wtman: kit.Program, repo: Path, branch: str
) -> None:
    told = wtman("merge", "--branches", branch, "--dry-run", *SLOW, cwd=repo)
    assert told.err.splitlines() == [
        "wtman: checking the base: sleep 3",
        f"wtman: combined check of {branch}: sleep 3",
    ]
    again = wtman("merge", "--branches", branch, "--json", "--check", "sleep 2.9", cwd=repo)
    assert again.err == "" and json.loads(again.out)["landed"] == [branch]
