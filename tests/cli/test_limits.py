"""Budgets, quotas and rate limits on the command line, with an agent that tells what it uses."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import kit


@pytest.fixture(autouse=True)
def no_reviews(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent that is no program would review, too; here only authors count."""
    monkeypatch.setenv("WTMAN_REVIEWERS", "0")


# A plug-in of the user's own: `plug.metered:make`. Each line of its program is JSON.
PLUGIN = """\
import json
import sys
from dataclasses import dataclass, replace

from wtman.agents import Activity, Needs
from wtman.model.command import Command
from wtman.model.session import Outcome, Usage


@dataclass(frozen=True)
class Metered:
    name = "metered"
    resumes = True
    priced = True
    structured = False
    needs = Needs(sign_in="metered login")

    def command(self, job):
        env = {**job.env, "RESUME": job.resume, "MAX_USD": str(job.cap.usd)}
        return Command((sys.executable, "-I", PROGRAM), job.worktree, env)

    def begin(self):
        return {}

    def step(self, state, line):
        try:
            told = json.loads(line)
        except ValueError:
            return state, ()
        state = {**state, **told}
        usage = Usage(state.get("tokens", 0), 0, state.get("usd"))
        if "retry" in told:
            return state, (Activity("retry", "too much", wait=told["retry"]),)
        return state, (Activity("usage", usage=usage),)

    def end(self, state, exit):
        return Outcome(
            ok=bool(state.get("done")) and exit.code == 0,
            reason="" if state.get("done") else "cut off",
            usage=Usage(state.get("tokens", 0), 0, state.get("usd")),
            session=state.get("session", ""),
            fatal=state.get("fatal", ""),
            limited=bool(state.get("limited")),
        )


def make():
    return Metered()
"""
PROGRAM = """\
import json, os, time

task, attempt = os.environ["WTMAN_TASK"], os.environ["WTMAN_ATTEMPT"]

def tell(**what):
    print(json.dumps(what), flush=True)

tell(session="talk-" + task)
open(task + ".txt", "a").write("attempt %s resumes %r\\n" % (attempt, os.environ["RESUME"]))
kind = task.split("-")[0]
if kind == "broke":
    tell(fatal="no credit", tokens=5, usd=0.1)
    raise SystemExit(1)
if kind == "busy" and attempt == "1":
    for _ in range(3):
        tell(retry=0)
        time.sleep(0.2)
    tell(limited=True, tokens=7, usd=0.2)
    raise SystemExit(1)
if kind == "endless":
    for call in range(1, 1000):
        tell(tokens=250 * call, usd=0.5 * call)
        time.sleep(0.5)
if kind == "slow":
    time.sleep(1.0)
tell(done=True, tokens=100, usd=1.0)
"""


