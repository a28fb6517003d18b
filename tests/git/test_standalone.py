"""Check checkouts: a git of their own, and pristine again after whatever a check did."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.git.world import commit_of
from wtman.git import control_dir
from wtman.git.checkouts import standalone
from wtman.model.ids import Sha

Git = Callable[..., str]


@pytest.fixture
def check(ctl: control_dir.Control, head: Sha, tmp_path: Path) -> Path:
    place = tmp_path / "check"
    standalone.make(ctl, str(place), head)
    return place


def content(root: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for folder, names, files in os.walk(root):
        if Path(folder) == root:
            names.remove(".git")
        for name in [*files, *names]:
            path = Path(folder, name)
            kind = os.readlink(path) if path.is_symlink() else path.is_dir() or path.read_bytes()
            found[str(path.relative_to(root))] = (kind, path.lstat().st_mode)
    return found


def test_git_works_inside_and_changes_nothing_outside(
    project: Path, ctl: control_dir.Control, head: Sha, tmp_path: Path, git: Git
) -> None:
    git(project, "tag", "-a", "v1.2", "-m", "release")
    git(project, "tag", "light")
    tip = commit_of(ctl, tmp_path / "w", {"src/new.py": "n\n"}, head)
    place = tmp_path / "check"
    standalone.make(ctl, str(place), tip)
    assert git(place, "status", "--porcelain") == ""
    assert git(place, "diff-files") == ""
    assert git(place, "rev-parse", "HEAD", "--show-toplevel").splitlines() == [tip, str(place)]
    assert git(place, "describe", "--match", "v*") == f"v1.2-1-g{tip[:7]}"
    assert git(place, "describe", "--tags", "light") in ("light", "v1.2")
    before = git(project, "for-each-ref"), git(project, "count-objects")
    git(place, "checkout", "-q", "-b", "mine")
    (place / "src/a.py").write_text("x")
    git(place, "-c", "user.name=n", "-c", "user.email=e@x", "commit", "-qam", "inside")
    git(place, "stash", "list")
    assert (git(project, "for-each-ref"), git(project, "count-objects")) == before
    assert git(place, "fsck") == ""


def test_reused_as_if_new(
    ctl: control_dir.Control, head: Sha, tmp_path: Path, check: Path, git: Git
) -> None:
    tip = commit_of(ctl, tmp_path / "w", {"src/b.py": None, "lib/c.py": "c\n"}, head)
    fresh = tmp_path / "fresh"
    standalone.make(ctl, str(fresh), tip)
    stats = os.stat(check / "README.md")
    (check / "README.md").write_text("# PROJECT\n")
    os.utime(check / "README.md", ns=(stats.st_atime_ns, stats.st_mtime_ns))
    os.link(check / "src/a.py", tmp_path / "hardlink")
    (check / "run.sh").chmod(0o600)
    (check / "x.log").write_text("ignored")
    (check / "build").mkdir()
    (check / "build/cache").write_text("ignored")
    (check / "build").chmod(0o000)
    (check / "nested").mkdir()
    git(check / "nested", "init", "-q")
    git(check / "src", "init", "-q")
    (check / "lib").symlink_to(tmp_path)
    os.mkfifo(check / "pipe")
    git(check, "update-index", "--assume-unchanged", "README.md")
    git(check, "config", "core.fsmonitor", f"touch {tmp_path}/marker")
    for name in ("HEAD", "index"):
        (check / ".git" / name).write_text("destroyed")
    assert standalone.reuse(ctl, str(check), tip)
    assert content(check) == content(fresh)
    assert git(check, "status", "--porcelain", "--ignored") == ""
    assert git(check, "rev-parse", "HEAD") == tip
    (tmp_path / "hardlink").write_text("through the link")
    assert (check / "src/a.py").read_text() == "one\ntwo\nthree\n"
    assert not (tmp_path / "marker").exists()
    assert sorted(os.listdir(tmp_path)) == ["check", "fresh", "hardlink", "project", "w"]


def test_folders_where_files_were_and_the_other_way_round(
    ctl: control_dir.Control, head: Sha, check: Path, tmp_path: Path
) -> None:
    shutil.rmtree(check / "src")
    (check / "src").symlink_to(tmp_path / "w")
    (check / "README.md").unlink()
    (check / "README.md").mkdir()
    (check / "README.md/x").write_text("x")
    shutil.rmtree(check / ".git")
    (check / ".git").symlink_to(tmp_path)
    assert standalone.reuse(ctl, str(check), head)
    assert (check / "src/a.py").read_text() == "one\ntwo\nthree\n"
    assert (check / "README.md").read_text() == "# Project\n"
    assert not (tmp_path / "w").exists() and not (check / ".git").is_symlink()


def test_what_cannot_be_made_pristine_is_said(
    ctl: control_dir.Control,
    head: Sha,
    check: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not standalone.reuse(ctl, str(tmp_path / "absent"), head)
    (tmp_path / "link").symlink_to(check)
    assert not standalone.reuse(ctl, str(tmp_path / "link"), head)
    assert not standalone.reuse(ctl, str(check), "1" * 40)
    (check / "left").write_text("x")
    monkeypatch.setattr(standalone, "purge", lambda *_: True)  # a deletion that did not happen
    assert not standalone.reuse(ctl, str(check), head)
