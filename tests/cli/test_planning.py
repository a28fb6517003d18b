"""From a request to a plan and on, with scripted planners and real sessions."""

import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

from tests import kit

# Logs each start beside itself, then does what `answer-N` for its N-th start says, or `answer`.
PLANNER = """\
import pathlib, sys, time
here = pathlib.Path(__file__).parent
log = here / "planned"
log.write_text((log.read_text() if log.exists() else "") + "x")
(here / "asked").write_text(sys.stdin.read())
answer = here / f"answer-{len(log.read_text())}"
text = (answer if answer.exists() else here / "answer").read_text()
if text == "hang":
    time.sleep(60)
print("I have looked around.")
print(text)
"""
TWO = {
    "reason": "Two files, two authors.",
    "context": "Write one line.",
    "tasks": [
        {"id": "core", "title": "The core", "prompt": "do core", "owns": ["core.txt"]},
        {"id": "docs", "prompt": "do docs", "owns": ["docs.txt"], "role": "documenter"},
    ],
}


class Planner:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kit.write_files(folder, {"planner.py": PLANNER})
        self.answers(TWO)

    @property
    def spec(self) -> str:
        return f"command:{sys.executable} {self.folder}/planner.py"

    def answers(self, what: object, number: int = 0) -> None:
        name = f"answer-{number}" if number else "answer"
        text = what if isinstance(what, str) else json.dumps(what)
        (self.folder / name).write_text(text)

    @property
    def starts(self) -> int:
        log = self.folder / "planned"
        return len(log.read_text()) if log.exists() else 0

    @property
    def asked(self) -> str:
        return (self.folder / "asked").read_text()


@pytest.fixture
def planner(tmp_path: Path) -> Planner:
    return Planner(tmp_path / "planner")


@pytest.fixture
def split(
    repo: Path, wtman: kit.Program, planner: Planner, agent: str
) -> Callable[..., kit.Result]:
    def call(*more: str, code: int = 0) -> kit.Result:
        words = ("split", "one and all", "--planner", planner.spec, "--agent", agent)
        return wtman(*words, "--sandbox", "none", *more, cwd=repo, check_status=code)

    return call


def test_a_request_is_planned_and_built(
    split: Callable[..., kit.Result],
    wtman: kit.Program,
    repo: Path,
    planner: Planner,
    masked: Callable[[str], str],
) -> None:
    done = split("--check", "true", "--yes")
    told = masked(done.out)
    announced = " ".join(told.partition("\nrun RUN")[0].split())
    assert announced.startswith(f"planning with {masked(planner.spec)}: one session, and one more")
    assert announced.endswith("no limit in dollars (--plan-budget-usd)")
    assert "\nrun RUN\nrun  planned: 2 tasks (N s)\n\none and all\n" in told
    assert "  core  The core [core.txt]\n  docs  do docs [docs.txt]\n" in told
    assert "planner    Two files, two authors.\n" in told
    assert "2 tasks: 2 verified" in told
    assert "# A repository" in planner.asked and "\n  true\n" in planner.asked
    shown = wtman("status", "--json", cwd=repo).json()
    assert (shown["run"]["state"], shown["run"]["sessions"]) == ("ready", 3)
    assert planner.starts == 1
    # The context is told to every author.
    prompts = sorted((repo / ".git/wtman/runs").glob("*/tasks/*/1/prompt.md"))
    assert ["Write one line." in path.read_text() for path in prompts] == [True, True]


@pytest.mark.slow
def test_without_a_terminal_the_plan_waits_for_a_yes(
    split: Callable[..., kit.Result], wtman: kit.Program, repo: Path, planner: Planner
) -> None:
    done = split("--check", "true", code=3)
    (again,) = re.findall(r"hint: wtman (resume \S+ --yes)\n", done.err)
    assert wtman("status", "--json", cwd=repo).json()["run"]["state"] == "planned"
    went = wtman(*again.split(), cwd=repo)
    assert "2 tasks: 2 verified" in went.out
    assert planner.starts == 1


@pytest.mark.slow
def test_json_is_one_stream_from_the_planning_to_the_end(
    split: Callable[..., kit.Result],
) -> None:
    lines = split("--check", "true", "--yes", "--json").jsonl()
    assert (lines[0]["event"], lines[0]["tasks"]) == ("run", [])
    kinds = [line["event"] for line in lines]
    assert kinds.count("run") == kinds.count("end") == 1
    order = ("Planned", "proposal", "Approved", "SessionFinished")
    assert [kind for kind in kinds if kind in order][:4] == list(order)
    assert (lines[-1]["state"], lines[-1]["exit"]) == ("ready", 0)


def test_json_of_a_request_that_is_only_shown_has_plan_and_forecast(
    split: Callable[..., kit.Result],
) -> None:
    *_, shown, end = split("--check", "true", "--dry-run", "--json").jsonl()
    assert (shown["event"], shown["dry_run"], end["exit"]) == ("proposal", True, 0)
    assert len(shown["plan"]["tasks"]) == shown["forecast"]["sessions"]["least"] == 2
    assert shown["forecast"]["conflicts"] and shown["approval"] == []


