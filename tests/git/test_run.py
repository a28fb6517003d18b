"""What every git call promises: a scrubbed environment, evidence, retries."""

import os
import stat
import threading
from pathlib import Path

import pytest

from wtman.errors import (
    DiskFullError,
    ExternalError,
    LockedError,
    MachineError,
    MissingError,
    ToolError,
)
from wtman.formats.git_output import raw, text
from wtman.git import run
from wtman.git.run import git


def test_inherited_git_variables_do_not_reach_git(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(tmp_path / "objects"))
    answer = git(["ls-files", "README.md"], git_dir=str(project / ".git"))
    assert answer.out == b"README.md\n"


def test_an_unwanted_status_keeps_the_evidence(project: Path) -> None:
    with pytest.raises(ExternalError) as caught:
        git(["cat-file", "-p", "0" * 40], git_dir=str(project / ".git"))
    error = caught.value
    assert "git cat-file failed" in error.message and "fatal:" in error.message
    assert error.exit_status == 128
    assert error.argv[-1] == "0" * 40
    assert error.cwd == str(project / ".git")
    assert git(["cat-file", "-e", "0" * 40], git_dir=str(project / ".git"), ok=(1, 128)).out == b""


def test_a_full_disk_is_told_apart() -> None:
    answer = run.GitAnswer(128, b"", "error: write error: No space left on device\nfatal: x\n")
    assert isinstance(run.failure(["add"], (), "/", answer), DiskFullError)


@pytest.mark.parametrize(
    "code, said, kind",
    [
        (-9, "", ToolError),
        (-15, "", ToolError),
        (128, "error: pack-objects died of signal 9", ToolError),
        (-11, "", ExternalError),  # what git was asked is the likelier cause
        (128, "fatal: unable to write new index file: No space left on device", DiskFullError),
        (128, "error: open(x): Disk quota exceeded", DiskFullError),
        (128, "fatal: sha1 file 'index.lock' write error. Out of diskspace", DiskFullError),
        (128, "fatal: Out of memory, malloc failed (tried to allocate 9 bytes)", MachineError),
        (128, "fatal: unable to open 'x': Too many open files", MachineError),
        (128, "fatal: cannot create 'x': Read-only file system", MachineError),
        (128, "error: cannot fork() for x: Resource temporarily unavailable", MachineError),
        (128, "fatal: Unable to create '/r/.git/index.lock': File exists.", LockedError),
        (128, 'error: open("secret"): Permission denied', ExternalError),
        (128, "fatal: Unable to process path No space left on device/x", ExternalError),
        (128, "fatal: attempting to allocate 2 over limit 1", ExternalError),
    ],
)
def test_whose_fault_a_failure_of_git_is(code: int, said: str, kind: type) -> None:
    error = run.failure(["-c", "a=b", "add"], (), "/", run.GitAnswer(code, b"", said))
    assert type(error) is kind
    assert error.message.startswith("git add failed in /: ")


def test_a_lock_that_is_released_is_waited_for(project: Path) -> None:
    git_dir = str(project / ".git")
    lock = project / ".git/index.lock"
    lock.touch()
    timer = threading.Timer(0.15, lock.unlink)
    timer.start()
    git(["read-tree", "HEAD"], git_dir=git_dir)
    timer.join()


def test_a_lock_that_stays_is_an_error_that_says_so(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_PAUSES", (0.0, 0.0))
    (project / ".git/index.lock").touch()
    with pytest.raises(ExternalError, match=r"index\.lock") as caught:
        git(["read-tree", "HEAD"], git_dir=str(project / ".git"))
    assert "remove that lock file" in caught.value.hint


def test_a_git_in_the_folder_it_runs_in_is_not_found(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = project / "git"
    planted.write_text("#!/bin/sh\nexit 99\n")
    planted.chmod(planted.stat().st_mode | stat.S_IXUSR)
    monkeypatch.chdir(project)
    monkeypatch.setenv("PATH", os.pathsep.join((".", "", os.environ["PATH"])))
    assert git(["version"], git_dir="", cwd=str(project)).code == 0
    monkeypatch.setenv("PATH", ".")
    with pytest.raises(MissingError):
        git(["version"], git_dir="", cwd=str(project))


def test_paths_survive_as_text() -> None:
    odd = b"a\xff\n \"'\xc3\xa9"
    assert raw(text(odd)) == odd
