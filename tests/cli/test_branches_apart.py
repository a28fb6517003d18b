"""What `merge --branches` leaves out before it begins, and what it leaves behind."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit

Git = Callable[..., str]
CHECK = "test ! -e red"


def branch(repo: Path, name: str, files: dict[str, str]) -> None:
    kit.run_git(repo, "switch", "-q", "-c", name, "main")
    kit.commit_files(repo, files, name)
    kit.run_git(repo, "switch", "-q", "main")


def probes(repo: Path) -> list[str]:
    return kit.run_git(repo, "for-each-ref", "--format=%(refname)", "refs/wtman/candidates").split()


@pytest.mark.slow
def test_a_branch_of_another_history_stays_out_and_the_rest_lands(
    repo: Path, wtman: kit.Program, git: Git
) -> None:
    branch(repo, "fine", {"fine.txt": "fine\n"})
    git(repo, "switch", "-q", "--orphan", "island")
    kit.commit_files(repo, {"i.txt": "i\n"}, "island")
    git(repo, "switch", "-q", "main")
    words = ("merge", "--branches", "island", "fine", "--check", CHECK)
    told = wtman(*words, "--json", cwd=repo, check_status=1).json()
    assert told["landed"] == ["fine"]
    (left,) = told["excluded"]
    assert (left["task"], left["reason"]) == ("island", "unverified")
    assert "no history in common" in left["evidence"]
    assert "--allow-unrelated-histories" in left["evidence"]
    alone = wtman("merge", "--branches", "island", "--check", CHECK, cwd=repo, check_status=1)
    assert "island  it has no history in common" in alone.out


@pytest.mark.slow
def test_a_shallow_clone_says_how_to_get_the_rest_of_its_history(
    repo: Path, wtman: kit.Program, git: Git, tmp_path: Path
) -> None:
    branch(repo, "old", {"old.txt": "old\n"})
    kit.commit_files(repo, {"new.txt": "new\n"}, "main goes on")
    branch(repo, "new", {"more.txt": "more\n"})
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--depth=1", "--no-single-branch", f"file://{repo}", str(clone))
    for key, value in (("user.name", kit.NAME), ("user.email", kit.EMAIL)):
        git(clone, "config", key, value)
    git(clone, "fetch", "-q", "--depth=2", "origin", "new:refs/remotes/origin/new")
    words = ("merge", "--branches", "origin/old", "origin/new", "--check", CHECK, "--json")
    told = wtman(*words, cwd=clone, check_status=1).json()
    assert told["landed"] == ["origin/new"]
    assert "git fetch --unshallow" in told["excluded"][0]["evidence"]
    git(clone, "fetch", "-q", "--unshallow")
    told = wtman(*words, cwd=clone).json()
    assert (told["landed"], told["present"]) == (["origin/old"], ["origin/new"])


@pytest.mark.slow
def test_a_dry_run_leaves_nothing_that_a_later_command_tells_of(
    repo: Path, wtman: kit.Program, git: Git
) -> None:
    branch(repo, "fine", {"fine.txt": "fine\n"})
    branch(repo, "bad", {"red": "red\n"})
    words = ("merge", "--branches", "fine", "bad", "--check", CHECK, "--dry-run")
    beside = sorted(path.name for path in repo.parent.iterdir())
    told = wtman(*words, "--json", cwd=repo, check_status=1).json()
    assert (told["landed"], told["dry_run"]) == (["fine"], True)
    assert wtman("status", "--all", cwd=repo, check_status=3).out == ""
    assert sorted(path.name for path in repo.parent.iterdir()) == beside
    # What the way to see it names is kept, and nothing else.
    (left,) = told["excluded"]
    assert len(probes(repo)) == 1
    done = subprocess.run(["sh", "-c", left["reproduce"]], cwd=repo, check=False, timeout=60)
    assert done.returncode == 1
    wtman("clean", cwd=repo, check_status=None)
    assert probes(repo) == []
    # The verdicts are kept: landing it costs no check any more.
    landed = wtman(*words[:-1], "--json", cwd=repo, check_status=1).json()
    assert (landed["landed"], landed["commits"].keys()) == (["fine"], {"fine"})
    refused = wtman(*words, "-o", "out", cwd=repo, check_status=2)
    assert "-o and --dry-run do not go together" in refused.err


@pytest.mark.slow
def test_a_merge_that_is_over_keeps_only_what_shows_its_failures(
    repo: Path, wtman: kit.Program, git: Git
) -> None:
    branch(repo, "fine", {"fine.txt": "fine\n"})
    branch(repo, "left", {"README.md": "left\n"})
    branch(repo, "right", {"README.md": "right\n"})
    branch(repo, "bad", {"red": "red\n"})
    names = ("fine", "left", "right", "bad")
    told = wtman(
        "merge", "--branches", *names, "--check", CHECK, "--json", cwd=repo, check_status=1
    ).json()
    assert told["landed"] == ["fine", "left"]
    assert len(probes(repo)) == 2
    git(repo, "reflog", "expire", "--expire=now", "--all")
    git(repo, "gc", "-q", "--prune=now")
    for item in told["excluded"]:
        script = item["reproduce"]
        done = subprocess.run(
            ["sh", "-c", script], cwd=repo, check=False, timeout=60, capture_output=True
        )
        assert done.returncode == 1, (script, done.stderr)
    wtman("clean", cwd=repo)
    assert git(repo, "for-each-ref", "refs/wtman/candidates", "refs/wtman/landed") == ""


def test_a_file_that_meets_a_folder_is_shown_by_its_own_name(
    repo: Path, wtman: kit.Program
) -> None:
    branch(repo, "A/file", {"thing": "a file\n"})
    branch(repo, "B/folder", {"thing/inner": "a folder\n"})
    words = ("merge", "--branches", "A/file", "B/folder", "--check", CHECK, "--json")
    (left,) = wtman(*words, cwd=repo, check_status=1).json()["excluded"]
    assert left["paths"] == ["thing"]
    assert left["evidence"] == (
        "conflicts with A/file in thing "
        "(not the same kind of thing on both sides, such as a file and a folder)"
        "; of those that conflict the last is excluded"
    )


@pytest.mark.slow
def test_the_line_that_reproduces_needs_nothing_filled_in(repo: Path, wtman: kit.Program) -> None:
    kit.commit_files(repo, {"test_it.py": "def test_it():\n    import part\n", "part.py": ""}, "t")
    branch(repo, "bad", {"part.py": "x = \n"})
    check = "python3 -m pytest -q -p no:cacheprovider --junitxml={junit}"
    words = ("merge", "--branches", "bad", "--check", check, "--json")
    (left,) = wtman(*words, cwd=repo, check_status=1).json()["excluded"]
    assert "{junit}" not in left["reproduce"]
    done = subprocess.run(
        ["sh", "-c", left["reproduce"]], cwd=repo, check=False, timeout=60, capture_output=True
    )
    assert done.returncode == 1
    assert b"1 failed" in done.stdout


@pytest.mark.parametrize("known", [True, False])
def test_a_bundle_is_fetched_and_cloned_without_a_word_on_refs(
    repo: Path, wtman: kit.Program, git: Git, tmp_path: Path, known: bool
) -> None:
    other = tmp_path / "other"
    if known:
        git(tmp_path, "clone", "-q", str(repo), str(other))
    branch(repo, "fine", {"fine.txt": "fine\n"})
    out = tmp_path / "out"
    words = ("merge", "--branches", "fine", "--check", CHECK, "-o", out, "--json")
    told = wtman(*words, cwd=repo).json()
    (bundle,) = out.glob("*.bundle")
    if known:
        git(other, "fetch", "-q", str(bundle))
        assert git(other, "rev-parse", "FETCH_HEAD") == told["after"]
    else:
        git(tmp_path, "clone", "-q", str(bundle), str(other))
        assert git(other, "rev-parse", "HEAD") == told["after"]
        assert (other / "fine.txt").exists()
