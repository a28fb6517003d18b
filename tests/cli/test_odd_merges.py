"""Merges of branches in repositories that are seldom seen."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit


def branch(repo: Path, name: str, files: dict[str, str | bytes]) -> None:
    kit.run_git(repo, "checkout", "-q", "-b", name, "main")
    kit.commit_files(repo, files, name)
    kit.run_git(repo, "checkout", "-q", "main")


def test_a_sha256_repository(tmp_path: Path, wtman: kit.Program) -> None:
    repo = tmp_path / "repo"
    repo.mkdir()
    kit.run_git(repo, "init", "-q", "-b", "main", "--object-format=sha256")
    kit.run_git(repo, "config", "user.name", kit.NAME)
    kit.run_git(repo, "config", "user.email", kit.EMAIL)
    kit.commit_files(repo, {"n": "1\n"}, "first")
    branch(repo, "p", {"p": "p\n"})
    branch(repo, "q", {"q": "q\n"})
    wtman("merge", "--branches", "p", "q", "--check", "true", cwd=repo)
    assert (repo / "p").read_text() + (repo / "q").read_text() == "p\nq\n"


def test_submodules_that_move_two_ways_conflict_and_the_rest_lands(
    make_repo: Callable[..., Path], wtman: kit.Program
) -> None:
    repo = make_repo({"README.md": "x\n"})
    links = ["1" * 40, "2" * 40, "3" * 40]
    kit.run_git(repo, "update-index", "--add", "--cacheinfo", f"160000,{links[0]},sub")
    kit.run_git(repo, "commit", "-qm", "a submodule")
    for name, link in zip(("s1", "s2"), links[1:], strict=True):
        kit.run_git(repo, "checkout", "-q", "-b", name, "main")
        kit.run_git(repo, "update-index", "--cacheinfo", f"160000,{link},sub")
        kit.run_git(repo, "commit", "-qm", name)
        kit.run_git(repo, "checkout", "-q", "main")
    branch(repo, "s3", {"c": "3\n"})
    words = ["merge", "--branches", "s1", "s2", "s3", "--check", "true", "--json"]
    told = wtman(*words, cwd=repo, check_status=1).json()
    assert "error" not in told, told
    assert told["landed"] == ["s1", "s3"]
    assert [(item["task"], item["reason"]) for item in told["excluded"]] == [("s2", "conflict")]


@pytest.mark.slow
def test_a_folder_with_files_of_the_user_is_never_replaced(
    make_repo: Callable[..., Path], wtman: kit.Program, tmp_path: Path
) -> None:
    repo = make_repo({"README.md": "x\n"})
    branch(repo, "p", {"p": "p\n"})
    branch(repo, "q", {"q": "q\n"})
    out = tmp_path / "out"
    words = ["--check", "true", "--patch-only", "-o", str(out)]
    wtman("merge", "--branches", "p", *words, cwd=repo)
    wtman("merge", "--branches", "q", *words, cwd=repo)
    (out / "precious.txt").write_text("mine\n")
    refused = wtman("merge", "--branches", "p", *words, cwd=repo, check_status=None)
    assert refused.code != 0
    assert "holds files that wtman merge did not write" in refused.err
    assert (out / "precious.txt").read_text() == "mine\n"


def test_what_the_target_keeps_from_being_merged_as_text_conflicts_where_both_changed_it(
    make_repo: Callable[..., Path], wtman: kit.Program
) -> None:
    lines = "".join(f"{number}\n" for number in range(20))
    repo = make_repo(
        {
            ".gitattributes": "lock -merge\n",
            "lock": lines,
            "deep/.gitattributes": "*.gen binary\n",
            "deep/down/x.gen": lines,
            "free.gen": lines,
        }
    )
    changed = lines.replace("3\n", "C\n", 1)
    branch(repo, "a", {"lock": changed})
    branch(repo, "e", {"deep/down/x.gen": changed, "free.gen": changed})
    branch(repo, "b", {"lock": lines + "E\n"})
    branch(repo, "c", {"deep/down/x.gen": lines + "E\n"})
    branch(repo, "d", {"free.gen": lines + "E\n"})
    words = ["merge", "--branches", *"abcde", "--check", "true", "--json", "--dry-run"]
    told = wtman(*words, cwd=repo, check_status=1).json()
    assert "d" in told["landed"] and len(told["landed"]) == 3
    paths = sorted(path for item in told["excluded"] for path in item["paths"])
    assert paths == ["deep/down/x.gen", "lock"]


def test_a_message_that_quotes_a_patch_makes_one_that_applies(
    make_repo: Callable[..., Path], wtman: kit.Program
) -> None:
    repo = make_repo({"f": "1\n"})
    quoted = (
        "Fix\n\nIt was:\n\n@@ -1 +1 @@\n-a\n+b\n--- a/q\n+++ b/q\ndiff --git a/q b/q\nIndex: q\n"
    )
    branch(repo, "a", {"a": "1\n"})
    kit.run_git(repo, "checkout", "-q", "a")
    kit.run_git(repo, "commit", "-q", "--amend", "-m", quoted)
    kit.run_git(repo, "checkout", "-q", "main")
    told = wtman("merge", "--branches", "a", "--check", "true", "--json", cwd=repo).json()
    assert wtman("verify", told["patches"], cwd=repo).code == 0
    message = kit.run_git(repo, "log", "-1", "--format=%B")
    assert (
        message.strip()
        == quoted.replace("\n@@", "\n @@")
        .replace("\n---", "\n ---")
        .replace("\n+++", "\n +++")
        .replace("\ndiff", "\n diff")
        .replace("\nIndex", "\n Index")
        .strip()
    )


def test_a_commit_that_is_named_twice_is_one_branch(
    make_repo: Callable[..., Path], wtman: kit.Program
) -> None:
    repo = make_repo({"f": "1\n"})
    branch(repo, "p", {"p": "1\n"})
    sha = kit.run_git(repo, "rev-parse", "p").strip()
    words = ["merge", "--branches", "p", "refs/heads/p", sha, "--only", sha, "--check", "true"]
    said = wtman(*words, cwd=repo).out
    assert "1 branch landed on main" in said
    assert "refs/heads/p  is p, named once more" in said and f"{sha}  is p" in said


def test_a_dirty_checkout_is_refused_before_anything_is_checked(
    make_repo: Callable[..., Path], wtman: kit.Program, tmp_path: Path
) -> None:
    repo = make_repo({"f": "1\n"})
    branch(repo, "p", {"p": "1\n"})
    (repo / "f").write_text("my own\n")
    ran = tmp_path / "ran"
    words = ["merge", "--branches", "p", "--check", f"touch {ran}", "--json"]
    told = wtman(*words, cwd=repo, check_status=1).json()
    assert told["error"]["code"] == "dirty"
    assert not ran.exists()
    wtman("merge", "--branches", "p", "--check", "true", "--dry-run", cwd=repo)


def test_the_same_entry_of_two_branches_is_taken_once(
    make_repo: Callable[..., Path], wtman: kit.Program
) -> None:
    repo = make_repo({"log": "# h\n\n- old\n"})
    for name, entry in (("a", "one"), ("b", "two"), ("c", "one"), ("d", "three")):
        branch(repo, name, {"log": f"# h\n\n- {entry}\n- old\n"})
    wtman("merge", "--branches", *"abcd", "--check", "true", cwd=repo)
    lines = (repo / "log").read_text().splitlines()
    assert sorted(lines) == ["", "# h", "- old", "- one", "- three", "- two"]
