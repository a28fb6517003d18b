"""`wtman attach`: a task paused, played at a terminal, and collected."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests import kit

PLUGIN = """\
import json
import sys
from dataclasses import dataclass

from wtman.agents import Activity, Needs
from wtman.model.command import Command
from wtman.model.session import Outcome


@dataclass(frozen=True)
class Talking:
    name = "talking"
    resumes = True
    priced = False
    structured = False
    needs = Needs()

    def command(self, job):
        return Command((sys.executable, "-I", PROGRAM), job.worktree, job.env)

    def attach(self, job):
        return Command((sys.executable, "-I", PROGRAM, job.resume), job.worktree, job.env)

    def begin(self):
        return ""

    def step(self, state, line):
        return line.decode() or state, ()

    def end(self, state, exit):
        return Outcome(ok=exit.code == 0, reason="stopped", session=state)


def make():
    return Talking()
"""
PROGRAM = """\
import sys, time

if len(sys.argv) > 1:
    said = input(sys.argv[1] + " goes on> ")
    open("by-hand.txt", "w").write(said)
    sys.exit()
print("talk-7", flush=True)
open("begun.txt", "w").write("by the agent")
time.sleep(60)
"""


@pytest.fixture
def environment(tmp_path: Path, wtman: kit.Program) -> dict[str, str]:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    plug = tmp_path / "plug"
    plug.mkdir()
    (plug / "__init__.py").write_text("")
    (plug / "talking.py").write_text(PLUGIN.replace("PROGRAM", repr(str(program))))
    known = (wtman.extra or {}).get("PYTHONPATH", "")
    return {"PYTHONPATH": f"{tmp_path}:{known}" if known else str(tmp_path)}


@pytest.fixture
def attach(
    repo: Path, environment: dict[str, str]
) -> Iterator[Callable[..., "pexpect.spawn[str]"]]:
    opened = []

    def spawn(*words: str) -> "pexpect.spawn[str]":
        import os

        child = pexpect.spawn(
            sys.executable,
            ["-m", "wtman", "attach", *words],
            cwd=str(repo),
            env={**os.environ, **environment, "PS1": "$ "},
            encoding="utf-8",
            timeout=30,
        )
        opened.append(child)
        return child

    yield spawn
    for child in opened:
        child.close(force=True)


def only_task(wtman: kit.Program, repo: Path) -> Any:
    (task,) = wtman("status", "--json", cwd=repo).json()["tasks"]
    return task


@pytest.mark.slow
def test_a_live_task_is_paused_its_conversation_goes_on_and_the_run_takes_the_work(
    wtman: kit.Program,
    repo: Path,
    environment: dict[str, str],
    attach: Callable[..., "pexpect.spawn[str]"],
) -> None:
    words = ("split", "--task", "core: do it", "--agent", "plug.talking:make")
    run = wtman.start(
        *words, "--reviewers", "0", "--sandbox", "none", "--yes", cwd=repo, env=environment
    )
    folder = repo.parent / "repo.worktrees"
    until = time.monotonic() + 30
    while not list(folder.glob("*/core/begun.txt")):
        assert time.monotonic() < until
        time.sleep(0.05)
    child = attach("core")
    child.expect("talk-7 goes on>")
    assert only_task(wtman, repo)["state"] == "running"
    assert list(folder.glob("*/core/begun.txt")), "the folder is as the agent left it"
    child.sendline("mine")
    child.expect("core: attempt 2: 2 files")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    out, _ = run.communicate(timeout=30)
    assert run.returncode == 0, out
    task = only_task(wtman, repo)
    assert (task["state"], task["attempt"], task["session"]) == ("unchecked", 2, "talk-7")
    assert kit.run_git(repo, "show", f"{task['branch']}:by-hand.txt") == "mine"


@pytest.mark.slow
def test_without_a_coordinator_a_shell_with_the_prompt_and_only_that_task(
    wtman: kit.Program,
    repo: Path,
    agent: str,
    attach: Callable[..., "pexpect.spawn[str]"],
) -> None:
    words = ("--task", "bad: do the hard thing", "--task", "later: do it", "-j", "1")
    wtman(
        *("split", *words, "--agent", agent, "--sandbox", "none", "--yes", "--max-sessions", "2"),
        *("--allow-overlap",),
        cwd=repo,
        check_status=4,
    )
    before = {task["id"]: task for task in wtman("status", "--json", cwd=repo).json()["tasks"]}
    child = attach("bad")
    child.expect("cannot resume")
    child.expect("do the hard thing")
    child.sendline("echo by hand > hand.txt; exit")
    child.expect("bad: attempt 3: 1 file")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    after = {task["id"]: task for task in wtman("status", "--json", cwd=repo).json()["tasks"]}
    assert after["bad"]["state"] == "unchecked"
    assert kit.run_git(repo, "show", f"{after['bad']['branch']}:hand.txt") == "by hand"
    assert after["later"]["attempt"] == before["later"]["attempt"] == 0


@pytest.mark.slow
def test_who_only_looks_changes_nothing(
    wtman: kit.Program,
    built: Callable[..., str],
    repo: Path,
    attach: Callable[..., "pexpect.spawn[str]"],
) -> None:
    built("good")
    before = only_task(wtman, repo)
    child = attach("good")
    child.expect("cannot resume")
    child.expect(r"\$ ")
    child.sendintr()  # the shell's own affair
    child.sendline("exit")
    child.expect("it changed nothing")
    child.expect(pexpect.EOF)
    after = only_task(wtman, repo)
    assert (after["head"], after["state"]) == (before["head"], before["state"])


@pytest.mark.slow
def test_refusals(wtman: kit.Program, built: Callable[..., str], repo: Path) -> None:
    built("good")
    assert "attach needs a terminal" in wtman("attach", "good", cwd=repo, check_status=3).err
    assert 'no task "god"' in wtman("attach", "god", cwd=repo, check_status=2).err
    wtman("merge", cwd=repo)
    assert (
        "good has no worktree: it is merged"
        in wtman("attach", "good", cwd=repo, check_status=2).err
    )