def test_a_builder_is_no_planner(repo: Path, wtman: kit.Program, agent: str) -> None:
    done = wtman("split", "one and all", "--agent", agent, cwd=repo, check_status=2)
    assert "no planner: the agent " in done.err
    assert "--planner NAME" in done.err and "--plan FILE" in done.err
    wrong = wtman(
        "split", "x", "--agent", agent, "--role", "ploner=claude", cwd=repo, check_status=2
    )
    assert 'there is no role "ploner"; did you mean "planner"?' in wrong.err


@pytest.mark.slow
def test_a_plan_that_breaks_the_rules_is_mended_once_and_then_refused(
    split: Callable[..., kit.Result], wtman: kit.Program, repo: Path, planner: Planner
) -> None:
    shared = {"tasks": [dict(item, owns=["all.txt"]) for item in TWO["tasks"]]}  # type: ignore[union-attr,call-overload]
    planner.answers(shared)
    done = split("--check", "true", "--yes", code=1)
    assert planner.starts == 2
    assert 'both own "all.txt"' in planner.asked.split("cannot be used")[1]
    assert "the planner gave no plan: it gave no usable answer: tasks" in done.out
    run = wtman("status", "--json", cwd=repo).json()["run"]
    assert (run["state"], run["sessions"], run["next"]) == (
        "stopped",
        2,
        f"wtman resume {run['id']}",
    )
    planner.answers(TWO)
    assert "2 tasks: 2 verified" in wtman("resume", "--yes", cwd=repo).out
    assert planner.starts == 3


@pytest.mark.slow
def test_one_task_is_an_answer_too(split: Callable[..., kit.Result], planner: Planner) -> None:
    one = {"reason": "All of it is one file.", "tasks": [{"id": "core", "prompt": "do core"}]}
    planner.answers(one)
    done = split("--check", "true", "--dry-run")
    assert "planner    All of it is one file.\n" in done.out
    # What its planner says is enough: that one task is one session is no warning.
    assert "single session would do" not in done.out
    assert "nothing was started; the plan is kept: wtman resume one-and-all-" in done.out


@pytest.mark.slow
def test_checks_of_a_planner_need_a_yes_on_a_terminal(
    split: Callable[..., kit.Result],
    wtman: kit.Program,
    repo: Path,
    planner: Planner,
    agent: str,
) -> None:
    planner.answers({**TWO, "check": ["test -d ."]})
    done = split("--yes", code=3)
    assert "commands of this repository need your approval: `test -d .`" in done.err
    assert "propose" not in planner.asked, "nobody is there to approve it"
    child = pexpect.spawn(
        sys.executable,
        ["-m", "wtman", "split", "one and all", "--planner", planner.spec, "--agent", agent]
        + ["--sandbox", "none"],
        cwd=str(repo),
        env={**os.environ, **(wtman.extra or {}), "TERM": "xterm-256color"},
        encoding="utf-8",
        timeout=30,
        dimensions=(40, 120),
    )
    child.expect("need your approval:\r\n    test -d \\.\r\n")
    child.expect("Start\\? ")
    assert "No check is configured" in planner.asked
    child.send("y\r")
    child.expect("2 verified")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_a_planner_of_the_repository_needs_approval(
    repo: Path, wtman: kit.Program, planner: Planner, agent: str
) -> None:
    kit.write_files(
        repo, {".wtman/agents/planner.md": f"---\nagent: {planner.spec}\n---\nYou plan.\n"}
    )
    words = ("split", "one and all", "--agent", agent, "--sandbox", "none", "--yes")
    done = wtman(*words, cwd=repo, check_status=3)
    assert "need your approval" in done.err
    assert planner.starts == 0
    assert "there is no run" in wtman("status", cwd=repo, check_status=3).err


@pytest.mark.slow
def test_killed_while_planning_it_is_planned_again(
    repo: Path, wtman: kit.Program, planner: Planner, agent: str
) -> None:
    planner.answers("hang", 1)
    words = ("split", "one and all", "--planner", planner.spec, "--agent", agent)
    process = wtman.start(*words, "--sandbox", "none", "--check", "true", "--yes", cwd=repo)
    until = time.monotonic() + 30
    while not planner.starts and time.monotonic() < until:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert wtman("status", "--json", cwd=repo).json()["run"]["state"] == "planning"
    done = wtman("resume", "--yes", cwd=repo)
    assert "2 tasks: 2 verified" in done.out
    assert planner.starts == 2
    assert wtman("status", "--json", cwd=repo).json()["run"]["sessions"] == 4


