"""A forecast that learns: what one run took and met is what the next one is told by."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import kit
from tests.cli.terminal import Terminal

MEETING = """\
#!/bin/sh
set -eu
echo "$WTMAN_TASK" > "$WTMAN_TASK.txt"
case "$WTMAN_TASK" in meet*) echo "$WTMAN_TASK" >> shared.txt ;; esac
"""
NAMES = ("meet-a", "meet-b", "alone-a", "alone-b", "alone-c")


@pytest.fixture
def agent(tmp_path: Path) -> str:
    path = tmp_path / "meeting.sh"
    path.write_text(MEETING)
    return f"command:sh {path}"


def words(agent: str, *names: str) -> list[str]:
    quick = [word for name in names for word in ("--task", f"{name}: do {name}")]
    return ["split", "one and all", *quick, "--agent", agent, "--check", "true"]


def told(wtman: kit.Program, repo: Path, agent: str, *names: str) -> dict[str, Any]:
    done = wtman(*words(agent, *names), "--dry-run", "--json", cwd=repo)
    return dict(done.json()["forecast"])


@pytest.mark.slow
def test_the_second_forecast_has_learned_from_the_first_run(
    wtman: kit.Program,
    repo: Path,
    agent: str,
    make_repo: Callable[..., Path],
    tmp_path: Path,
    hermetic: Path,
) -> None:
    first = told(wtman, repo, agent, *NAMES)
    assert first["seconds"] == {
        "p50": None,
        "p90": None,
        "samples": 0,
        "because": "needs 5 past sessions of command:sh meeting.sh",
    }
    assert first["usd"]["p50"] is None and first["tokens"]["p50"] is None
    assert first["sessions"]["least"] == 5 and first["sessions"]["most"] == 15
    assert len(first["conflicts"]) == 10
    assert {*first["conflicts"][0]} == {"tasks", "chance", "samples", "because"}
    assert first["worth_splitting"] is False, "each may write what the others write"

    run = wtman(*words(agent, *NAMES), "--json", "--yes", cwd=repo).jsonl()
    names = [line["event"] for line in run]
    assert names.index("Foreseen") < names.index("Approved") < names.index("ConflictsObserved")
    kit.assert_no_leftover_processes(repo)

    report = wtman("report", "--json", cwd=repo).json()["forecast"]
    assert report["measured"] and report["sessions"]["came"] == 5
    held = report["conflicts"]
    met = [*held["predicted"], *held["missed"]]
    assert [sorted(item["tasks"]) for item in met] == [["meet-a", "meet-b"]]
    assert met[0]["paths"] == ["shared.txt"]
    assert held["pairs"] == 10 and held["base_rate_samples"] == 0
    text = wtman("report", cwd=repo).out
    assert "Brier score" in text and "over 10 pairs" in text
    beats = held["beats_base_rate"]
    assert ("did not beat the base rate" in text) is not beats

    second = told(wtman, repo, agent, *NAMES)
    assert second["seconds"]["p50"] <= second["seconds"]["p90"]
    assert second["seconds"]["samples"] == 5 and second["seconds"]["because"] is None
    assert second["sessions"]["p50"] == second["sessions"]["p90"] == 5
    assert second == told(wtman, repo, agent, *NAMES), "the same plan has the same forecast"
    screen = wtman(*words(agent, *NAMES), "--dry-run", cwd=repo).out
    assert "(5 past sessions)" in screen

    # What is known of the agent is known in another repository; how long checks take is not.
    other = make_repo(name="other")
    far = told(wtman, other, agent, *NAMES)
    assert far["seconds"]["because"] == "needs 5 past checks of this repository"
    assert far["sessions"]["p50"] == 5 and far["sessions"]["samples"] == 5

    files = list(hermetic.glob(".local/state/wtman/attempts/*.json"))
    assert files
    for file in files:
        assert str(tmp_path) not in file.read_text() and "do meet" not in file.read_text()
        json.loads(file.read_text())


@pytest.mark.slow
def test_what_is_better_not_split_is_offered_as_one_task(
    terminal: Callable[..., Terminal], wtman: kit.Program, repo: Path, agent: str
) -> None:
    asked = terminal(*words(agent, "meet-a", "meet-b"))
    shown = asked.until(r"Start\? \[y/N/one\]")
    assert "`one` starts it as one task" in shown
    asked.child.send("one\r")
    assert asked.end() == 0
    (task,) = wtman("status", "--json", cwd=repo).json()["tasks"]
    assert (task["id"], task["state"]) == ("meet-a-meet-b", "verified")
    prompt = wtman("report", "--json", cwd=repo).json()["tasks"][0]["prompt"]
    assert "do meet-a" in prompt and "do meet-b" in prompt
    held = wtman("report", "--json", cwd=repo).json()["forecast"]
    assert held["measured"] and held["sessions"]["came"] == 1 and held["conflicts"] is None


@pytest.mark.slow
def test_a_task_that_is_added_later_is_foreseen_and_judged(
    wtman: kit.Program, repo: Path, agent: str
) -> None:
    wtman(*words(agent, "meet-a", "alone-a"), "--yes", cwd=repo)
    wtman("add", "meet-b: do meet-b", "--yes", cwd=repo)
    held = wtman("report", "--json", cwd=repo).json()["forecast"]["conflicts"]
    assert held["pairs"] == 3
    met = [*held["predicted"], *held["missed"]]
    assert [sorted(item["tasks"]) for item in met] == [["meet-a", "meet-b"]]


def test_a_plan_that_is_worth_it_is_asked_about_as_ever(
    terminal: Callable[..., Terminal], repo: Path, agent: str, tmp_path: Path
) -> None:
    (tmp_path / "plan.toml").write_text(
        'request = "r"\n[[task]]\nid = "a"\nprompt = "x"\nowns = ["a/**"]\n'
        '[[task]]\nid = "b"\nprompt = "y"\nowns = ["b/**"]\n'
    )
    plan = ("split", "--plan", str(tmp_path / "plan.toml"), "--agent", agent)
    asked = terminal(*plan, "--check", "true")
    shown = asked.until(r"Start\? \[y/N\]")
    assert "one task" not in shown
    asked.child.send("n\r")
    assert asked.end() == 0
