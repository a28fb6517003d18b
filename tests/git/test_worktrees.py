"""Worktrees appear complete, are adopted, dropped and brought back."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from wtman.errors import RaceError, UsageError
from wtman.git import control_dir, refs, repo
from wtman.git.checkouts import snapshot, worktrees
from wtman.git.checkouts.worktrees import WorktreeSpec
from wtman.git.discovery import Repository, discover
from wtman.model.ids import Sha

Git = Callable[..., str]


def specs_for(
    here: Repository, head: Sha, folder: Path, count: int, start: int = 0
) -> list[WorktreeSpec]:
    found = [
        WorktreeSpec(f"r-{i}", str(folder / f"t{i}"), f"wtman/r/{i}")
        for i in range(start, start + count)
    ]
    refs.update(here, [refs.RefChange(f"refs/heads/{s.branch}", head, None) for s in found])
    return found


@pytest.fixture
def one(
    here: Repository, ctl: control_dir.Control, head: Sha, tmp_path: Path
) -> worktrees.Worktree:
    (made,) = worktrees.create(here, specs_for(here, head, tmp_path / "trees", 1))
    snapshot.checkout(ctl, made.path, made.index, head)
    return made


def test_git_takes_it_for_its_own(
    project: Path, here: Repository, one: worktrees.Worktree, git: Git
) -> None:
    assert git(one.path, "status", "--porcelain=v2", "--branch").splitlines()[1] == (
        "# branch.head wtman/r/0"
    )
    assert git(one.path, "status", "--porcelain") == ""
    assert worktrees.head_of(one) == "ref: refs/heads/wtman/r/0"
    (_, linked) = repo.checkouts(here)
    assert (linked.path, linked.branch) == (one.path, "wtman/r/0")
    git(project, "worktree", "prune", "-v")
    git(project, "fsck")
    (Path(one.path) / "n").write_text("n")
    git(one.path, "add", "n")
    git(one.path, "commit", "-qm", "n")
    assert discover(one.path).common_dir == here.common_dir
    git(project, "worktree", "remove", one.path)
    assert len(repo.checkouts(here)) == 1


def test_two_hundred_while_other_git_commands_run(
    project: Path, here: Repository, ctl: control_dir.Control, head: Sha, tmp_path: Path
) -> None:
    specs = specs_for(here, head, tmp_path / "trees", 200)
    done = threading.Event()
    failures: list[str] = []
    runs = 0

    def watch(args: list[str]) -> None:
        nonlocal runs
        while True:
            last = done.is_set()
            answer = subprocess.run(
                ["git", *args], cwd=project, capture_output=True, text=True, check=False
            )
            runs += 1
            if answer.returncode or "bad" in answer.stderr:
                failures.append(f"{args}: {answer.stderr}")
            if last:
                return

    commands = (["rev-list", "--all"], ["worktree", "list"], ["worktree", "prune"], ["fsck"])
    threads = [threading.Thread(target=watch, args=(list(command),)) for command in commands]
    for thread in threads:
        thread.start()
    halves = (specs[:100], specs[100:])
    try:
        with ThreadPoolExecutor(2) as pool:
            parts = list(pool.map(lambda half: worktrees.create(here, half), halves))
    finally:
        done.set()
        for thread in threads:
            thread.join()
    made = [tree for part in parts for tree in part]
    assert failures == []
    assert runs >= len(commands)
    assert len(made) == 200
    assert {item.branch for item in repo.checkouts(here)} == {"main", *(s.branch for s in specs)}
    for tree in (made[0], made[199]):
        snapshot.checkout(ctl, tree.path, tree.index, head)


def test_making_again_adopts(
    here: Repository, one: worktrees.Worktree, head: Sha, tmp_path: Path
) -> None:
    (Path(one.path) / "work").write_text("kept")
    spec = WorktreeSpec("r-0", one.path, "wtman/r/0")
    (Path(one.path) / ".git").unlink()
    assert worktrees.create(here, [spec]) == (one,)
    assert (Path(one.path) / ".git").read_text() == f"gitdir: {one.admin}\n"
    assert (Path(one.path) / "work").exists()
    with pytest.raises(RaceError, match="r-0 is taken"):
        worktrees.create(here, [WorktreeSpec("r-0", str(tmp_path / "other"), "x")])


def test_a_cut_off_attempt_is_finished(
    here: Repository, head: Sha, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (spec,) = specs_for(here, head, tmp_path / "trees", 1)

    def power_cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(os, "rename", power_cut)
        with pytest.raises(KeyboardInterrupt):
            worktrees.create(here, [spec])
    assert os.listdir(spec.path) == [".git"]
    (made,) = worktrees.create(here, [spec])
    assert worktrees.head_of(made) == "ref: refs/heads/wtman/r/0"


KILLED = """
import os, signal, sys
from wtman.git.discovery import discover
from wtman.git.checkouts import worktrees
point, at, path = sys.argv[1:4]
owner, name = (worktrees, point) if hasattr(worktrees, point) else (os, point)
real = getattr(owner, name)
def last(*args, **words):
    if at == "after":
        real(*args, **words)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(owner, name, last)