@pytest.fixture
def split(tmp_path: Path, repo: Path, wtman: kit.Program) -> Callable[..., kit.Result]:
    """`split("a", "b", "--budget-usd", 3, code=4)`: a run of tasks by the metered agent."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    plug = tmp_path / "plug"
    plug.mkdir()
    (plug / "__init__.py").write_text("")
    (plug / "metered.py").write_text(PLUGIN.replace("PROGRAM", repr(str(program))))

    def run(*words: object, code: int = 0) -> kit.Result:
        given = [str(word) for word in words]
        tasks = [word for word in given if word[0] != "-" and not word[0].isdigit()]
        rest = [word for word in given if word not in tasks]
        named = [part for task in tasks for part in ("--task", f"{task}: do {task}")]
        command = ["split", *named, "--agent", "plug.metered:make", "--sandbox", "none", "--yes"]
        return wtman(*command, *rest, cwd=repo, env=path(tmp_path, wtman), check_status=code)

    return run


def path(tmp_path: Path, wtman: kit.Program) -> dict[str, str]:
    known = (wtman.extra or {}).get("PYTHONPATH", "")
    return {"PYTHONPATH": f"{tmp_path}:{known}" if known else str(tmp_path)}


def status(wtman: kit.Program, repo: Path) -> Any:
    return wtman("status", "--json", cwd=repo).json()


def journal(repo: Path) -> list[tuple[str, Any]]:
    with sqlite3.connect(repo / ".git/wtman/state.db") as store:
        rows = store.execute("select kind, body from events order by seq").fetchall()
    return [(kind, json.loads(body)) for kind, body in rows]


@pytest.mark.slow
def test_a_budget_holds_parks_and_goes_on_when_it_is_raised(
    split: Callable[..., kit.Result], wtman: kit.Program, repo: Path, tmp_path: Path
) -> None:
    split("one", "two", "three", "-j", 1, "--budget-usd", 2, code=4)
    told_of = status(wtman, repo)["run"]
    assert told_of["state"] == "paused"
    assert "--budget-usd N" in told_of["reason"]
    assert told_of["budget"]["usd"] == 2
    assert told_of["usage"]["usd"] == told_of["budget"]["charged"]["usd"] == 2
    more = ("resume", "--budget-usd", "9", "--yes")
    wtman(*more, cwd=repo, env=path(tmp_path, wtman))
    after = status(wtman, repo)
    assert {task["state"] for task in after["tasks"]} == {"unchecked"}
    assert after["run"]["usage"]["input_tokens"] >= 300


@pytest.mark.slow
def test_a_session_over_its_share_is_stopped_and_costs_no_attempt(
    split: Callable[..., kit.Result], wtman: kit.Program, repo: Path
) -> None:
    split("endless", "--budget-usd", 2, code=4)
    told = status(wtman, repo)
    assert told["run"]["state"] == "paused"
    spent = told["run"]["usage"]["usd"]
    assert 2.0 <= spent <= 2.5, "at most one call of 0.5 over it"
    (task,) = told["tasks"]
    assert (task["attempt"], task["state"]) == (1, "paused")
    report = wtman("report", cwd=repo).out
    if spent > 2:
        assert "over it" in report


def test_a_token_budget_counts_live_sessions(
    split: Callable[..., kit.Result], wtman: kit.Program, repo: Path
) -> None:
    split("endless-a", "endless-b", "endless-c", "--budget-tokens", 1500, code=4)
    told = status(wtman, repo)["run"]
    assert 1500 <= told["usage"]["input_tokens"] <= 1500 + 3 * 250


@pytest.mark.slow
def test_trouble_that_no_retry_mends_parks_and_what_lives_ends_well(
    split: Callable[..., kit.Result], wtman: kit.Program, repo: Path, tmp_path: Path
) -> None:
    told = split("slow", "broke", "late", "-j", 2, code=4)
    assert "paused: no credit (metered login)" in told.out
    states = {task["id"]: task for task in status(wtman, repo)["tasks"]}
    assert states["slow"]["state"] == "unchecked", "what lived went on to its end"
    assert states["broke"]["state"] == states["late"]["state"] == "paused"
    assert states["late"]["attempt"] == 0
    assert status(wtman, repo)["run"]["state"] == "paused"
    wtman("merge", "--unchecked", cwd=repo, check_status=None)
    assert status(wtman, repo)["run"]["state"] != "merged"


@pytest.mark.slow
def test_a_busy_provider_slows_the_run_and_takes_no_attempt_away(
    split: Callable[..., kit.Result], wtman: kit.Program, repo: Path, tmp_path: Path
) -> None:
    process = wtman.start(
        *("split", "--agent", "plug.metered:make", "--sandbox", "none", "--yes"),
        *("--task", "busy-a: do", "--task", "busy-b: do", "--attempts", 1),
        cwd=repo,
        env=path(tmp_path, wtman),
    )
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if "waits" in line:
            break
    assert any("slowed to 1 session in parallel: rate limits" in line for line in seen), seen
    told = status(wtman, repo)["run"]
    assert (told["state"], told["rate_limit"]) == ("running", 1)
    wtman("stop", cwd=repo)
    process.communicate(timeout=30)
    wtman("resume", "--yes", cwd=repo, env=path(tmp_path, wtman))
    after = status(wtman, repo)
    assert {task["state"] for task in after["tasks"]} == {"unchecked"}
    assert {task["attempt"] for task in after["tasks"]} == {2}
    assert after["run"]["usage"]["usd"] == pytest.approx(2.4)
    text = kit.run_git(repo, "show", f"{after['tasks'][0]['branch']}:busy-a.txt")
    assert text.splitlines() == ["attempt 1 resumes ''", "attempt 2 resumes 'talk-busy-a'"]


@pytest.mark.parametrize(
    ("agent", "flags", "said"),
    [
        ("command:true", ("--budget-usd", "5"), "tells no prices"),
        ("command:true", ("--budget-tokens", "500"), "tells no tokens"),
        ("plug.metered:make", ("--budget-usd", "nan"), "finite number"),
        ("plug.metered:make", ("--budget-usd", "-1"), "finite number"),
    ],
)
def test_a_budget_that_nobody_can_keep_is_refused(
    split: object,
    wtman: kit.Program,
    repo: Path,
    tmp_path: Path,
    agent: str,
    flags: tuple[str, ...],
    said: str,
) -> None:
    words = ("split", "--task", "a: do", "--agent", agent, "--yes", *flags)
    done = wtman(*words, cwd=repo, env=path(tmp_path, wtman), check_status=2)
    assert said in done.err
    assert wtman("status", cwd=repo, check_status=3).out == ""


def test_the_screen_says_what_it_costs_at_most(
    split: Callable[..., kit.Result],
) -> None:
    told = split("a", "b", "--budget-usd", 12.5, "--budget-tokens", 2000, "--dry-run")
    assert "$12.50 and 2,000 tokens at most" in " ".join(told.out.split())
