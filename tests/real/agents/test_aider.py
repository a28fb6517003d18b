"""aider alone: what it does where nobody is signed in."""

import os
from pathlib import Path

import pytest

from tests import kit
from tests.real.agents.conftest import folder_of
from tests.real.runs import assert_clean

pytestmark = [pytest.mark.slow, pytest.mark.agents, pytest.mark.timeout(300)]


def test_without_a_key_it_ends_at_once_and_the_run_pauses(
    wtman: kit.Program, repo: Path, real_environment: tuple[tuple[str, str], ...]
) -> None:
    """By itself it offers a sign-in in a browser, and waits for that for five minutes."""
    place = folder_of("aider", real_environment)
    env = {"PATH": f"{place}{os.pathsep}{os.environ['PATH']}", "WTMAN_SANDBOX": "auto"}
    done = wtman(
        "split", "--task", "one: write one.txt", "--agent", "aider", "--yes", "--reviewers", "0",
        cwd=repo, env=env, check_status=4, timeout=200,
    )  # fmt: skip
    assert "No LLM model was specified and no API keys were provided" in done.out
    assert "OPENAI_API_KEY" in done.out, str(done)
    assert_clean(repo)