@pytest.mark.slow
def test_plan_writes_a_file_that_split_takes(
    repo: Path, wtman: kit.Program, planner: Planner, agent: str
) -> None:
    planner.answers({**TWO, "check": ["true"]})
    words = ("plan", "one and all", "--planner", planner.spec, "--agent", agent)
    printed = wtman(*words, "--sandbox", "none", cwd=repo)
    wtman(*words, "--sandbox", "none", "-o", "plan.toml", cwd=repo)
    assert not list(repo.parent.glob("*.worktrees")), "what the planner read is gone"
    text = (repo / "plan.toml").read_text()
    assert printed.out == text
    assert text.startswith("# Why it is cut like this: Two files, two authors.\n# The check is")
    assert 'check = [\n    "true",\n]' in text
    assert "there is no run" not in wtman("status", "--all", cwd=repo).out
    assert "there is no run" in wtman("status", cwd=repo, check_status=3).err, "only a plan"
    run = wtman("status", "--all", "--json", cwd=repo).json()["runs"][0]["id"]
    assert "planner" in wtman("logs", run, cwd=repo).out
    went = wtman(
        *("split", "--plan", "plan.toml", "--agent", agent, "--sandbox", "none", "--yes"), cwd=repo
    )
    assert "2 tasks: 2 verified" in went.out
    assert planner.starts == 2
    bad = wtman(*words, "-o", "nowhere/plan.toml", cwd=repo, check_status=2)
    assert "cannot write" in bad.err and planner.starts == 2


@pytest.mark.slow
def test_a_task_is_told_its_role(repo: Path, wtman: kit.Program, tmp_path: Path) -> None:
    kit.write_files(repo, {".wtman/agents/poet.md": "---\ntools: Read, Edit\n---\nYou rhyme.\n"})
    kit.write_files(
        tmp_path / "more",
        {
            "parrots/agent.py": """
from wtman.agents.command import CommandAgent

class Parrot(CommandAgent):
    __slots__ = ()

    def command(self, job):
        text = f"{job.role}|{job.system[:10]}|{','.join(job.tools)}|{job.model}"
        return CommandAgent(("sh", "-c", 'echo "$1" > $WTMAN_TASK.txt', "x", text)).command(job)

agent = Parrot(())
"""
        },
    )
    plan = '[[task]]\nid = "a"\nprompt = "x"\nrole = "poet"\nowns = ["a.txt"]\n'
    plan += '[[task]]\nid = "b"\nprompt = "x"\nowns = ["b.txt"]\n'
    kit.write_files(tmp_path, {"plan.toml": plan})
    extra = (wtman.extra or {}).get("PYTHONPATH", "")
    path = {"PYTHONPATH": f"{tmp_path / 'more'}:{extra}".rstrip(":")}
    words = ("split", "--plan", str(tmp_path / "plan.toml"), "--agent", "parrots.agent:agent")
    wtman(*words, "--sandbox", "none", "--yes", "--model", "big", cwd=repo, env=path)
    run = wtman("status", "--json", cwd=repo).json()["run"]["id"]
    said = [
        kit.run_git(repo, "show", f"wtman/{run}/{name}:{name}.txt").strip() for name in ("a", "b")
    ]
    assert said == ["poet|You rhyme.|Read,Edit|big", "implementer|You build ||big"]
    kit.write_files(tmp_path, {"plan.toml": plan.replace("poet", "poett")})
    wrong = wtman(*words, cwd=repo, env=path, check_status=2)
    assert 'task "a": there is no role "poett"; did you mean "poet"?' in wrong.err


def test_an_agent_of_the_repository_is_approved_by_its_very_text(
    repo: Path, wtman: kit.Program
) -> None:
    """Saved without a terminal, it must not count as given by hand afterwards."""
    kit.write_files(repo, {"evil.sh": "echo x > $WTMAN_TASK.txt\n"})
    kit.write_files(repo, {"wtman.toml": 'agent = "command:sh evil.sh"\n'})
    sub = repo / "sub"
    sub.mkdir()
    kit.write_files(sub, {"evil.sh": ""})
    words = ("split", "--task", "a: x", "--sandbox", "none")
    saved = wtman(*words, cwd=sub, check_status=3)
    (run,) = re.findall(r"run (\S+) is not started", saved.err)
    refused = wtman("resume", run, "--yes", cwd=repo, check_status=3)
    assert "need your approval: `command:sh evil.sh`" in refused.err


def test_a_plan_needs_nobody_to_build_it_and_a_start_says_who_is_missing(
    repo: Path, wtman: kit.Program, planner: Planner, agent: str
) -> None:
    done = wtman("plan", "core and docs", "--planner", planner.spec, "-o", "p.toml", cwd=repo)
    assert "planned: " in done.out and planner.starts == 1
    told = wtman("plan", "core and docs", cwd=repo, check_status=3).err
    assert 'or name any program: --planner "command:PROGRAM"; ' in told
    told = wtman("split", "core and docs", cwd=repo, check_status=3).err
    assert 'program: --planner "command:PROGRAM" --agent "command:PROGRAM"; ' in told
    told = wtman("plan", "core and docs", "--agent", agent, cwd=repo, check_status=2).err
    assert "hint: name one: --planner NAME\n" in told
    words = ("split", "core and docs", "--planner", planner.spec, "--dry-run")
    run = wtman(*words, cwd=repo).out.split("run ", 1)[1].split("\n", 1)[0]
    done = wtman("resume", run, "--yes", cwd=repo, check_status=3)
    assert 'program: --agent "command:PROGRAM"; ' in done.err and "session 1" not in done.out
    more = ("--agent", agent, "--check", "true", "--yes")
    assert "2 tasks: 2 verified" in wtman("resume", run, *more, cwd=repo).out
