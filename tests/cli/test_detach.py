"""Runs in the background, and users called back."""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import kit
from wtman.cli import notify, terminal
from wtman.git.discovery import discover
from wtman.journal.state import State
from wtman.model.ids import RunId

CALL = "sh -c 'echo $WTMAN_EVENT $WTMAN_RUN >> {}; test -n \"$WTMAN_TEXT\"'"


@pytest.fixture(autouse=True)
def stopped(wtman: kit.Program, repo: Path) -> Iterator[None]:
    """No run of the background outlives its test."""
    yield
    wtman("stop", cwd=repo, check_status=None)


def split(*tasks: str, agent: str) -> list[str]:
    quick = [word for task in tasks for word in ("--task", f"{task}: do {task}")]
    more = ["--agent", agent, "--check", "true", "--allow-overlap", "--attempts", "1"]
    return ["split", "one and all", *quick, *more, "--yes", "--detach"]


def until(wanted: Callable[[], bool], patience: float = 20.0) -> None:
    end = time.monotonic() + patience
    while not wanted():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)


def test_a_run_goes_on_in_the_background_and_stops_when_asked(
    wtman: kit.Program, repo: Path, agent: str
) -> None:
    done = wtman(*split("slow", agent=agent), "--json", cwd=repo).jsonl()[-1]
    run, pid = done["run"], done["pid"]
    assert done["event"] == "detached" and os.getsid(pid) == pid
    status = wtman("status", "--json", cwd=repo).json()
    assert (status["run"]["id"], status["run"]["live"]) == (run, True)
    until(lambda: "session 1 started" in Path(done["log"]).read_text())
    assert os.stat(done["log"]).st_mode & 0o777 == 0o600
    assert f"run {run} has stopped" in wtman("stop", cwd=repo).out
    assert wtman("status", "--json", cwd=repo).json()["run"]["state"] == "stopped"
    again = wtman("resume", "--detach", "--yes", cwd=repo)
    assert f"wtman status {run} --watch" in again.out


def test_a_run_that_cannot_start_there_says_why(
    wtman: kit.Program, repo: Path, agent: str, tmp_path: Path
) -> None:
    # A name that only this shell's folder makes good.
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(
        "import os, sys\nif 'resume' in sys.argv or 'resume' in sys.orig_argv: os._exit(7)\n"
    )
    path = f"{tmp_path / 'site'}{os.pathsep}{(wtman.extra or {}).get('PYTHONPATH', '')}"
    done = wtman(
        *split("core", agent=agent),
        cwd=repo,
        check_status=1,
        env={"PYTHONPATH": path.rstrip(os.pathsep)},
    )
    assert "did not start in the background" in done.err and "wtman resume" in done.err


@pytest.mark.slow
def test_the_user_is_called_back_by_a_command_of_their_own(
    wtman: kit.Program, repo: Path, agent: str, hermetic: Path, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    config = hermetic / ".config/wtman/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f"notify = [{json.dumps(CALL.format(told))}, 'false']\n")
    done = wtman(*split("core", agent=agent)[:-1], cwd=repo)
    run = wtman("status", "--json", cwd=repo).json()["run"]["id"]
    assert told.read_text() == f"ready {run}\n"
    assert "notify `false`: exit status 1" in done.err
    assert "not used" not in done.out


@pytest.mark.slow
def test_a_command_that_came_with_the_repository_calls_only_once_approved(
    wtman: kit.Program, repo: Path, agent: str, commit: Callable[..., str], tmp_path: Path
) -> None:
    told = tmp_path / "told"
    commit(repo, {"wtman.toml": f"notify = {json.dumps(CALL.format(told))}\n"})
    refused = wtman(*split("core", agent=agent)[:-1], cwd=repo, check_status=3)
    assert "approval" in refused.err and not told.exists()
    wtman("trust", "--yes", cwd=repo)
    wtman(*split("core", agent=agent)[:-1], cwd=repo)
    assert told.read_text().startswith("ready ")
    # Another text is another command, also in the middle of a run.
    other = tmp_path / "other"
    (repo / "wtman.toml").write_text(f"notify = {json.dumps(CALL.format(other))}\n")
    wtman("merge", "--patch-only", cwd=repo)
    assert not other.exists()


def test_the_bell_rings_for_who_may_have_looked_away(
    repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(terminal, "on_terminal", lambda: True)
    state, now = State(run=RunId("r-1")), time.monotonic()
    notify.call(discover(str(repo)), state, "ready", "run r-1 is ready", now)
    assert capsys.readouterr().out == ""
    notify.call(discover(str(repo)), state, "ready", "run r-1 is ready", now - 60)
    assert capsys.readouterr().out == "\a"
