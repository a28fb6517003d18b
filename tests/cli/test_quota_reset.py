"""A quota that is used up, and the time at which its provider says it is back."""

import time
from pathlib import Path

import pytest

from tests import kit

# Turns the first session away; "in 3 seconds" is past when the second one asks.
AGENT = """\
#!/bin/sh
if mkdir ../refused 2>/dev/null; then
    echo "You've hit your usage limit. Try again in {when}." >&2
    exit 1
fi
echo "x = 1" > "$WTMAN_TASK.py"
"""


@pytest.fixture
def words(hermetic: Path, repo: Path) -> tuple[str, ...]:
    """`split` of two tasks, one after the other, whose agent is out of quota for 3 seconds."""
    config = '[agents.mine]\ncommand = "~/bin/mine"\n'
    kit.write_files(
        hermetic, {"bin/mine": AGENT.format(when="3 seconds"), ".config/wtman/config.toml": config}
    )
    (hermetic / "bin/mine").chmod(0o755)
    tasks = ("--task", "one: do one", "--task", "two: do two")
    return ("split", *tasks, "--agent", "mine", "-j", "1", "--reviewers", "0", "--yes")


def test_a_run_waits_for_it_and_goes_on_by_itself(
    wtman: kit.Program, repo: Path, words: tuple[str, ...]
) -> None:
    began = time.monotonic()
    done = wtman(*words, "--wait-for-reset", cwd=repo)
    assert "waits for the quota until 20" in done.out and "then goes on" in done.out
    assert time.monotonic() - began >= 3
    assert "2 unchecked" in done.out
    told = wtman("status", "--json", cwd=repo).json()
    assert told["run"]["state"] == "ready"
    assert {task["state"] for task in told["tasks"]} == {"unchecked"}


def test_without_it_the_run_pauses_and_says_how_to_have_it_wait(
    wtman: kit.Program, repo: Path, hermetic: Path, words: tuple[str, ...]
) -> None:
    kit.write_files(hermetic, {"bin/mine": AGENT.format(when="2 days 3 hours")})
    done = wtman(*words, cwd=repo, check_status=4)
    said = " ".join(done.out.split())
    assert "Try again in 2 days 3 hours. (back 20" in said
    run = wtman("status", "--json", cwd=repo).json()["run"]
    assert run["next"] == f"wtman resume {run['id']} --wait-for-reset"
    # What it waits for is not over: the second one is turned away no more.
    assert "2 unchecked" in wtman("resume", "--wait-for-reset", "--yes", cwd=repo).out


def test_a_stop_ends_the_waiting(
    wtman: kit.Program, repo: Path, hermetic: Path, words: tuple[str, ...]
) -> None:
    kit.write_files(hermetic, {"bin/mine": AGENT.format(when="2 days")})
    wtman(*words, "--wait-for-reset", "--detach", cwd=repo)
    until = time.monotonic() + 60
    while wtman("status", "--json", cwd=repo).json()["run"]["state"] != "paused":
        assert time.monotonic() < until
        time.sleep(0.2)
    wtman("stop", cwd=repo)
    while wtman("status", "--json", cwd=repo).json()["run"]["live"]:
        assert time.monotonic() < until
        time.sleep(0.2)
    assert wtman("status", "--json", cwd=repo).json()["run"]["state"] == "stopped"
