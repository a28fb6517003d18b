"""`merge --branches` in real repositories: branches that wtman did not make."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit

Git = Callable[..., str]

CHECK = "sh check.sh"
FILES = {
    "README.md": "# A repository\n",
    "check.sh": "for t in test_*.sh; do sh $t || { echo $t failed; exit 1; }; done\n",
    "test_total.sh": ". ./total.sh; [ $total = 2 ]\n",
    "total.sh": "total=2\n",
    "lines.txt": "".join(f"line {n}\n" for n in range(20)),
}


@pytest.fixture
def repo(make_repo: Callable[..., Path]) -> Path:
    return make_repo(FILES)


@pytest.fixture
def branch(repo: Path, git: Git) -> Callable[..., str]:
    """`branch("name", {...}, on="main")`: one commit on a branch, made if need be; its sha."""

    def make(
        name: str,
        files: dict[str, str],
        message: str = "",
        *,
        on: str = "main",
        author: str = "",
    ) -> str:
        known = git(repo, "branch", "--list", name)
        git(repo, "switch", "-q", *(() if known else ("-c",)), name, *(() if known else (on,)))
        kit.commit_files(repo, files, message or f"work on {name}")
        if author:
            git(repo, "commit", "-q", "--amend", "--no-edit", f"--author={author}")
        sha = git(repo, "rev-parse", "HEAD")
        git(repo, "switch", "-q", "main")
        return sha

    return make


Branch = Callable[..., str]


def test_branches_land_as_one_verified_change(
    wtman: kit.Program, repo: Path, branch: Branch, git: Git
) -> None:
    """No run, no configuration; the branches stay, and so does what else the user has."""
    branch("feature/a", {"a.txt": "a\n"}, "Add a\n\nBecause of b.", author="Bo <bo@example.com>")
    branch("b", {"b.txt": "b\n"}, "one")
    branch("b", {"c.txt": "c\n"}, "two")
    heads = git(repo, "for-each-ref", "refs/heads/feature", "refs/heads/b")
    words = ("merge", "--branches", "feature/a", "b", "--check", CHECK)
    told = wtman(*words, "--json", cwd=repo).json()
    assert told["run"] is None
    assert told["target"] == "main"
    assert told["landed"] == ["feature/a", "b"]
    assert list(told["commits"]) == ["feature/a", "b"]
    assert told["after"] == git(repo, "rev-parse", "main") == told["commits"]["b"]
    assert git(repo, "log", "--format=%s|%an|%cn", "-3") == (
        "b|Ada Tester|Ada Tester\nAdd a|Bo|Ada Tester\nfirst|Ada Tester|Ada Tester"
    )
    assert git(repo, "log", "-1", "--format=%B", "main~1") == "Add a\n\nBecause of b.\n"
    assert git(repo, "log", "-1", "--format=%B", "main") == "b\n\n* one\n* two\n"
    assert (repo / "c.txt").read_text() == "c\n"
    assert git(repo, "for-each-ref", "refs/heads/feature", "refs/heads/b") == heads
    assert wtman("verify", told["patches"], cwd=repo).code == 0
    # Nothing of it is a run of the user's.
    assert wtman("status", cwd=repo, check_status=3).out == ""
    assert len(wtman("status", "--all", "--json", cwd=repo).json()["runs"]) == 1


@pytest.mark.slow
def test_the_culprits_are_named_by_the_names_of_their_branches(
    wtman: kit.Program, repo: Path, branch: Branch, git: Git
) -> None:
    branch("Feat/good", {"good.txt": "good\n"})
    branch("Feat/three", {"total.sh": "total=3\n"})
    branch("left/Line", {"lines.txt": FILES["lines.txt"].replace("line 5", "left")})
    branch("right/Line", {"lines.txt": FILES["lines.txt"].replace("line 5", "right")})
    names = ("Feat/good", "Feat/three", "left/Line", "right/Line")
    words = ("merge", "--branches", *names, "--check", CHECK)
    rehearsed = wtman(*words, "--dry-run", cwd=repo, check_status=1)
    assert "2 branches would land on main" in rehearsed.out
    assert "  right/Line  conflicts with left/Line in lines.txt" in rehearsed.out
    assert "next:" not in rehearsed.out
    assert git(repo, "log", "--format=%s") == "first"
    told = wtman(*words, "--json", cwd=repo, check_status=1).json()
    assert told["landed"] == ["Feat/good", "left/Line"]
    left = {item["task"]: item for item in told["excluded"]}
    assert set(left) == {"Feat/three", "right/Line"}
    assert left["Feat/three"]["reason"] == "failed"
    assert "test_total.sh failed" in left["Feat/three"]["evidence"]
    assert left["right/Line"]["with"] == ["left/Line"]
    assert left["right/Line"]["evidence"] == (
        "conflicts with left/Line in lines.txt; of those that conflict the last is excluded"
    )


def test_a_branch_that_contains_another_needs_it(
    wtman: kit.Program, repo: Path, branch: Branch, git: Git
) -> None:
    """Its own change begins there, whatever order they are named in."""
    branch("low", {"low.txt": "1\n"})
    branch("high", {"low.txt": "1\n2\n"}, on="low")
    told = wtman("merge", "--branches", "high,low", "--check", CHECK, "--json", cwd=repo).json()
    assert told["landed"] == ["low", "high"]
    assert git(repo, "log", "--format=%s", "-2") == "work on high\nwork on low"
    # One that fails takes with it what is built on it.
    branch("bad", {"total.sh": "total=3\n"})
    branch("onbad", {"x.txt": "x\n"}, on="bad")
    told = wtman(
        "merge", "--branches", "bad", "onbad", "--check", CHECK, "--json", cwd=repo, check_status=1
    ).json()
    assert told["landed"] == []
    assert [item["task"] for item in told["excluded"]] == ["bad", "onbad"]


@pytest.mark.slow
def test_what_the_target_has_is_nothing_to_do(
    wtman: kit.Program, repo: Path, branch: Branch, git: Git
) -> None:
    """Merged, or landed as a squash before: the second time only what is new lands."""
    branch("old", {"old.txt": "1\n"})
    words = ("merge", "--branches", "old", "main", "--check", CHECK)
    first = wtman(*words, cwd=repo)
    assert first.out.startswith("main  is in main already\n")
    again = wtman(*words, cwd=repo)
    assert again.out == (
        "old is in main already\nmain is in main already\n"
        "there is nothing to merge: no commit that the target does not have\n"
    )
    told = wtman(*words, "--json", cwd=repo).json()
    assert (told["landed"], told["present"], told["checks"]) == ([], ["old", "main"], 0)
    # A later commit changes the very line that landed as a squash: no conflict with itself.
    branch("old", {"old.txt": "2\n"}, "second thoughts")
    told = wtman(*words, "--json", cwd=repo).json()
    assert (told["landed"], told["present"]) == (["old"], ["main"])
    assert git(repo, "log", "--format=%s", "-2") == "second thoughts\nwork on old"


def test_remote_branches_and_commits_will_do(
    wtman: kit.Program, repo: Path, branch: Branch, git: Git, tmp_path: Path
) -> None:
    branch("topic", {"topic.txt": "t\n"})
    sha = branch("gone", {"gone.txt": "g\n"})
    git(tmp_path, "clone", "-q", str(repo), "clone")
    clone = tmp_path / "clone"
    for key, value in (("user.name", "Cy"), ("user.email", "cy@example.com")):
        git(clone, "config", key, value)
    words = ("merge", "--branches", "origin/topic", sha, "--check", CHECK, "--json")
    told = wtman(*words, cwd=clone).json()
    assert told["landed"] == ["origin/topic", sha]
    assert (clone / "topic.txt").exists()


@pytest.mark.parametrize(
    "words, status, said",
    [
        (("--branches", "nope", "noway"), 2, 'there is no branch "nope", "noway"'),
        (("--branches", "tpoic"), 2, 'did you mean "topic"?'),
        (("--branches", "topic", "--into", "man"), 2, 'there is no branch "man" to land on'),
        (("--branches", "topic", "--strategy", "x"), 2, "--strategy is squash or merge"),
        (("--branches", "topic", "--check", "true", "--only", "x"), 2, "none of the branches"),
        (("--branches", "topic"), 3, "there is no check to judge these branches"),
        (("--branches", "topic", "--check", "false"), 3, "`false` fails on the base"),
        (("--allow-failing-base",), 2, "goes with --branches"),
    ],
)
def test_refusals(
    wtman: kit.Program, repo: Path, branch: Branch, words: tuple[str, ...], status: int, said: str
) -> None:
    branch("topic", {"topic.txt": "t\n"})
    assert said in wtman("merge", *words, cwd=repo, check_status=status).err
    told = wtman("merge", *words, "--json", cwd=repo, check_status=status).json()
    assert said in told["error"]["message"]


@pytest.mark.slow
def test_a_red_target_is_judged_by_the_difference(
    wtman: kit.Program, make_repo: Callable[..., Path], git: Git
) -> None:
    """Known failures are nobody's; a check without test results stops, unless allowed."""
    tests = "def test_old():\n    assert False\n\ndef test_fine():\n    import product\n"
    repo = make_repo({"test_it.py": tests, "product.py": "x = 1\n"}, name="red")
    git(repo, "switch", "-q", "-c", "fine")
    kit.commit_files(repo, {"more.py": "y = 1\n"}, "more")
    git(repo, "switch", "-q", "-c", "broken", "main")
    kit.commit_files(repo, {"product.py": "x = \n"}, "break it")
    git(repo, "switch", "-q", "main")
    check = "python3 -m pytest -q -p no:cacheprovider"
    words = ("merge", "--branches", "fine", "broken", "--json")
    told = wtman(*words, "--check", check, cwd=repo, check_status=1).json()
    assert told["landed"] == ["fine"]
    assert [item["task"] for item in told["excluded"]] == ["broken"]
    assert "test_fine" in told["excluded"][0]["evidence"]
    assert "test_old" not in told["excluded"][0]["evidence"].splitlines()[0]
    red = ("--check", "test -e nowhere")
    refused = wtman(*words, *red, cwd=repo, check_status=3).json()["error"]
    assert refused["code"] == "base"
    assert "--allow-failing-base" in refused["hint"]
    told = wtman(*words, *red, "--allow-failing-base", cwd=repo, check_status=1).json()
    assert {item["reason"] for item in told["excluded"]} == {"unverified"}
    told = wtman(*words, *red, "--allow-failing-base", "--unchecked", cwd=repo).json()
    assert "broken" in told["landed"]