spec = worktrees.WorktreeSpec("r-0", path, "wtman/r/0")
worktrees.create(discover(sys.argv[4]), [spec])
"""


@pytest.mark.parametrize(
    "step, at, left",
    [
        ("point", "before", []),  # a folder with nothing in it
        ("replace", "before", []),  # the pointer lies aside
        ("point", "after", [".git"]),  # it points to an entry that is not there
        ("settle", "after", [".git"]),  # all is there, but nobody has said so
    ],
)
def test_a_process_killed_on_the_way_leaves_what_the_next_one_finishes(
    project: Path,
    here: Repository,
    ctl: control_dir.Control,
    head: Sha,
    tmp_path: Path,
    git: Git,
    step: str,
    at: str,
    left: list[str],
) -> None:
    (spec,) = specs_for(here, head, tmp_path / "trees", 1)
    words = [sys.executable, "-c", KILLED, step, at, spec.path, str(project)]
    env = {**os.environ, "PYTHONPATH": str(Path(worktrees.__file__).parents[3])}
    killed = subprocess.run(words, env=env, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert os.listdir(spec.path) == left
    git(project, "worktree", "prune", "--expire=now")

    (made,) = worktrees.create(here, [spec])
    snapshot.checkout(ctl, made.path, made.index, head)
    assert git(made.path, "status", "--porcelain") == ""
    assert {item.branch for item in repo.checkouts(here)} == {"main", "wtman/r/0"}


def test_places_that_are_refused(
    project: Path, here: Repository, head: Sha, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").write_text("x")
    (tmp_path / "link").symlink_to(project)
    bad = [project / "inside", project, project / ".git/x", tmp_path / "full", tmp_path / "link/x"]
    for place in [*map(str, bad), "relative", f"{tmp_path}/a\nb"]:
        with pytest.raises(UsageError):
            worktrees.create(here, [WorktreeSpec("n", place, "b")])
    for name in ("", "a/b", "..", ".x", "a\nb"):
        with pytest.raises(UsageError):
            worktrees.create(here, [WorktreeSpec(name, str(tmp_path / "ok"), "b")])
    assert (tmp_path / "full/x").exists()
    assert not (project / ".git/worktrees").is_dir() or not os.listdir(project / ".git/worktrees")


def test_a_repository_with_extensions_is_left_to_git(
    project: Path,
    here: Repository,
    ctl: control_dir.Control,
    head: Sha,
    tmp_path: Path,
    git: Git,
) -> None:
    git(project, "config", "core.repositoryformatversion", "1")
    git(project, "config", "extensions.worktreeConfig", "true")
    specs = specs_for(here, head, tmp_path / "trees", 6)
    with ThreadPoolExecutor(3) as pool:
        made = [tree for (tree,) in pool.map(lambda spec: worktrees.create(here, [spec]), specs)]
    assert worktrees.create(here, specs) == tuple(made)
    for spec, tree in zip(specs, made, strict=True):
        assert tree.admin == str(project / ".git/worktrees" / spec.name)
        snapshot.checkout(ctl, tree.path, tree.index, head)
        assert git(tree.path, "status", "--porcelain") == ""
        assert git(tree.path, "branch", "--show-current") == spec.branch


def test_heads(one: worktrees.Worktree, tmp_path: Path, git: Git) -> None:
    git(one.path, "checkout", "-q", "--detach")
    assert len(worktrees.head_of(one)) == 40
    worktrees.repair_head(one, "wtman/r/0")
    assert git(one.path, "branch", "--show-current") == "wtman/r/0"
    head = Path(one.admin, "HEAD")
    head.unlink()
    (tmp_path / "secret").write_text("secret")
    head.symlink_to(tmp_path / "secret")
    assert worktrees.head_of(one) == ""
    head.unlink()
    os.mkfifo(head)
    assert worktrees.head_of(one) == ""
    worktrees.repair_head(one, "wtman/r/0")
    assert worktrees.head_of(one) == "ref: refs/heads/wtman/r/0"
