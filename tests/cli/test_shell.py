"""`wtman shell` and `wtman open`: the user in a task's worktree, without an attempt."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests import kit
from tests.coordinator.simulation import World, created, task
from wtman.cli.commands.attach import require_attachable
from wtman.cli.worktree import require_worktree
from wtman.errors import MissingError
from wtman.model.ids import TaskId
from wtman.sandbox.choice import trouble

bubblewrap = pytest.mark.skipif(bool(trouble("bubblewrap")), reason="bubblewrap does not work here")
ALONE = ("--sandbox", "none")
# Each task writes a file of its own; one worktree serves all of them.
SHARED = ("--sandbox", "bubblewrap", "-j", "1")


@pytest.fixture
def terminal(repo: Path) -> Iterator[Callable[..., "pexpect.spawn[str]"]]:
    opened = []

    def spawn(*words: str, **env: str) -> "pexpect.spawn[str]":
        child = pexpect.spawn(
            sys.executable,
            ["-m", "wtman", *words],
            cwd=str(repo),
            env={**os.environ, "SHELL": "/bin/sh", "PS1": "$ ", **env},
            encoding="utf-8",
            timeout=30,
            echo=False,
            dimensions=(24, 400),
        )
        opened.append(child)
        return child

    yield spawn
    for child in opened:
        child.close(force=True)


def ended(child: "pexpect.spawn[str]") -> int | None:
    child.expect(pexpect.EOF)
    child.close()
    return child.exitstatus


def tasks(wtman: kit.Program, repo: Path) -> dict[str, dict[str, Any]]:
    return {task["id"]: task for task in wtman("status", "--json", cwd=repo).json()["tasks"]}


@pytest.mark.slow
def test_a_shell_is_no_attempt_and_attach_collects_what_was_left(
    wtman: kit.Program,
    repo: Path,
    built: Callable[..., str],
    terminal: Callable[..., "pexpect.spawn[str]"],
) -> None:
    run = built("good", more=ALONE)
    before = tasks(wtman, repo)["good"]
    child = terminal("shell", "good")
    child.sendline('echo "at $PWD with $WTMAN_TASK $WTMAN_BRANCH <$WTMAN_ATTEMPT>"')
    child.expect_exact(f"at {before['worktree']} with good {before['branch']} <>")
    child.sendline("echo mine > mine.txt; exit 3")
    child.expect_exact(f"next: to collect them, wtman attach {run}/good")
    assert ended(child) == 0
    assert tasks(wtman, repo)["good"] == before
    child = terminal("attach", "good")
    child.sendline("exit")
    child.expect("good: attempt 2: 2 files")
    assert ended(child) == 0
    branch = tasks(wtman, repo)["good"]["branch"]
    assert kit.run_git(repo, "show", f"{branch}:mine.txt") == "mine"


@pytest.mark.slow
def test_commits_made_in_a_shell_are_kept(
    wtman: kit.Program,
    repo: Path,
    built: Callable[..., str],
    terminal: Callable[..., "pexpect.spawn[str]"],
) -> None:
    built("good", more=ALONE)
    child = terminal("shell", "good")
    child.sendline("echo mine > mine.txt; git add .; git commit -qm mine")
    child.sendline("exit")
    child.expect(r"your commits are kept: git log (\w+)")
    assert child.match
    commit = child.match[1]
    assert ended(child) == 0
    assert kit.run_git(repo, "log", "-1", "--format=%s", commit) == "mine"
    assert commit in kit.run_git(repo, "for-each-ref", "refs/wtman/saved")
    place = tasks(wtman, repo)["good"]["worktree"]
    # The worktree is one of the repository again.
    assert kit.run_git(Path(place), "rev-parse", "HEAD") == tasks(wtman, repo)["good"]["head"]


@pytest.mark.slow
def test_no_session_begins_where_a_shell_is_open(
    wtman: kit.Program,
    repo: Path,
    built: Callable[..., str],
    terminal: Callable[..., "pexpect.spawn[str]"],
) -> None:
    run = built("good", more=ALONE)
    child = terminal("shell", "good")
    child.sendline("echo mine > mine.txt; echo re''ady")
    child.expect_exact("ready")
    told = wtman("retry", "good", cwd=repo, check_status=4)
    assert "worktree of good is open in a shell" in told.out + told.err
    place = Path(tasks(wtman, repo)["good"]["worktree"])
    assert (place / "mine.txt").read_text() == "mine\n"
    other = terminal("attach", "good")
    other.expect_exact("is open in a shell")
    assert ended(other) == 3
    child.sendline("exit")
    assert ended(child) == 0
    wtman("resume", run, "--yes", cwd=repo)
    saved = kit.run_git(repo, "for-each-ref", "--format=%(refname)", "refs/wtman/saved").split()
    texts = [kit.run_git(repo, "ls-tree", "--name-only", ref) for ref in saved]
    assert any("mine.txt" in text for text in texts), "set aside, not lost"


@pytest.mark.slow
@bubblewrap
def test_in_a_sandbox_it_is_brought_back_at_the_inner_path_and_not_taken_over(
    wtman: kit.Program,
    repo: Path,
    built: Callable[..., str],
    terminal: Callable[..., "pexpect.spawn[str]"],
) -> None:
    run = built("one", "two", more=SHARED)
    known = tasks(wtman, repo)
    (gone,) = (name for name in known if known[name]["worktree"] is None)
    (other,) = (name for name in known if name != gone)
    child = terminal("shell", gone)
    child.sendline('echo "at $PWD, home $HOME, $WTMAN_WORKTREE, port $WTMAN_PORT."')
    child.expect(r"at /wtman/work/repo, home /wtman/home, /wtman/work/repo, port \d+\.")
    place = tasks(wtman, repo)[gone]["worktree"]
    assert place and tasks(wtman, repo)[other]["worktree"] is None
    second = wtman("open", "--path", f"{run}/{other}", cwd=repo)
    kept = tasks(wtman, repo)
    assert kept[gone]["worktree"] == place and second.out.strip() == kept[other]["worktree"]
    child.sendline("exit")
    child.expect_exact(f"{gone}: nothing changed")
    assert ended(child) == 0


@bubblewrap
def test_open_brings_back_and_prints_the_real_path(
    wtman: kit.Program,
    repo: Path,
    built: Callable[..., str],
    terminal: Callable[..., "pexpect.spawn[str]"],
    tmp_path: Path,
) -> None:
    built("one", "two", more=SHARED)
    known = tasks(wtman, repo)
    (gone,) = (name for name in known if known[name]["worktree"] is None)
    place = wtman("open", gone, cwd=repo).out.strip()
    assert place == tasks(wtman, repo)[gone]["worktree"] and os.path.isdir(place)
    assert kit.run_git(Path(place), "rev-parse", "HEAD") == known[gone]["head"]
    editor = tmp_path / "my editor"
    editor.write_text('#!/bin/sh\necho "edits $1 in $PWD"\n')
    editor.chmod(0o755)
    child = terminal("open", gone, VISUAL=f"'{editor}'")
    child.expect_exact(f"edits {place} in {place}")
    assert ended(child) == 0
    child = terminal("open", gone, VISUAL=" ", EDITOR="")
    child.expect_exact(place)
    assert ended(child) == 0
    child = terminal("open", gone, VISUAL="", EDITOR=f"FLAG=1 '{editor}' --wait")
    child.expect_exact("edits --wait in ")
    assert ended(child) == 0
    child = terminal("open", gone, VISUAL="", EDITOR="no-such-editor --wait")
    child.expect_exact("cannot run the editor `no-such-editor --wait`")
    child.expect_exact(f"it was to open {place}")
    assert ended(child) == 3
    child = terminal("open", gone, VISUAL="false")
    child.expect_exact("the editor ended with status 1")
    assert ended(child) == 1


@pytest.mark.slow
def test_where_a_session_is_at_work_both_refuse(
    wtman: kit.Program, repo: Path, tmp_path: Path
) -> None:
    pipe = tmp_path / "begun"
    os.mkfifo(pipe)
    agent = tmp_path / "slow.sh"
    agent.write_text(f"echo > '{pipe}'\nexec sleep 600\n")
    words = ("split", "--task", "slow: do it", "--agent", f"command:sh {agent}", "--yes", *ALONE)
    run = wtman.start(*words, cwd=repo)
    try:
        pipe.read_text()
        told = wtman("open", "slow", cwd=repo, check_status=3).err
        assert "a session is at work in slow" in told and "wtman attach" in told
    finally:
        wtman("stop", cwd=repo)
        run.communicate(timeout=30)
    # Without a coordinator what the session left is collected first.
    assert os.path.isdir(wtman("open", "slow", cwd=repo).out.strip())


@pytest.mark.slow
@bubblewrap
def test_a_run_that_goes_on_gives_a_worktree_back(
    wtman: kit.Program, repo: Path, tmp_path: Path
) -> None:
    agent = tmp_path / "agent.sh"
    agent.write_text("echo $WTMAN_TASK > $WTMAN_TASK.txt; sleep 4")
    tasks_of = [word for name in ("one", "two") for word in ("--task", f"{name}: do it")]
    words = ("split", *tasks_of, "--agent", f"command:sh {agent}", "--allow-overlap", "--yes")
    run = wtman.start(*words, *SHARED, cwd=repo)
    try:
        while not list(repo.glob(".git/wtman/runs/*/tasks/two/1/spec.json")):
            time.sleep(0.05)
        assert tasks(wtman, repo)["one"]["worktree"] is None
        place = wtman("open", "one", cwd=repo).out.strip()
        assert (Path(place) / "one.txt").read_text() == "one\n"
        assert not (Path(place) / "two.txt").exists()
    finally:
        run.communicate(timeout=60)
    assert run.returncode == 0
    assert {view["state"] for view in tasks(wtman, repo).values()} == {"unchecked"}


@pytest.mark.parametrize(("live", "step"), [(False, "resume"), (True, "status")])
def test_a_task_that_waits_for_its_turn_says_what_leads_to_its_worktree(
    live: bool, step: str
) -> None:
    world = World()
    world.append(created(task("a")))
    for refuse in (require_worktree, require_attachable):
        with pytest.raises(MissingError, match="a has no worktree yet") as refused:
            refuse(world.state, TaskId("a"), live=live)
        assert f"wtman {step} run-1" in refused.value.hint


@pytest.mark.slow
def test_refusals(wtman: kit.Program, repo: Path, built: Callable[..., str]) -> None:
    run = built("good", more=ALONE)
    told = wtman("shell", "good", cwd=repo, check_status=3).err
    assert "shell needs a terminal" in told and f"wtman open --path {run}/good" in told
    assert 'no task "god"' in wtman("open", "god", cwd=repo, check_status=2).err
    place = wtman("open", "good", cwd=repo).out.strip()
    subprocess.run(["rm", "-r", place], check=True)
    assert wtman("open", "good", cwd=repo).out.strip() == place
    assert os.listdir(place) != [".git"], "made again"
    wtman("clean", run, "--force", "good", cwd=repo)
    told = wtman("open", f"{run}/good", cwd=repo, check_status=3).err
    assert "was cleaned" in told and f"wtman restore {run}/good" in told
    assert told == wtman("attach", f"{run}/good", cwd=repo, check_status=3).err
    wtman("restore", f"{run}/good", cwd=repo)
    assert wtman("open", f"{run}/good", cwd=repo).out.strip() == place
    wtman("merge", run, cwd=repo)
    told = wtman("shell", f"{run}/good", cwd=repo, check_status=2).err
    assert "it is merged" in told and f"wtman diff {run}/good" in told