def test_a_check_that_does_not_see_the_checkout_is_refused(
    wtman: kit.Program, make_repo: Callable[..., Path], git: Git, tmp_path: Path
) -> None:
    repo = make_repo({"product/__init__.py": "x = 1\n", "it.py": "import product\n"}, name="seen")
    git(repo, "switch", "-q", "-c", "topic")
    kit.commit_files(repo, {"more.txt": "more\n"}, "more")
    git(repo, "switch", "-q", "main")
    check = f"PYTHONPATH={repo} python3 -P it.py"
    refused = wtman("merge", "--branches", "topic", "--check", check, cwd=repo, check_status=3)
    assert "does not see the checkout it runs in" in refused.err


@pytest.mark.slow
def test_into_another_branch_and_patches_only(
    wtman: kit.Program, repo: Path, branch: Branch, git: Git, tmp_path: Path
) -> None:
    branch("topic", {"topic.txt": "t\n"})
    git(repo, "branch", "next")
    out = tmp_path / "out"
    words = ("merge", "--branches", "topic", "--check", CHECK)
    done = wtman(*words, "--patch-only", "-o", out, cwd=repo)
    assert "next: wtman verify " in done.out
    assert git(repo, "log", "--format=%s", "--all", "-1", "main", "next")
    assert wtman("verify", out, cwd=repo).code == 0
    told = wtman(*words, "--into", "next", "--json", cwd=repo).json()
    assert (told["target"], told["landed"]) == ("next", ["topic"])
    assert git(repo, "log", "--format=%s", "next") == "work on topic\nfirst"
    assert git(repo, "log", "--format=%s", "main") == "first"
    git(repo, "switch", "-q", "--detach")
    assert "HEAD is detached" in wtman(*words, cwd=repo, check_status=2).err
    assert wtman(*words, "--dry-run", "--json", cwd=repo).json()["target"] == ""


