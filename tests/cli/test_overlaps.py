"""Two sessions on the way to a conflict, as a user and the next prompts see it."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests import kit
from wtman.coordinator.create import load_state, open_store
from wtman.git.discovery import discover
from wtman.journal.state import State

AGENT = """\
#!/bin/sh
set -eu
cp "$WTMAN_PROMPT_FILE" "TMP/prompt-$WTMAN_TASK-$WTMAN_ATTEMPT"
echo "$WTMAN_TASK was here" >> shared.txt
echo "busy with shared.txt"
while [ ! -e "TMP/go-$WTMAN_TASK" ]; do sleep 0.02; done
[ "$WTMAN_TASK$WTMAN_ATTEMPT" != two1 ]
"""
QUICK = """\
import sys
import wtman.tasks.overlap, wtman.tasks.perform
wtman.tasks.perform.INTERVAL = 0.05
wtman.tasks.overlap.PERSISTENT = {persistent}
from wtman.cli import main
sys.exit(main())
"""


@pytest.fixture
def agent(tmp_path: Path) -> str:
    path = tmp_path / "agent.sh"
    path.write_text(AGENT.replace("TMP", str(tmp_path)))
    return f"command:sh {path}"


Split = Callable[[int], subprocess.Popen[str]]


@pytest.fixture
def split(wtman: kit.Program, repo: Path, agent: str) -> Iterator[Split]:
    """Start two sessions that collide, looked at twenty times a second."""
    started: list[subprocess.Popen[str]] = []

    def start(persistent: int) -> subprocess.Popen[str]:
        quick = replace(wtman, argv=(sys.executable, "-c", QUICK.format(persistent=persistent)))
        words = ("split", "both", "--task", "one: do one", "--task", "two: do two")
        more = ("--agent", agent, "--check", "true", "--allow-overlap", "--yes")
        started.append(quick.start(*words, *more, cwd=repo))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def until(repo: Path, met: Callable[[State], bool]) -> State:
    limit = time.monotonic() + 30
    while time.monotonic() < limit:
        here = discover(str(repo))
        if Path(here.wtman_dir, "state.db").exists():
            with open_store(here) as store:
                for run in store.runs():
                    if met(state := load_state(store, run)):
                        return state
        time.sleep(0.02)
    pytest.fail("it never came")


@pytest.mark.slow
def test_a_coming_conflict_is_in_status_and_in_the_next_prompt(
    split: Split, wtman: kit.Program, repo: Path, tmp_path: Path
) -> None:
    process = split(10**6)
    until(repo, lambda state: bool(state.overlaps))
    tasks = wtman("status", "--json", cwd=repo).json()["tasks"]
    assert [task["overlaps"] for task in tasks] == [
        [{"task": "two", "paths": ["shared.txt"]}],
        [{"task": "one", "paths": ["shared.txt"]}],
    ]
    # What a session says comes through its own pipe, sooner or later than the look at its tree.
    told = "conflicts with two: shared.txt  busy with shared.txt"
    until(repo, lambda _: told in wtman("status", cwd=repo).out)
    (tmp_path / "go-two").touch()
    until(repo, lambda state: state.tasks["two"].last == 2)  # type: ignore[index]
    (tmp_path / "go-one").touch()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    assert "one  conflicts with two as it stands: shared.txt\n" in out
    prompt = (tmp_path / "prompt-two-2").read_text()
    assert '  task one: "shared.txt"\n' in prompt
    assert "will not merge" not in (tmp_path / "prompt-two-1").read_text()
    left = list(Path(discover(str(repo)).wtman_dir, "runs").glob("*/watch"))
    assert not left and not list(Path(discover(str(repo)).wtman_dir).glob("runs/*/activity.json"))


@pytest.mark.slow
def test_tasks_that_keep_colliding_are_chained_and_land_together(
    split: Split, wtman: kit.Program, repo: Path, tmp_path: Path
) -> None:
    process = split(3)
    until(repo, lambda state: any(item.looks >= 3 for item in state.overlaps))
    (tmp_path / "go-two").touch()
    until(repo, lambda state: state.tasks["two"].chained == ("one",))  # type: ignore[index]
    (tmp_path / "go-one").touch()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    assert "two  will start from the work of one: both change shared.txt\n" in out
    told = wtman("merge", "--json", cwd=repo).json()
    assert told["landed"] == ["one", "two"]
    assert (repo / "shared.txt").read_text() == "one was here\ntwo was here\n"


def test_the_watch_does_not_delay_the_end(
    wtman: kit.Program, repo: Path, agent: str, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / f"go-{name}").touch()
    words = ("split", "both", "--task", "one: do one", "--task", "two: do two")
    more = ("--agent", agent, "--check", "true", "--allow-overlap", "--yes")
    assert wtman(*words, *more, cwd=repo).seconds < 10, "an interval is 15 s"
