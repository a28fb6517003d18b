"""`--issue N` with a `gh` that says what it was told to: its words are a prompt and no more."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import kit

Git = Callable[..., str]
URL = "https://example.com/acme/shop/issues/7"
ISSUE = {
    "number": 7,
    "title": "--yes Round \x1b[31mprices\x07",
    "body": "Prices are off.\r\n\r\n$(touch /tmp/never) `x`\n-m\n",
    "comments": [
        {"author": {"login": "alice"}, "body": "Also in the cart."},
        {"author": None, "body": "And here."},
    ],
    "url": URL,
}
REQUEST = """\
--yes Round prices

Prices are off.

$(touch /tmp/never) `x`
-m

Comments on issue #7:

alice: Also in the cart.

somebody: And here."""
GH = """\
#!/bin/sh
printf '%s\\n' "$@" > "$GH_LOG"
[ -z "${GH_SAYS:-}" ] || { echo "$GH_SAYS" >&2; exit ${GH_STATUS:-1}; }
cat "$GH_ISSUE"
"""


@pytest.fixture
def gh(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """The environment with such a `gh`, for an issue."""

    def make(**changed: Any) -> dict[str, str]:
        told = json.dumps({**ISSUE, **changed})
        kit.write_files(tmp_path, {"bin/gh": GH, "issue.json": told})
        path = f"{tmp_path}/bin:{os.environ['PATH']}"
        log = str(tmp_path / "gh.args")
        return {"PATH": path, "GH_LOG": log, "GH_ISSUE": str(tmp_path / "issue.json")}

    return make


def test_an_issue_is_the_request_and_the_merge_closes_it_once(
    wtman: kit.Program,
    repo: Path,
    agent: str,
    gh: Callable[..., dict[str, str]],
    git: Git,
    tmp_path: Path,
) -> None:
    env = gh()
    words = ("--task", "one: x", "--task", "two: y", "--agent", agent, "--check", "true")
    done = wtman("split", "--issue", "7", *words, "--yes", cwd=repo, env=env)
    assert f"issue      {URL}" in done.out
    assert (tmp_path / "gh.args").read_text().splitlines() == [
        "issue", "view", "7", "--json", "number,title,body,comments,url",
    ]  # fmt: skip
    run = wtman("status", "--json", cwd=repo).json()["run"]
    assert (run["request"], run["issue"]) == (REQUEST, URL)
    assert run["id"].startswith("yes-round-prices-")
    assert URL in wtman("report", cwd=repo).out
    wtman("merge", cwd=repo)
    log = git(repo, "log", "--format=%B", "main")
    assert log.count("Closes #7") == 1
    last = git(repo, "log", "-1", "--format=%B", "main")
    assert "Closes #7\n\nWtman-Run:" in last


def test_an_issue_is_not_closed_while_a_task_is_left(
    wtman: kit.Program, repo: Path, agent: str, gh: Callable[..., dict[str, str]], git: Git
) -> None:
    words = ("--task", "one: x", "--task", "bad: y", "--agent", agent, "--check", "true")
    more = ("--attempts", "1", "--yes")
    wtman("split", "be quick", "--issue", "#7", *words, *more, cwd=repo, env=gh(), check_status=1)
    request = wtman("status", "--json", cwd=repo).json()["run"]["request"]
    assert request == f"be quick\n\n{REQUEST}"
    wtman("merge", cwd=repo, check_status=None)
    assert "Closes" not in git(repo, "log", "--format=%B", "main")


@pytest.mark.parametrize(
    ("origin", "named"),
    [
        ("https://example.com/Acme/shop.git", "Closes #7"),
        ("git@example.com:acme/shop.git", "Closes #7"),
        ("https://example.com/me/shop", "Closes acme/shop#7"),
    ],
)
def test_an_address_names_its_repository_where_that_is_another(
    wtman: kit.Program,
    repo: Path,
    agent: str,
    gh: Callable[..., dict[str, str]],
    git: Git,
    origin: str,
    named: str,
) -> None:
    git(repo, "remote", "add", "origin", origin)
    words = ("--task", "one: x", "--agent", agent, "--check", "true", "--yes")
    wtman("split", "--issue", URL, *words, cwd=repo, env=gh())
    wtman("merge", cwd=repo)
    assert named in git(repo, "log", "-1", "--format=%B", "main")


def test_an_endless_issue_is_bounded_and_says_so(
    wtman: kit.Program, repo: Path, agent: str, gh: Callable[..., dict[str, str]]
) -> None:
    comments = [{"author": {"login": f"u{n}"}, "body": "word " * 900} for n in range(30)]
    env = gh(body="line\n" * 100_000, comments=comments)
    words = ("--task", "one: x", "--agent", agent, "--check", "true")
    wtman("split", "--issue", "7", *words, cwd=repo, env=env, check_status=3)
    request = wtman("status", "--json", cwd=repo).json()["run"]["request"]
    assert len(request) < 50_000
    assert "(cut: the rest is not shown)" in request
    assert "u29: word" in request and "u0: word" not in request
    assert "earlier comments not shown)" in request


def test_a_plan_file_and_a_planner_may_have_it_too(
    wtman: kit.Program, repo: Path, agent: str, gh: Callable[..., dict[str, str]]
) -> None:
    plan = 'request = "old"\n[[task]]\nid = "one"\nprompt = "x"\n'
    kit.write_files(repo, {"plan.toml": plan})
    words = ("--agent", agent, "--check", "true")
    done = wtman("run", "plan.toml", "--issue", "7", *words, "--dry-run", cwd=repo, env=gh())
    assert URL in done.out and "old" not in done.out
    static = ("--planner", "static", "--parts", "1")
    done = wtman("plan", "--issue", "7", *static, *words, cwd=repo, env=gh())
    assert "Round prices" in done.out
    refused = wtman("plan", cwd=repo, check_status=2)
    assert "there is nothing to plan" in refused.err
    kit.write_files(repo, {"f.py": "async def main(flow):\n    return []\n"})
    refused = wtman("run", "f.py", "--issue", "7", cwd=repo, env=gh(), check_status=2)
    assert "--issue is for a plan file" in refused.err


@pytest.mark.parametrize(
    ("issue", "says", "status", "told", "code"),
    [
        ("seven", "", "", "expected a number or the address of an issue", 2),
        ("--web", "", "", "expected a number or the address of an issue", 2),
        ("https://example.com/acme/shop/pull/7", "", "", "expected a number or the address", 2),
        ("7", "To get started, please run:  gh auth login", "4", "gh is not signed in", 3),
        (
            "99",
            "GraphQL: Could not resolve to an issue or pull request with the number of 99.",
            "1",
            "gh cannot show issue 99: GraphQL: Could not resolve to an issue",
            3,
        ),
    ],
)
def test_what_names_no_issue_is_said(
    wtman: kit.Program,
    repo: Path,
    agent: str,
    gh: Callable[..., dict[str, str]],
    issue: str,
    says: str,
    status: str,
    told: str,
    code: int,
) -> None:
    env = {**gh(), "GH_SAYS": says, "GH_STATUS": status}
    words = ("split", f"--issue={issue}", "--agent", agent, "--yes")
    assert told in wtman(*words, cwd=repo, env=env, check_status=code).err


def test_without_gh_it_says_what_to_install(
    wtman: kit.Program, repo: Path, agent: str, tmp_path: Path
) -> None:
    import shutil

    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("git", "sh"):
        (tools / name).symlink_to(shutil.which(name) or "")
    words = ("split", "--issue", "7", "--agent", agent, "--yes", "--json")
    failed = wtman(*words, cwd=repo, env={"PATH": str(tools)}, check_status=3)
    assert "--issue needs the program gh" in failed.json()["error"]["message"]