def test_merges_keep_the_commits(wtman: kit.Program, repo: Path, branch: Branch, git: Git) -> None:
    branch("topic", {"topic.txt": "t\n"}, "one")
    branch("topic", {"topic.txt": "tt\n"}, "two")
    words = ("merge", "--branches", "topic", "--check", CHECK, "--strategy", "merge", "--json")
    assert wtman(*words, cwd=repo).json()["landed"] == ["topic"]
    log = git(repo, "log", "--format=%s", "--topo-order")
    assert log == "Merge branch 'topic'\ntwo\none\nfirst"
    assert git(repo, "branch", "--merged", "main", "--format=%(refname:short)") == "main\ntopic"


@pytest.mark.slow
def test_only_and_exclude_go_by_name(wtman: kit.Program, repo: Path, branch: Branch) -> None:
    branch("A/low", {"low.txt": "1\n"})
    branch("A/high", {"high.txt": "1\n"}, on="A/low")
    branch("other", {"other.txt": "1\n"})
    words = ("merge", "--branches", "A/low", "A/high", "other", "--check", CHECK, "--json")
    told = wtman(*words, "--only", "A/high", "--dry-run", cwd=repo).json()
    assert told["landed"] == ["A/low", "A/high"]
    told = wtman(*words, "--exclude", "A/low", cwd=repo, check_status=1).json()
    assert told["landed"] == ["other"]
    assert [(item["task"], item["reason"]) for item in told["excluded"]] == [
        ("A/high", "unverified")
    ]


