"""Locks of git that a killed holder left: only wtman's own are taken away."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import kit
from wtman import locks
from wtman.errors import LockedError, ToolError
from wtman.git import refs, run
from wtman.git.discovery import Repository, discover
from wtman.git.ref_log import announce, drop_left_lock
from wtman.git.refs import RefChange
from wtman.git.repo import resolve
from wtman.model.ids import Sha
from wtman.model.ref_moves import Move

linux = pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="nobody can be seen")
OLD = time.time() - 3600


@pytest.fixture
def repo(project: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setattr(run, "_PAUSES", (0.0,))
    return discover(str(project))


@pytest.fixture
def a_git(project: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A git that could hold any lock: it waits for what it is to do."""
    args = ["git", "update-ref", "--stdin"]
    with subprocess.Popen(args, cwd=project, stdin=subprocess.PIPE) as process:
        yield process


def lock(repo: Repository, name: str, made: float) -> Path:
    path = Path(repo.common_dir, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (made, made))
    return path


def head(repo: Repository) -> Sha:
    return resolve(repo, "HEAD")


@linux
@pytest.mark.parametrize("ref", ["refs/heads/wtman/r/a", "refs/wtman/attempts/r/a/1"])
def test_the_lock_of_a_ref_of_wtmans_own_is_taken_away(repo: Repository, ref: str) -> None:
    left = lock(repo, f"{ref}.lock", OLD)
    refs.update(repo, [RefChange(ref, head(repo), None)])
    assert refs.read_one(repo, ref) == head(repo) and not left.exists()


def test_a_lock_of_the_users_is_told_and_stays(repo: Repository) -> None:
    left = lock(repo, "refs/heads/topic.lock", OLD)
    with pytest.raises(LockedError, match=r"topic\.lock") as caught:
        refs.update(repo, [RefChange("refs/heads/topic", head(repo), None)])
    assert left.exists() and "remove that lock file" in caught.value.hint


@linux
def test_no_lock_is_taken_away_while_a_git_is_there_that_could_hold_it(
    repo: Repository, a_git: subprocess.Popen[bytes]
) -> None:
    left = lock(repo, "refs/wtman/x.lock", time.time() + 5)
    assert not locks.drop_own(str(left)) and left.exists()
    a_git.communicate()
    assert locks.drop_own(str(left)) and not left.exists()


@linux
def test_the_lock_of_all_refs_goes_with_the_killed_git_that_made_it(
    repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tip = head(repo)
    refs.update(repo, [RefChange("refs/wtman/x", tip, None)])
    script = f"#!/bin/sh\ntouch {repo.common_dir}/packed-refs.lock\nkill -9 $$\n"
    kit.write_files(tmp_path / "bin", {"git": script})
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
        with pytest.raises(ToolError):
            refs.update(repo, [RefChange("refs/wtman/x", None, tip)])
    assert not os.path.exists(f"{repo.common_dir}/packed-refs.lock")


@linux
def test_the_lock_of_all_refs_goes_if_a_dead_coordinator_had_just_said_what_it_would_do(
    repo: Repository,
) -> None:
    announce(repo, [Move("refs/wtman/x", head(repo), "")])
    users = lock(repo, "packed-refs.lock", OLD)
    drop_left_lock(repo)
    assert users.exists(), "it was there long before"
    left = lock(repo, "packed-refs.lock", time.time())
    drop_left_lock(repo)
    assert not left.exists()
