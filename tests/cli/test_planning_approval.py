"""Agents that help to plan and came with the repository: none runs before its user says yes."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit
from tests.cli.terminal import Terminal

PLAN = {"tasks": [{"id": "one", "prompt": "do it", "owns": ["one.txt"]}]}
PLANNER = f"print('''{json.dumps(PLAN)}''')\n"
EVIL = """\
import pathlib, sys
pathlib.Path(__file__).with_name("ran").write_text("x")
"""
ROLES = ("planner", "scout", "judge", "repairer", "reviewer")
OWN_ROLE = "---\nname: {0}\nagent: {1}\n---\nDo your part.\n"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    kit.write_files(folder, {"planner.py": PLANNER, "evil.py": EVIL})
    return folder


@pytest.fixture
def wide(repo: Path) -> Path:
    """A repository of parts for scouts to look at."""
    kit.write_files(
        repo, {f"{name}/m{n}.py": f"x = {n}\n" for name in ("bills", "users") for n in range(20)}
    )
    kit.run_git(repo, "add", "-A")
    kit.run_git(repo, "commit", "-qm", "parts")
    return repo


def bring(repo: Path, role: str, spec: str, way: str) -> None:
    """The repository brings an agent of this role."""
    if way == "role file":
        kit.write_files(repo, {f".wtman/agents/{role}.md": OWN_ROLE.format(role, spec)})
    else:
        kit.write_files(repo, {"wtman.toml": f"[roles]\n{role} = {json.dumps(spec)}\n"})
    kit.run_git(repo, "add", "-A")
    kit.run_git(repo, "commit", "-qm", "agents")


@pytest.fixture
def words(outside: Path, agent: str) -> Callable[..., tuple[str, ...]]:
    def of(role: str) -> tuple[str, ...]:
        planner = f"command:{sys.executable} {outside}/planner.py"
        named = () if role == "planner" else ("--planner", planner)
        more = ("--sandbox", "none", "--effort", "ultra", "--reviewers", "0", "--check", "true")
        return ("split", "new totals in bills and users", "--agent", agent, *named, *more)

    return of


@pytest.mark.parametrize("way", ["role file", "wtman.toml"])
@pytest.mark.parametrize("role", ROLES)
def test_an_agent_of_the_repository_is_not_started_without_approval(
    wide: Path,
    wtman: kit.Program,
    outside: Path,
    words: Callable[..., tuple[str, ...]],
    role: str,
    way: str,
) -> None:
    spec = f"command:{sys.executable} {outside}/evil.py"
    bring(wide, role, spec, way)
    done = wtman(*words(role), "--yes", cwd=wide, check_status=3)
    assert "need your approval" in done.err and spec in done.err
    assert not (outside / "ran").exists()
    runs = list((wide / ".git/wtman/runs").glob("*"))
    assert bool(runs) is (role in ("repairer", "reviewer")), "who plans is asked about first"
    shown = wtman("trust", cwd=wide, check_status=None).out
    assert spec in shown
    for run in runs:
        resumed = wtman("resume", run.name, "--yes", cwd=wide, check_status=3)
        assert "need your approval" in resumed.err
    assert not (outside / "ran").exists()


@pytest.mark.parametrize("role", ["scout", "judge"])
def test_it_is_asked_in_a_terminal_and_a_no_starts_nothing(
    wide: Path,
    terminal: Callable[..., Terminal],
    outside: Path,
    words: Callable[..., tuple[str, ...]],
    role: str,
) -> None:
    bring(wide, role, f"command:{sys.executable} {outside}/evil.py", "role file")
    shown = terminal(*words(role))
    screen = shown.until("Approve\\?")
    assert f"the {role} is a command of this repository and needs your approval" in screen
    assert not (outside / "ran").exists()
    shown.child.sendline("n")
    assert shown.end() == 3
    assert not (outside / "ran").exists()


@pytest.mark.parametrize("role", ["planner", "scout", "judge"])
def test_what_the_repository_names_since_is_not_started_by_a_resume(
    wide: Path,
    wtman: kit.Program,
    outside: Path,
    words: Callable[..., tuple[str, ...]],
    role: str,
) -> None:
    (outside / "planner.py").write_text("print('nothing')\n")
    wtman(*words(""), "--yes", cwd=wide, check_status=None)
    (run,) = (wide / ".git/wtman/runs").glob("*")
    bring(wide, role, f"command:{sys.executable} {outside}/evil.py", "wtman.toml")
    resumed = wtman("resume", run.name, "--yes", cwd=wide, check_status=3)
    assert "need your approval" in resumed.err and "wtman trust" in resumed.err
    assert not (outside / "ran").exists()


def test_what_the_repository_would_open_to_a_planner_is_asked_first(
    wide: Path, wtman: kit.Program, outside: Path, agent: str
) -> None:
    (outside / "planner.py").write_text(EVIL)
    kit.write_files(wide, {"wtman.toml": 'env = ["MY_TOKEN"]\n'})
    planner = f"command:{sys.executable} {outside}/planner.py"
    call = ("split", "totals", "--agent", agent, "--planner", planner, "--sandbox", "none")
    done = wtman(*call, "--yes", cwd=wide, check_status=3)
    assert "env = MY_TOKEN" in done.err and not (outside / "ran").exists()
