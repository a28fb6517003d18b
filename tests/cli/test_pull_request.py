"""`merge --pr` with a `gh` that writes down what it is told; the remote is real."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit

Git = Callable[..., str]

# Keeps what is open in a file, and every call with what it was told.
GH = """\
#!{python}
import json, os, sys
log, args = os.environ["GH_LOG"], sys.argv[1:]
body = sys.stdin.read() if "-" in args else ""
with open(log + ".calls", "a") as out:
    print(json.dumps([args, body]), file=out)
told = dict(zip(args, args[1:]))
known = json.load(open(log + ".open")) if os.path.exists(log + ".open") else {{}}
if args[:2] == ["auth", "status"]:
    sys.exit(int(os.environ.get("GH_AUTH", "0")))
if args[:2] == ["pr", "list"]:
    if os.environ.get("GH_BLIND"):
        sys.exit(1)
    head = told["--head"]
    print(json.dumps([{{"url": known[head]}}] if head in known else []))
elif args[:2] == ["pr", "create"]:
    if os.environ.get("GH_FAIL"):
        sys.exit("no sign-in")
    head = told["--head"]
    if head in known:
        sys.exit(f'a pull request for branch "{{head}}" already exists:\\n{{known[head]}}')
    known[head] = f"https://example.com/pull/{{len(known) + 7}}"
    json.dump(known, open(log + ".open", "w"))
    print(known[head])
"""


class Calls:
    """What `gh` was told so far, `auth status` and look-ups left out."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "gh.calls"

    def __call__(self) -> list[tuple[list[str], str]]:
        lines = self._path.read_text().splitlines()
        self._path.unlink()
        told = [tuple(json.loads(text)) for text in lines]
        return [(args, body) for args, body in told if args[1] in ("create", "edit")]


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return Calls(tmp_path)


def value(args: list[str], option: str) -> str:
    return args[args.index(option) + 1]


@pytest.fixture
def home(repo: Path, git: Git, tmp_path: Path) -> Path:
    """A repository with a bare remote and a branch `topic`."""
    git(tmp_path, "clone", "-q", "--bare", str(repo), "remote.git")
    git(repo, "remote", "add", "origin", str(tmp_path / "remote.git"))
    git(repo, "switch", "-q", "-c", "topic")
    kit.commit_files(repo, {"topic.txt": "t\n"}, "Add the topic")
    git(repo, "switch", "-q", "main")
    return repo


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    kit.write_files(tmp_path, {"bin/gh": GH.format(python=sys.executable)})

    return {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "GH_LOG": str(tmp_path / "gh")}


WORDS = ("merge", "--branches", "topic", "--check", "test -e README.md", "--pr")


def test_one_pull_request_for_the_train_and_nothing_lands(
    wtman: kit.Program, home: Path, env: dict[str, str], git: Git, tmp_path: Path, calls: Calls
) -> None:
    hooks = home / ".git/hooks"
    kit.write_files(hooks, {"pre-push": f"#!/bin/sh\ntouch {tmp_path}/hooked\n"})
    told = wtman(*WORDS, "--json", cwd=home, env=env).json()
    assert told["pr"] == "https://example.com/pull/7"
    assert told["landed"] == ["topic"]
    assert git(home, "log", "--format=%s", "main") == "first"
    ((args, body),) = calls()
    assert args[:2] == ["pr", "create"] and value(args, "--base") == "main"
    branch = value(args, "--head")
    assert branch.startswith("wtman/merge-topic-")
    assert value(args, "--title") == "merge topic"
    assert body.startswith("# merge topic") and "## Merge" in body
    remote = tmp_path / "remote.git"
    assert git(remote, "rev-parse", branch) == told["commits"]["topic"]
    assert git(remote, "log", "--format=%s", branch) == "Add the topic\nfirst"
    assert not (tmp_path / "hooked").exists()