@pytest.mark.slow
def test_commands_of_the_repository_need_approval(
    wtman: kit.Program, repo: Path, branch: Branch, commit: Callable[..., str]
) -> None:
    commit(repo, {"wtman.toml": 'check = "sh check.sh"\nagent = "command:./evil"\n'})
    branch("topic", {"topic.txt": "t\n"})
    refused = wtman("merge", "--branches", "topic", cwd=repo, check_status=3)
    assert "need your approval: `sh check.sh`\n" in refused.err
    wtman("trust", "--yes", cwd=repo)
    assert wtman("merge", "--branches", "topic", "--json", cwd=repo).json()["checks"] == 1


@pytest.mark.slow
def test_what_was_stopped_goes_on_with_the_same_command(
    wtman: kit.Program, repo: Path, branch: Branch, git: Git, tmp_path: Path
) -> None:
    """After Ctrl-C nothing has moved; the same words again end it, and once only."""
    branch("topic", {"topic.txt": "t\n"})
    gate = tmp_path / "gate"
    check = f"echo run >> {tmp_path}/runs; while [ ! -e {gate} ]; do sleep 0.05; done"
    words = ("merge", "--branches", "topic", "--check", check, "--json")
    process = wtman.start(*words, cwd=repo)
    runs = tmp_path / "runs"
    kit_wait(runs.exists)
    process.terminate()
    out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert git(repo, "log", "--format=%s") == "first"
    gate.touch()
    assert wtman(*words, cwd=repo).json()["landed"] == ["topic"]
    assert len(wtman("status", "--all", "--json", cwd=repo).json()["runs"]) == 1


def kit_wait(met: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not met():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.02)


def test_help_names_it(wtman: kit.Program) -> None:
    assert "--branches" in wtman("merge", "--help").out


@pytest.mark.slow
def test_what_no_commit_holds_and_what_is_empty_is_told(
    wtman: kit.Program, repo: Path, branch: Branch, git: Git, tmp_path: Path
) -> None:
    branch("work", {"work.txt": "1\n"})
    git(repo, "branch", "empty")
    branch("twin", {"work.txt": "1\n"})
    work = tmp_path / "work tree"
    git(repo, "worktree", "add", "-q", str(work), "work")
    (work / "work.txt").write_text("2\n")
    (work / "new.txt").write_text("new\n")
    words = ("merge", "--branches", "work", "empty", "twin", "--check", CHECK)
    said = f"! work has uncommitted work in {work}, not merged: work.txt, new.txt"
    dry = wtman(*words, "--dry-run", "--json", cwd=repo).json()
    assert dry["uncommitted"] == {"work": {"worktree": str(work), "paths": ["work.txt", "new.txt"]}}
    assert (dry["landed"], dry["present"]) == (["work"], ["empty", "twin"])
    out = wtman(*words, cwd=repo).out
    assert out.count(said) == 2  # before anything runs, and with the outcome
    assert out.startswith(said)
    assert "  twin  nothing new: what it changes is there already\n" in out
    assert "1 branch landed on main" in out
    assert (work / "new.txt").read_text() == "new\n"

    git(work, "stash", "-q", "-u")
    (work / "later.txt").write_text("later\n")
    again = wtman("merge", "--branches", "empty", "work", "--check", CHECK, cwd=repo).out
    assert "! work has uncommitted work" in again
    assert "empty is in main already" in again
