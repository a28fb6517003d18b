"""`merge --pr` with a `gh` that writes down what it is told; the remote is real."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit

Git = Callable[..., str]

GH = """\
#!/bin/sh
printf '%s\\n' "$@" > "$GH_LOG.args"
cat > "$GH_LOG.body"
[ -z "${GH_FAIL:-}" ] || { echo "no sign-in" >&2; exit 4; }
echo "https://example.com/pull/7"
"""


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
    kit.write_files(tmp_path, {"bin/gh": GH})
    import os

    return {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "GH_LOG": str(tmp_path / "gh")}


WORDS = ("merge", "--branches", "topic", "--check", "test -e README.md", "--pr")


def test_one_pull_request_for_the_train_and_nothing_lands(
    wtman: kit.Program, home: Path, env: dict[str, str], git: Git, tmp_path: Path
) -> None:
    hooks = home / ".git/hooks"
    kit.write_files(hooks, {"pre-push": f"#!/bin/sh\ntouch {tmp_path}/hooked\n"})
    told = wtman(*WORDS, "--json", cwd=home, env=env).json()
    assert told["pr"] == "https://example.com/pull/7"
    assert told["landed"] == ["topic"]
    assert git(home, "log", "--format=%s", "main") == "first"
    args = (tmp_path / "gh.args").read_text().splitlines()
    assert args[:4] == ["pr", "create", "--base", "main"]
    branch = args[args.index("--head") + 1]
    assert branch.startswith("wtman/merge-topic-")
    assert args[args.index("--title") + 1] == "merge topic"
    body = (tmp_path / "gh.body").read_text()
    assert body.startswith("# merge topic") and "## Merge" in body
    remote = tmp_path / "remote.git"
    assert git(remote, "rev-parse", branch) == told["commits"]["topic"]
    assert git(remote, "log", "--format=%s", branch) == "Add the topic\nfirst"
    assert not (tmp_path / "hooked").exists()


def test_the_remote_and_branch_of_the_upstream_are_asked(
    wtman: kit.Program, home: Path, env: dict[str, str], git: Git, tmp_path: Path
) -> None:
    git(home, "remote", "rename", "origin", "team")
    git(home, "config", "branch.main.remote", "team")
    git(home, "config", "branch.main.merge", "refs/heads/trunk")
    done = wtman(*WORDS, cwd=home, env=env)
    assert done.out.endswith("\npull request: https://example.com/pull/7\n")
    args = (tmp_path / "gh.args").read_text().splitlines()
    assert args[args.index("--base") + 1] == "trunk"


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
    git(home, "remote", "remove", "origin")
    refused = wtman(*WORDS, cwd=home, env=env, check_status=3)
    assert "there is no remote 'origin'" in refused.err
    assert not (home / ".git/wtman/runs").exists()


def test_a_gh_that_fails_says_why(wtman: kit.Program, home: Path, env: dict[str, str]) -> None:
    failed = wtman(*WORDS, "--json", cwd=home, env={**env, "GH_FAIL": "1"}, check_status=None)
    assert failed.code != 0
    assert "gh pr create ended with status 4: no sign-in" in failed.json()["error"]["message"]