@pytest.mark.parametrize("place", [".", "linked"])
def test_the_remote_may_be_a_path_relative_to_the_checkout(
    wtman: kit.Program, home: Path, env: dict[str, str], git: Git, tmp_path: Path, place: str
) -> None:
    git(home, "remote", "set-url", "origin", "../remote.git")
    where = home / place
    if place == "linked":
        where = tmp_path / "linked"
        git(home, "worktree", "add", "-q", "--detach", str(where))
    git(where, "push", "-q", "--dry-run", "origin", "HEAD:refs/heads/x")
    told = wtman(*WORDS, "--into", "main", "--json", cwd=where, env=env).json()
    assert told["pr"] == "https://example.com/pull/7"
    pushed = git(tmp_path / "remote.git", "for-each-ref", "--format=%(objectname)", "refs/heads")
    assert told["commits"]["topic"] in pushed


def test_the_remote_and_branch_of_the_upstream_are_asked(
    wtman: kit.Program, home: Path, env: dict[str, str], git: Git, calls: Calls
) -> None:
    git(home, "remote", "rename", "origin", "team")
    git(home, "config", "branch.main.remote", "team")
    git(home, "config", "branch.main.merge", "refs/heads/trunk")
    done = wtman(*WORDS, cwd=home, env=env)
    assert done.out.endswith("\npull request: https://example.com/pull/7\n")
    ((args, _),) = calls()
    assert value(args, "--base") == "trunk"


@pytest.mark.slow
def test_what_is_missing_is_said_before_anything_is_checked(
    wtman: kit.Program, home: Path, env: dict[str, str], git: Git, tmp_path: Path
) -> None:
    import shutil

    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("git", "sh", "python3"):
        (tools / name).symlink_to(shutil.which(name) or "")
    refused = wtman(*WORDS, cwd=home, env={"PATH": str(tools)}, check_status=3)
    assert "--pr needs the program gh" in refused.err
    assert "--dry-run" in wtman(*WORDS, "--dry-run", cwd=home, env=env, check_status=2).err
    refused = wtman(*WORDS, cwd=home, env={**env, "GH_AUTH": "1"}, check_status=3)
    assert "gh is not signed in" in refused.err and "gh auth login" in refused.err
    git(home, "remote", "remove", "origin")
    refused = wtman(*WORDS, cwd=home, env=env, check_status=3)
    assert "there is no remote 'origin'" in refused.err
    assert not (home / ".git/wtman/runs").exists()


def test_a_gh_that_fails_says_why(wtman: kit.Program, home: Path, env: dict[str, str]) -> None:
    failed = wtman(*WORDS, "--json", cwd=home, env={**env, "GH_FAIL": "1"}, check_status=None)
    assert failed.code != 0
    assert "gh pr create ended with status 1: no sign-in" in failed.json()["error"]["message"]


@pytest.mark.parametrize("blind", ["", "1"])
def test_a_second_call_brings_it_up_to_date(
    wtman: kit.Program, home: Path, env: dict[str, str], calls: Calls, blind: str
) -> None:
    env = {**env, "GH_BLIND": blind}  # where it cannot look up what is open
    first = wtman(*WORDS, "--json", cwd=home, env=env).json()
    assert len(calls()) == 1
    again = wtman(*WORDS, "--json", cwd=home, env=env).json()
    assert again["pr"] == first["pr"]
    args, body = calls()[-1]
    assert args[:3] == ["pr", "edit", first["pr"]]
    assert value(args, "--title") == "merge topic" and "## Merge" in body


PLAN = (
    """\
request = "all of it"
check = "test -e README.md"
[[task]]
id = "core"
title = "Lay the core"
prompt = "do the core"
owns = ["core.txt"]
[[task]]
id = "page"
prompt = """
    + '"""Show it.\n<b>boldly</b>"""'
    + """
owns = ["page.txt"]
needs = ["core"]
[[task]]
id = "docs"
prompt = "describe it"
owns = ["docs.txt"]
[[task]]
id = "bad"
prompt = "fail"
owns = ["bad.txt"]
"""
)


@pytest.fixture
def run(wtman: kit.Program, home: Path, agent: str, tmp_path: Path) -> str:
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN)
    words = ("--agent", agent, "--attempts", "1", "--yes", "--json")
    done = wtman("split", "--plan", plan, *words, cwd=home, check_status=1)
    return str(done.jsonl()[0]["run"])


