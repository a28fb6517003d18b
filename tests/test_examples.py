"""What examples/ promises: the scripted agent does real work, and scripts/try the whole job."""

import os
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.kit import ROOT, Program, assert_no_leftover_processes, create_repo, run_git, write_files

EXAMPLES = ROOT / "examples"
PLAN = tomllib.loads((EXAMPLES / "shop-plan.toml").read_text())
TASKS = {task["id"]: task for task in PLAN["task"]}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    source = EXAMPLES / "shop"
    files = [p for p in source.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    content: dict[str, str | bytes] = {str(p.relative_to(source)): p.read_bytes() for p in files}
    return create_repo(tmp_path / "shop", content)


def agent(worktree: Path, task: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(EXAMPLES / "agents/scripted.py")],
        cwd=worktree,
        env={**os.environ, "WTMAN_TASK": task},
        input="do it",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def green_tests(worktree: Path) -> int:
    """The number of tests, all of them green."""
    done = subprocess.run(
        [sys.executable, "-m", "unittest", "-q"],
        cwd=worktree,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stderr.split("Ran ")[1].split()[0])


def test_each_task_adds_tests_stays_in_its_paths_and_merges(shop):
    """Every branch from what it needs, as wtman makes them; then all of them together."""
    before = green_tests(shop)
    for name, task in TASKS.items():
        run_git(shop, "switch", "-qc", name, "main")
        for need in task.get("needs", ()):
            run_git(shop, "merge", "-q", "--no-edit", need)
        started = green_tests(shop)
        done = agent(shop, name)
        assert done.returncode == 0, done.stderr
        assert green_tests(shop) > started
        run_git(shop, "add", "-A")
        touched = run_git(shop, "diff", "--cached", "--name-only").splitlines()
        assert touched
        assert all(any(fnmatch(path, owned) for owned in task["owns"]) for path in touched)
        run_git(shop, "commit", "-qm", name)
        agent(shop, name)
        assert run_git(shop, "status", "--porcelain") == "", "the second time changes nothing"
    run_git(shop, "switch", "-q", "main")
    for name in TASKS:
        run_git(shop, "merge", "-q", "--no-edit", name)
    assert green_tests(shop) >= before + len(TASKS)


def test_the_scripted_agent_refuses_what_it_does_not_know(shop):
    done = agent(shop, "run-1/oauth")
    assert (done.returncode, done.stderr) == (
        1,
        "I only know vouchers, stock, receipt, checkout, not 'oauth'.\n",
    )
    assert run_git(shop, "status", "--porcelain") == ""


@pytest.mark.slow
def test_try_runs_the_whole_job(tmp_path, program_environment):
    program = Program(tmp_path)
    shim = f'#!/bin/sh\nexec "{program.argv[0]}" -m wtman "$@"\n'
    write_files(tmp_path, {"bin/wtman": shim})
    done = subprocess.run(
        [str(ROOT / "scripts/try"), "--installed"],
        env={
            **os.environ,
            **program_environment,
            "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "TMPDIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    (here,) = tmp_path.glob("wtman-try.*")
    assert green_tests(here / "shop") > green_tests(EXAMPLES / "shop")
    assert run_git(here / "shop", "status", "--porcelain") == ""
    assert any((here / "patches").glob("*.patch"))
    assert (here / "patches/manifest.json").is_file()
    assert_no_leftover_processes(tmp_path)
