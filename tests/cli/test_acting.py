"""split, resume, retry, merge, verify, clean, stop and trust in real repositories."""

import json
import os
import re
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests import kit

Built = Callable[..., str]
Masked = Callable[[str], str]

PLAN = """\
request = "one and all"
check = "true"
[[task]]
id = "core"
prompt = "do the core"
owns = ["core.txt"]
[[task]]
id = "docs"
prompt = "do the docs"
owns = ["docs.txt"]
needs = ["core"]
"""
SCREEN = """\
one and all
  core  do the core [core.txt]
  docs  do the docs (needs core) [docs.txt]

base       SHA first, target main
agent      command:sh TMP/agent.sh
reviews    none: no reviewer specified (--reviewer)
checks     true
sandbox    none: agents and checks run with all of your rights
forecast   2 branches, 2 to 6 sessions, 2 stages: core -> docs
unknown    time, tokens, money: needs 5 past sessions of command:sh agent.sh
limits     16 in parallel, 1,000 sessions, 3 attempts a task, 1 h 00 m each
disk       about 0.1 MB for 2 worktrees and 2 checkouts, FREE free
worktrees  TMP/repo.worktrees
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.toml"
    path.write_text(PLAN)
    return path


def in_14_days() -> str:
    return (datetime.now(UTC) + timedelta(days=14)).strftime("%Y-%m-%d")


def wait_for(met: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not met():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.02)


def state_of(wtman: kit.Program, repo: Path) -> str:
    return str(wtman("status", "--json", cwd=repo).json()["run"]["state"])


def test_a_dry_run_shows_the_plan_and_leaves_nothing(
    wtman: kit.Program, repo: Path, plan: Path, agent: str, masked: Masked
) -> None:
    words = ("split", "--plan", plan, "--agent", agent, "--dry-run")
    done = wtman(*words, cwd=repo, env={"COLUMNS": "200"})
    screen, advice, *_ = masked(done.out).split("! ")
    assert screen == SCREEN
    assert advice.startswith("Every task waits for the one before it")
    told = wtman(*words, "--json", cwd=repo).json()
    assert [task["id"] for task in told["plan"]["tasks"]] == ["core", "docs"]
    assert told["forecast"]["waves"] == [["core"], ["docs"]]
    assert wtman("status", cwd=repo, check_status=3).out == ""


@pytest.mark.slow
def test_without_a_terminal_the_plan_is_saved_and_resume_runs_it(
    wtman: kit.Program, repo: Path, plan: Path, agent: str, masked: Masked
) -> None:
    saved = wtman("split", "--plan", plan, "--agent", agent, cwd=repo, check_status=3)
    assert masked(saved.out).endswith("\nrun RUN\n")
    waits = (
        "wtman: run RUN is not started: confirmation needs a terminal\n"
        "  hint: wtman resume RUN --yes\n"
    )
    assert masked(saved.err) == waits
    assert state_of(wtman, repo) == "planned"
    refused = wtman("resume", cwd=repo, check_status=3)
    assert masked(refused.err) == waits
    assert masked(wtman("resume", "--yes", cwd=repo).out) == (
        "run RUN  one and all\n"
        "  sessions for  core, docs\n"
        "run  goes on\n"
        "base  checking: true\n"
        "base  1 check ran (N s)\n"
        "core  session 1 started (command:sh)\n"
        "core  session 1 finished: 1 file, +1 -0 (N s)\n"
        "core  checks passed (N s)\n"
        "docs  session 1 started (command:sh)\n"
        "docs  session 1 finished: 1 file, +1 -0 (N s)\n"
        "docs  checks passed (N s)\n"
        "\n"
        "RUN  ready  one and all\n"
        "2 tasks: 2 verified · N s · no sandbox\n"
        "\n"
        "    task  state      attempt       time  what\n"
        "  ✓ core  verified        #1 N s  1 file, +1 -0\n"
        "  ✓ docs  verified        #1 N s  1 file, +1 -0\n"
        "\n"
        "next: wtman merge RUN\n"
    )


def test_the_plan_can_be_edited_first(
    wtman: kit.Program, repo: Path, plan: Path, agent: str, tmp_path: Path
) -> None:
    editor = tmp_path / "an editor"
    editor.write_text('#!/bin/sh\nsed -i s/core/kernel/g "$1"\n')
    editor.chmod(0o755)
    words = ("split", "--plan", plan, "--agent", agent, "--edit", "--dry-run", "--json")
    told = wtman(*words, cwd=repo, env={"EDITOR": f"'{editor}'"}).json()
    assert [task["id"] for task in told["plan"]["tasks"]] == ["kernel", "docs"]
    editor.write_text('#!/bin/sh\necho nonsense > "$1"\n')
    refused = wtman(*words, cwd=repo, env={"EDITOR": f"'{editor}'"}, check_status=2).json()
    assert ".toml:1: " in refused["error"]["message"]


def test_uncommitted_changes_are_told(
    wtman: kit.Program, repo: Path, plan: Path, agent: str
) -> None:
    (repo / "README.md").write_text("mine\n")
    done = wtman("split", "--plan", plan, "--agent", agent, "--dry-run", cwd=repo)
    assert "! 1 uncommitted change here: tasks start without them\n" in done.out


@pytest.mark.slow
def test_json_names_the_run_first_and_its_end_last(
    wtman: kit.Program, repo: Path, plan: Path, agent: str
) -> None:
    words = ("split", "--plan", plan, "--agent", agent, "--json")
    saved = wtman(*words, cwd=repo, check_status=3).jsonl()
    assert [line["event"] for line in saved] == ["run", "error", "end"]
    assert saved[1]["error"]["code"] == "approval"
    assert (saved[-1]["state"], saved[-1]["exit"]) == ("planned", 3)
    lines = wtman(*words, "--yes", cwd=repo).jsonl()
    assert lines[0]["event"] == "run"
    assert lines[0]["tasks"] == ["core", "docs"]
    assert lines[-1] == {
        "schema": 1,
        "event": "end",
        "run": lines[0]["run"],
        "state": "ready",
        "exit": 0,
    }
    kinds = [line["event"] for line in lines[1:-1]]
    assert kinds.count("SessionFinished") == 2
    assert all({"schema", "event", "seq", "at", "data"} == set(line) for line in lines[1:-1])


@pytest.mark.slow
def test_a_task_that_fails_is_exit_1_and_retry_gives_it_one_more(
    wtman: kit.Program, repo: Path, built: Built, tmp_path: Path
) -> None:
    built("core", "bad", code=1)
    again = wtman("retry", "bad", cwd=repo, check_status=1)
    assert "bad  session 2 failed: exit status 3" in again.out
    script = tmp_path / "agent.sh"
    script.write_text(script.read_text().replace("exit 3", "true"))
    done = wtman("retry", "bad", cwd=repo)
    assert "bad  session 3 finished: 1 file, +1 -0" in done.out
    assert state_of(wtman, repo) == "ready"


@pytest.mark.slow
def test_an_edited_plan_says_what_it_reuses(
    wtman: kit.Program, repo: Path, plan: Path, agent: str, masked: Masked
) -> None:
    wtman("split", "--plan", plan, "--agent", agent, "--yes", cwd=repo)
    plan.write_text(PLAN.replace("do the docs", "do them better"))
    done = wtman("resume", "--plan", plan, "--yes", cwd=repo)
    assert masked(done.out).startswith(
        "run RUN  one and all\n  reused        core\n  sessions for  docs\n"
    )
    assert "core  session" not in done.out
    assert "docs  session 2" in done.out


@pytest.mark.slow
def test_a_merge_that_fails_on_its_way_says_so_once(
    wtman: kit.Program, repo: Path, built: Built
) -> None:
    built("core")
    words = ("merge", "--check", f"echo mine > {repo}/README.md")
    failed = wtman(*words, cwd=repo, check_status=1)
    assert (failed.out + failed.err).count("has uncommitted changes") == 1
    assert "or do not touch it: --into BRANCH, or --patch-only" in failed.err


# --- commands of the repository -----------------------------------------------------------------


@pytest.mark.slow
def test_commands_of_the_repository_need_approval(
    wtman: kit.Program, repo: Path, agent: str, masked: Masked, commit: Callable[..., str]
) -> None:
    mine = {"WTMAN_SETUP": "echo one", "WTMAN_CLEANUP": "echo two"}
    commit(repo, {"wtman.toml": 'check = "test -e README.md"\n'})
    words = ("split", "one and all", "--task", "core: do it", "--agent", agent)
    refused = wtman(*words, "--yes", cwd=repo, check_status=3)
    assert refused.err == (
        "wtman: commands of this repository need your approval: `test -e README.md`\n"
        "  hint: approve what you read with `wtman trust --yes`, or start without --yes\n"
    )
    saved = wtman(*words, cwd=repo, check_status=3, env=mine)
    assert "\nsetup      echo one\ncleanup    echo two\n" in saved.out
    assert "need your approval:\n    test -e README.md\n" in saved.out
    assert masked(saved.err).endswith("hint: wtman trust --yes && wtman resume RUN --yes\n")
    assert "approval" in wtman("resume", "--yes", cwd=repo, check_status=3).err
    assert wtman("trust", cwd=repo, check_status=3).out == (
        "commands of this repository (+ is not approved yet):\n"
        "+ check  test -e README.md  wtman.toml:1\n"
    )
    assert "\n1 command approved; " in wtman("trust", "--yes", cwd=repo).out
    assert "\nnothing to approve; " in wtman("trust", cwd=repo).out
    wtman("resume", "--yes", cwd=repo)
    assert state_of(wtman, repo) == "ready"


def test_trust_says_what_a_text_is_for_and_what_is_new(
    wtman: kit.Program, repo: Path, commit: Callable[..., str]
) -> None:
    commit(repo, {"wtman.toml": 'check = [\n    "true",\n    "test -e README.md",\n]\n'})
    wtman("trust", "--yes", cwd=repo)
    edited = 'check = [\n    "true",\n    "test -s README.md",\n]\nnotify = "say it"\n'
    commit(repo, {"wtman.toml": edited})
    done = wtman("trust", "--json", cwd=repo, check_status=3).json()
    assert done["error"]["code"] == "approval" and done["approved"] == ["true"]
    told = [(one["use"], one["text"], one["line"], one["new"]) for one in done["commands"]]
    assert told == [
        ("check", "true", 2, False),
        ("check", "test -s README.md", 3, True),
        ("notify", "say it", 5, True),
    ]
    assert done["unused"] == ["test -e README.md"]
    refused = wtman("trust", "--command", "echo five", cwd=repo, check_status=3).err
    assert refused.endswith("then: wtman trust --command 'echo five' --yes\n")
    wtman("trust", "--yes", cwd=repo)
    assert wtman("trust", "--revoke", cwd=repo).out == "4 approvals taken back\n"
    assert len(wtman("trust", "--json", cwd=repo, check_status=3).json()["approved"]) == 0


# --- merge --------------------------------------------------------------------------------------


def test_merge_lands_and_its_patches_verify(
    wtman: kit.Program, repo: Path, built: Built, masked: Masked, git: Callable[..., str]
) -> None:
    run = built("core", "docs")
    rehearsed = wtman("merge", "--dry-run", cwd=repo)
    assert "2 tasks would land on main (1 check run)" in rehearsed.out
    assert git(repo, "log", "--format=%s") == "first"
    done = wtman("merge", cwd=repo)
    assert masked(done.out) == (
        "train  combined check of core, docs: passed (cached)\n"
        "\n"
        "2 tasks landed on main: SHA (0 check runs)\n"
        "  core  SHA\n"
        "  docs  SHA\n"
        "\n"
        "Integrity check passed: 2 of 2 hunks merged, no unrelated line removed\n"
        "patches: TMP/repo/.git/wtman/runs/RUN/patches\n"
        "\n"
        "next: wtman clean RUN\n"
    )
    assert (repo / "core.txt").read_text() == "core\n"
    assert git(repo, "status", "--porcelain") == ""
    folder = repo / ".git/wtman/runs" / run / "patches"
    assert wtman("verify", folder, "--json", cwd=repo).json()["problems"] == []
    patch = next(folder.glob("*core.patch"))
    patch.write_bytes(patch.read_bytes().replace(b"core.txt", b"gore.txt"))
    broken = wtman("verify", folder, cwd=repo, check_status=1)
    assert broken.out.startswith("! ")
    once = wtman("merge", "--json", cwd=repo).json()
    assert once["after"] == git(repo, "rev-parse", "main")
    assert once["landed"] == ["core", "docs"]
    again = masked(wtman("merge", cwd=repo).out)
    assert again.startswith("run RUN is merged already\n\n2 tasks landed on main: SHA")
    aside = wtman("merge", "--into", "other", cwd=repo, check_status=1)
    assert "is merged already" in aside.err
    git(repo, "reset", "-q", "--hard", "HEAD~2")
    gone = wtman("merge", cwd=repo, check_status=1)
    assert "was merged into main, which no longer has that commit" in gone.err
    git(repo, *re.search(r"git (merge \w+)", gone.err)[1].split())
    wtman("merge", cwd=repo)


@pytest.mark.slow
def test_merge_json_is_one_answer(
    wtman: kit.Program, repo: Path, built: Built, git: Callable[..., str]
) -> None:
    run = built("core", "bad", code=1)
    before = git(repo, "rev-parse", "HEAD")
    told = wtman("merge", "--json", cwd=repo, check_status=1).json()
    after = git(repo, "rev-parse", "HEAD")
    assert told["run"] == run
    assert (told["before"], told["after"]) == (before, after)
    assert told["landed"] == ["core"]
    assert told["commits"] == {"core": after}
    assert [(item["task"], item["reason"]) for item in told["excluded"]] == [("bad", "unverified")]


@pytest.mark.slow
def test_unchecked_branches_land_only_when_told(
    wtman: kit.Program, repo: Path, agent: str, masked: Masked
) -> None:
    words = ("split", "one and all", "--task", "core: do it", "--agent", agent, "--yes")
    assert "unchecked" in wtman(*words, cwd=repo).out
    refused = wtman("merge", cwd=repo, check_status=3)
    assert masked(refused.err) == (
        "wtman: branches of run RUN were judged by no check, and there is no terminal to ask on\n"
        "  hint: give it one: wtman merge RUN --check CMD; or say --unchecked\n"
    )
    assert wtman("merge", "--unchecked", "--json", cwd=repo).json()["landed"] == ["core"]


def test_a_run_that_is_not_ready_is_not_merged(
    wtman: kit.Program, repo: Path, plan: Path, agent: str, masked: Masked
) -> None:
    wtman("split", "--plan", plan, "--agent", agent, cwd=repo, check_status=3)
    assert masked(wtman("merge", cwd=repo, check_status=3).err) == (
        "wtman: run RUN is not ready: 2 tasks of 2 unfinished\n"
        "  hint: go on with it first: wtman resume RUN\n"
    )


# --- clean --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_clean_takes_what_is_merged_and_it_can_come_back(
    wtman: kit.Program, repo: Path, built: Built, masked: Masked, git: Callable[..., str]
) -> None:
    run = built("core")
    assert wtman("clean", cwd=repo).out == "nothing to clean\n"
    head = wtman("status", "--json", cwd=repo).json()["tasks"][0]["head"]
    wtman("merge", cwd=repo)
    done = wtman("clean", cwd=repo)
    assert masked(done.out) == (
        "RUN/core  removed\n"
        f"freed SIZE; branches stay recoverable until {in_14_days()}: wtman restore RUN/core\n"
    )
    assert git(repo, "worktree", "list", "--porcelain").count("worktree ") == 1
    assert git(repo, "for-each-ref", "--format=%(refname)", "refs/heads") == "refs/heads/main"
    assert git(repo, "rev-parse", f"refs/wtman/trash/{run}/core/{head[:12]}") == head
    kept = [path.name for path in (repo.parent / "repo.worktrees").iterdir()]
    assert kept == [".trash"]
    assert wtman("clean", cwd=repo).out == "nothing to clean\n"
    assert wtman("status", cwd=repo).out.endswith(f"next: wtman report {run}\n")
    [item] = wtman("restore", "--json", cwd=repo).json()["removed"]
    assert (item["task"], item["commit"], item["by"]) == ("core", head, "clean")
    wtman("restore", "core", cwd=repo)
    assert git(repo, "rev-parse", f"refs/wtman/merged/{run}/core") == head
    assert (repo.parent / "repo.worktrees" / run / "core/core.txt").read_text() == "core\n"
    assert "nothing of" in wtman("restore", "core", cwd=repo, check_status=2).err


@pytest.mark.slow
def test_clean_keeps_what_would_be_lost(
    wtman: kit.Program, repo: Path, built: Built, masked: Masked, git: Callable[..., str]
) -> None:
    run = built("core", "docs", "idle", code=1)
    wtman("merge", "--only", "docs", cwd=repo)
    (repo.parent / "repo.worktrees" / run / "docs" / "notes.txt").write_text("mine\n")
    done = wtman("clean", run, cwd=repo, check_status=1)
    assert masked(done.out) == (
        "RUN/idle  removed\n"
        "RUN/core  kept: 1 commit on wtman/RUN/core not merged\n"
        "RUN/docs  kept: notes.txt in TMP/repo.worktrees/RUN/docs is not committed\n"
        "  to remove it anyway: wtman clean --force RUN/core\n"
        f"freed SIZE; branches stay recoverable until {in_14_days()}: wtman restore RUN/idle\n"
    )
    told = wtman("clean", "--force", f"{run}/docs", "--json", cwd=repo).json()
    assert [item["task"] for item in told["runs"][0]["cleaned"]] == ["docs"]
    [item] = told["runs"][0]["cleaned"]
    assert (Path(item["folder"]) / "tree/notes.txt").read_text() == "mine\n"
    assert told["recoverable"] == item["bytes"] > 0 and told["freed"] >= item["freed"] > 0
    assert not told["in_background"]
    assert wtman("clean", "--force", "nobody", cwd=repo, check_status=2).out == ""


@pytest.mark.slow
def test_a_dismissed_run_is_out_of_sight_and_can_come_back(
    wtman: kit.Program, repo: Path, built: Built, masked: Masked, git: Callable[..., str]
) -> None:
    old, run = built("core"), built("core", "docs")
    (repo.parent / "repo.worktrees" / run / "docs" / "notes.txt").write_text("mine\n")
    assert wtman("clean", "--dismiss", cwd=repo, check_status=2).out == ""
    assert masked(wtman("clean", run, "--dismiss", cwd=repo).out) == (
        "RUN/core  removed\n"
        "RUN/docs  removed; kept: 1 file that no commit has\n"
        "RUN  dismissed: by name alone, wtman status RUN\n"
        "freed SIZE; 0.1 MB of files and all branches stay recoverable until "
        f"{in_14_days()}: wtman restore RUN\n"
    )
    assert git(repo, "for-each-ref", "--format=%(refname)", f"refs/heads/wtman/{run}") == ""
    shown = wtman("status", "--all", cwd=repo).out
    assert run not in shown and "1 dismissed run not shown" in shown
    named = wtman("status", "--json", cwd=repo).json()["run"]["id"]
    assert named == old
    assert wtman("status", run, cwd=repo).out
    assert "dismissed" in wtman("resume", run, cwd=repo, check_status=3).err
    assert wtman("restore", "--json", cwd=repo).json()["dismissed"][0]["run"] == run
    assert f"{run}  shown again" in wtman("restore", run, cwd=repo).out
    assert (repo.parent / "repo.worktrees" / run / "docs" / "notes.txt").read_text() == "mine\n"
    assert run in wtman("status", "--all", cwd=repo).out
    assert git(repo, "rev-parse", f"wtman/{run}/docs")


# --- a live run ---------------------------------------------------------------------------------


def test_a_live_run_is_seen_followed_and_stopped_from_elsewhere(
    wtman: kit.Program, repo: Path, agent: str, masked: Masked
) -> None:
    words = ("split", "one and all", "--task", "slow: go", "--agent", agent, "--check", "true")
    running = wtman.start(*words, "--yes", "--json", cwd=repo)
    assert running.stdout is not None
    run = str(json.loads(running.stdout.readline())["run"])
    for line in running.stdout:
        if json.loads(line)["event"] == "Intended" and '"RunSession"' in line:
            break
    watching = wtman.start("status", "--watch", cwd=repo)
    following = wtman.start("logs", "slow", "-f", cwd=repo)
    wait_for(lambda: "started" in wtman("logs", "slow", cwd=repo).out)
    told = wtman("status", "--json", cwd=repo).json()
    assert (told["run"]["live"], told["run"]["state"]) == (True, "running")
    for words in (["resume", "--yes"], ["clean", run], ["merge", run]):
        assert f"run {run} is running" in wtman(*words, cwd=repo, check_status=3).err
    assert wtman("clean", cwd=repo).out == "nothing to clean\n"
    stopped = wtman("stop", cwd=repo)
    assert masked(stopped.out) == "run RUN has stopped\nnext: wtman resume RUN\n"
    rest, _ = running.communicate(timeout=30)
    assert running.returncode == 130
    assert json.loads(rest.splitlines()[-1])["state"] == "stopped"
    watched, _ = watching.communicate(timeout=30)
    assert "slow  session 1 interrupted" in watched
    followed, _ = following.communicate(timeout=30)
    assert followed.endswith("working on slow\nstarted\n")
    assert wtman("stop", cwd=repo).out == f"run {run} is not running\n"


@pytest.mark.parametrize("nohup", [False, True])
def test_a_terminal_that_is_closed_stops_a_run_politely(
    wtman: kit.Program, repo: Path, tmp_path: Path, nohup: bool
) -> None:
    gate = tmp_path / "gate"
    agent = f"command:sh -c 'touch {tmp_path}/began; while [ ! -e {gate} ]; do sleep 0.1; done'"
    words = ["split", "x", "--task", "a: go", "--agent", agent, "--check", "true", "--yes"]
    words += ["--attempts", "1"]
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if nohup else signal.SIG_DFL)
    running = wtman.start(*words, "--sandbox", "none", cwd=repo)
    signal.signal(signal.SIGHUP, before)
    wait_for((tmp_path / "began").exists)
    for _ in range(3):
        running.send_signal(signal.SIGHUP)
    if nohup:
        gate.touch()
    running.communicate(timeout=30)
    assert running.returncode == (1 if nohup else 130)
    assert state_of(wtman, repo) == ("failed" if nohup else "stopped")


@pytest.mark.slow
def test_a_keeper_that_was_stopped_holds_up_no_stop(
    wtman: kit.Program, repo: Path, agent: str
) -> None:
    words = ("split", "x", "--task", "slow: go", "--agent", agent, "--check", "true", "--yes")
    running = wtman.start(*words, "--sandbox", "none", cwd=repo)
    wait_for(lambda: "started" in wtman("logs", "slow", cwd=repo, check_status=None).out)
    lines = kit.session_processes(repo)
    keeper = next(pid for pid, line in lines if kit.is_keeper(line) and "slow" in line)
    os.kill(keeper, signal.SIGSTOP)
    assert "has stopped" in wtman("stop", cwd=repo).out
    running.communicate(timeout=30)
    assert running.returncode == 130