def test_one_for_each_task_on_what_it_needs(
    wtman: kit.Program,
    home: Path,
    env: dict[str, str],
    git: Git,
    tmp_path: Path,
    calls: Calls,
    run: str,
) -> None:
    words = ("merge", "--pr-per-task", "--exclude", "bad")
    told = wtman(*words, "--json", cwd=home, env=env, check_status=None).json()
    assert list(told["prs"]) == told["landed"] and {*told["prs"]} == {"core", "page", "docs"}
    assert git(home, "log", "--format=%s", "main") == "first"
    made = {value(args, "--head"): (args, body) for args, body in calls()}
    name = {task: f"wtman/{run}-{task}" for task in told["prs"]}
    base = {task: value(made[branch][0], "--base") for task, branch in name.items()}
    assert base == {"core": "main", "page": name["core"], "docs": "main"}
    title = {task: value(made[branch][0], "--title") for task, branch in name.items()}
    assert title == {"core": "Lay the core", "page": "Show it.", "docs": "describe it"}
    body = made[name["page"]][1]
    assert told["prs"]["core"] in body and "<b>" not in body
    assert "test -e README.md" in body
    remote = tmp_path / "remote.git"
    for task, under in {"core": "main", "page": name["core"], "docs": "main"}.items():
        changed = git(remote, "diff", "--name-only", f"{under}...{name[task]}")
        assert changed.split() == [f"{task}.txt"]
        assert git(remote, "rev-list", "--count", f"{under}..{name[task]}").strip() == "1"
    again = wtman(*words, cwd=home, env=env, check_status=None)
    assert [args[1] for args, _ in calls()] == ["edit"] * 3
    assert again.out.count("https://example.com/pull/") == 3


def test_each_is_refused_before_anything_is_checked(
    wtman: kit.Program, home: Path, env: dict[str, str]
) -> None:
    words = (*WORDS[:-1], "--pr-per-task")
    refused = wtman(*words, cwd=home, env={**env, "GH_AUTH": "1"}, check_status=3)
    assert "--pr-per-task cannot open a pull request: gh is not signed in" in refused.err
    assert not (home / ".git/wtman/runs").exists()
    refused = wtman(*words, "--dry-run", cwd=home, env=env, check_status=2)
    assert "--pr-per-task and --dry-run" in refused.err


def test_branches_of_others_have_one_each_too(
    wtman: kit.Program, home: Path, env: dict[str, str], git: Git, calls: Calls
) -> None:
    git(home, "switch", "-q", "-c", "feat/two", "topic")
    kit.commit_files(home, {"two.txt": "2\n"}, "Add two")
    git(home, "switch", "-q", "main")
    words = ("merge", "--branches", "topic", "feat/two", "--check", "test -e README.md")
    told = wtman(*words, "--pr-per-task", "--json", cwd=home, env=env).json()
    assert {*told["prs"]} == {"topic", "feat/two"}
    (one, _), (two, _) = calls()
    assert value(two, "--base") == value(one, "--head")
    assert (value(one, "--title"), value(two, "--title")) == ("Add the topic", "Add two")


def test_the_pull_requests_of_an_issue_close_it_once(
    wtman: kit.Program, home: Path, env: dict[str, str], agent: str, calls: Calls, tmp_path: Path
) -> None:
    url = "https://example.com/acme/shop/issues/7"
    shown = json.dumps({"number": 7, "title": "Round", "body": "", "comments": [], "url": url})
    viewer = f"#!/bin/sh\n[ $1 = issue ] || exec {tmp_path}/bin/gh \"$@\"\necho '{shown}'\n"
    kit.write_files(tmp_path, {"viewer/gh": viewer})
    env = {**env, "PATH": f"{tmp_path}/viewer:{env['PATH']}"}
    words = ("--task", "one: x", "--task", "two: y", "--agent", agent, "--check", "true")
    wtman("split", "--issue", "7", *words, "--yes", cwd=home, env=env)
    for option, bodies in (("--pr-per-task", 2), ("--pr", 1)):
        wtman("merge", option, cwd=home, env=env)
        told = [body for _, body in calls()]
        assert len(told) == bodies and "".join(told).count("Closes #7") == 1
