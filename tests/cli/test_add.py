"""`wtman add`: one more task for a run that is live, that is not, and that takes none."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit

Built = Callable[..., str]
Git = Callable[..., str]


@pytest.fixture
def live(
    wtman: kit.Program, repo: Path, tmp_path: Path
) -> Callable[[], tuple[subprocess.Popen[str], Path]]:
    """A run with one session at work until a file is there: the process, and that file."""

    def begin() -> tuple[subprocess.Popen[str], Path]:
        gate = tmp_path / "gate"
        script = tmp_path / "waits.sh"
        script.write_text(
            f'[ "$WTMAN_TASK" != first ] || while [ ! -e {gate} ]; do sleep 0.05; done\n'
            'ls > "$WTMAN_TASK.txt"\n'
        )
        words = ("--agent", f"command:sh {script}", "--check", "true", "--yes", "--json")
        process = wtman.start("split", "all", "--task", "first: go", *words, cwd=repo)
        until = time.monotonic() + 60
        while True:
            told = wtman("status", "--json", cwd=repo, check_status=None)
            if told.code == 0 and told.json()["tasks"][0]["state"] == "running":
                return process, gate
            assert time.monotonic() < until
            time.sleep(0.05)

    return begin


def states(wtman: kit.Program, repo: Path) -> dict[str, str]:
    told = wtman("status", "--json", cwd=repo).json()
    return {task["id"]: task["state"] for task in told["tasks"]}


def test_a_live_run_takes_it_at_once_and_lands_it(
    wtman: kit.Program, repo: Path, live: Callable[[], tuple[subprocess.Popen[str], Path]]
) -> None:
    process, gate = live()
    words = ("add", "more: do more", "--owns", "more.txt")
    assert "both own" in wtman(*words, cwd=repo, check_status=2).err
    most = [f"t{number}: x" for number in range(1000)]
    told = wtman("add", *most, cwd=repo, check_status=2).err
    assert "stop it first: wtman stop all-" in told and "--max-sessions 1001" in told
    told = wtman("add", "more: do more", "--needs", "first", "--json", cwd=repo).json()
    assert told["tasks"] == ["more"] and told["schema"] == 1
    again = wtman("add", "more: again", cwd=repo, check_status=2)
    assert 'the id is taken by task "more"' in again.err
    typed = wtman("add", "piped: -", cwd=repo, input="two\nlines\n")
    assert typed.out.splitlines()[-1].startswith("piped added to run all-")
    gate.touch()
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out
    assert states(wtman, repo) == dict.fromkeys(("first", "more", "piped"), "verified")
    wtman("merge", cwd=repo)
    assert "first.txt" in (repo / "more.txt").read_text(), "it starts from what it needs"
    assert (repo / "piped.txt").exists()
    refused = wtman("add", "late: x", cwd=repo, check_status=2)
    assert "is merged: nothing can be added" in refused.err


def test_what_was_asked_for_when_the_run_died_comes_with_its_resume(
    wtman: kit.Program, repo: Path, live: Callable[[], tuple[subprocess.Popen[str], Path]]
) -> None:
    process, gate = live()
    os.kill(process.pid, signal.SIGSTOP)
    asking = wtman.start("add", "more: do more", cwd=repo)
    from wtman.journal.store import Store

    until = time.monotonic() + 60
    with Store.open(str(repo / ".git/wtman")) as store:
        (run,) = store.runs()
        while not any(type(r.event).__name__ == "TasksWanted" for r in store.events(run)):
            assert time.monotonic() < until
            time.sleep(0.02)
    os.kill(asking.pid, signal.SIGKILL)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    asking.communicate()
    gate.touch()
    twice = wtman("add", "more: do more", cwd=repo, check_status=2)
    assert "asked for already" in twice.err and f"wtman resume {run}" in twice.err
    wtman("resume", cwd=repo)
    assert states(wtman, repo) == {"first": "verified", "more": "verified"}


def test_a_run_that_is_over_goes_on_with_it(wtman: kit.Program, repo: Path, built: Built) -> None:
    run = built("one", "bad", code=1)
    dead = wtman("add", "two: do two", "--needs", "bad", cwd=repo, check_status=2)
    assert f"wtman retry {run}/bad" in dead.err
    done = wtman("add", "two: do two", "three: do three", cwd=repo, check_status=1)
    assert f"two, three added to run {run}, which goes on" in done.out
    assert states(wtman, repo)["three"] == "verified"
    assert "three" in wtman("report", cwd=repo).out


def test_what_comes_after_a_partial_merge_starts_from_the_target(
    wtman: kit.Program, repo: Path, built: Built, git: Git
) -> None:
    built("one", "bad", code=1)
    wtman("merge", "--only", "one", cwd=repo, check_status=None)
    kit.commit_files(repo, {"by-hand.txt": "x\n"}, "theirs")
    tip = git(repo, "rev-parse", "main")
    wtman("add", "two: do two", "--needs", "one", cwd=repo, check_status=None)
    told = wtman("status", "--json", cwd=repo).json()
    (two,) = [task for task in told["tasks"] if task["id"] == "two"]
    assert (two["state"], two["base"]) == ("verified", tip)
    wtman("merge", cwd=repo, check_status=None)
    assert git(repo, "log", "-1", "--format=%s", "main") == "do two"


def test_a_planned_run_has_it_in_its_plan_and_a_flow_says_where_it_belongs(
    wtman: kit.Program, repo: Path, agent: str
) -> None:
    wtman(
        "split", "--task", "one: x", "--agent", agent, "--check", "true", cwd=repo, check_status=3
    )
    done = wtman("add", "two: y", cwd=repo)
    assert "start it: wtman resume" in done.out
    assert states(wtman, repo) == {"one": "pending", "two": "pending"}
    wtman("resume", "--yes", cwd=repo)
    assert states(wtman, repo) == {"one": "verified", "two": "verified"}
    kit.write_files(repo, {"f.py": "async def main(flow):\n    return []\n"})
    wtman("run", "f.py", "--agent", agent, "--yes", cwd=repo, check_status=None)
    run = wtman("status", "--all", "--json", cwd=repo).json()["runs"][-1]["id"]
    refused = wtman("add", "--run", run, "two: y", cwd=repo, check_status=2)
    assert "is a flow" in refused.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nonsense",), "is not of the form ID: PROMPT"),
        (("a_b: x",), "an id has no _"),
        (("x: y", "z: y", "--title", "t"), "--title names one task"),
        (("x: y", "--agent", "nobody"), "nobody"),
        (("x: y", "--run", "gone"), 'there is no run "gone"'),
    ],
)
def test_what_cannot_be_added_is_said(
    wtman: kit.Program, repo: Path, built: Built, words: tuple[str, ...], said: str
) -> None:
    built("one")
    assert said in wtman("add", *words, cwd=repo, check_status=2).err
