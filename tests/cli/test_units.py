"""Leads and trains through the real commands: landed whole, or excluded with the part named."""

import sys
from pathlib import Path

import pytest

from tests import kit
from tests.cli.test_teams import Team

JUDGE = """\
import os, sys
sys.exit("no good" if os.path.exists("api/in.txt") and not os.path.exists("good") else 0)
"""
THEIRS = {"api/in.txt": "theirs\n", ".gitattributes": "*.txt merge=binary\n"}
FLOW = '''\
"""Two parts and one that is built on both."""
from wtman.flow import Flow


async def main(flow: Flow):
    parts = await flow.map(["a", "b"], lambda name: flow.session(f"write {name}.txt", title=name))
    train = await flow.merge(parts.values)
    user = await flow.session("write user.txt", on=train.work, title="user")
    return [train, user]
'''


@pytest.fixture
def team(tmp_path: Path, repo: Path, wtman: kit.Program) -> Team:
    return Team(tmp_path / "team", repo, wtman)


@pytest.mark.slow
def test_a_lead_is_excluded_whole_and_lands_whole_once_its_part_is_retried(team: Team) -> None:
    team.split()
    kit.commit_files(team.repo, {"judge.py": JUDGE}, "judge")
    check = ("--check", f"{sys.executable} judge.py")
    told = team("merge", "--json", "--dry-run", *check, code=1).json()
    assert (told["landed"], told["units"]) == (["core"], {})
    left = {item["task"]: item for item in told["excluded"]}
    assert list(left) == ["api_model", "api_web_in", "api_web_out", "last"]
    assert left["api_web_in"]["reason"] == "failed" and left["last"]["with"] == ["api"]
    assert {left[name]["unit"] for name in list(left)[:3]} == {"api"}
    done = team("merge", "--only", "api_web_in", "--dry-run")
    assert "api_web_in is a part of api, which is merged as a whole" in done.out
    done = team("merge", *check, code=1)
    assert done.out.rstrip().endswith("/api_web_in"), "what to retry is the part"
    kit.commit_files(team.repo, {"good": ""}, "good")
    team("retry", "api_web_in")
    assert {item["state"] for item in team.tasks.values()} == {"verified", "merged"}
    told = team("merge", "--json", *check).json()
    assert told["landed"] == ["api_model", "api_web_in", "api_web_out", "last"]
    assert told["units"] == {"api": ["api_model", "api_web_in", "api_web_out"]}
    team("verify", told["patches"])
    assert {item["state"] for item in team.tasks.values()} == {"merged"}
    team("clean")
    assert kit.run_git(team.repo, "for-each-ref", "refs/heads/wtman") == ""


@pytest.mark.slow
def test_a_train_that_a_flow_returns_lands_whole_or_not_at_all(team: Team) -> None:
    flow = team.folder / "flow.py"
    flow.write_text(FLOW)
    words = ("run", str(flow), "--agent", team.agent("agent"), "--check", "test -f README.md")
    team(*words, "--yes")
    kit.commit_files(team.repo, {"judge.py": JUDGE.replace("api/in", "a")}, "judge")
    told = team("merge", "--json", "--check", f"{sys.executable} judge.py", code=1).json()
    assert told["landed"] == []
    reasons = {item["task"].partition("-")[0]: item["reason"] for item in told["excluded"]}
    assert reasons == {"a": "failed", "b": "unverified", "user": "unverified"}
    (train,) = {item["unit"] for item in told["excluded"]} - {None}
    told = team("merge", "--json", "--only", train).json()
    assert [name.partition("-")[0] for name in told["units"][train]] == ["a", "b"]
    told = team("merge", "--json").json()
    assert [name.partition("-")[0] for name in told["landed"]] == ["user"]
    assert kit.run_git(team.repo, "show", "HEAD:user.txt") == "a.txt b.txt"


@pytest.mark.slow
def test_a_resolver_brings_a_part_to_the_target_and_its_unit_lands_with_it(team: Team) -> None:
    team.split()
    kit.commit_files(team.repo, THEIRS, "theirs")
    (team.folder / "resolver.py").write_text("open('api/in.txt', 'w').write('both\\n')\n")
    told = team("merge", "--resolver", team.agent("resolver"), "--json").json()
    assert told["landed"] == ["core", "api_model", "api_web_in", "api_web_out", "last"]
    assert (told["resolved"], told["excluded"]) == (["api_web_in"], [])
    assert told["units"] == {"api": ["api_model", "api_web_in", "api_web_out"]}
    assert kit.run_git(team.repo, "show", "HEAD:api/in.txt") == "both"


@pytest.mark.slow
def test_a_part_that_no_resolver_brings_along_leaves_its_unit_as_it_was(team: Team) -> None:
    team.split()
    kit.commit_files(team.repo, THEIRS, "theirs")
    (team.folder / "resolver.py").write_text("raise SystemExit(3)\n")
    told = team("merge", "--resolver", team.agent("resolver"), "--json", code=1).json()
    assert (told["landed"], told["units"]) == (["core"], {})
    reasons = {item["task"]: item["reason"] for item in told["excluded"]}
    assert reasons.pop("api_web_in") == "conflict"
    assert reasons == dict.fromkeys(["api_model", "api_web_out", "last"], "unverified")
    assert {item["state"] for item in team.tasks.values()} == {"merged", "excluded"}
