"""A dropped worktree: what no commit has is kept, the rest is deleted, and all comes back."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests import kit
from wtman.errors import ExternalError, RaceError, UsageError
from wtman.execution.removal import empty, remove_waiting
from wtman.git import control_dir, repo
from wtman.git.checkouts import snapshot, worktrees
from wtman.git.control_dir import Control
from wtman.git.discovery import discover
from wtman.git.disk import DiskTally
from wtman.worktrees import trash
from wtman.worktrees.trash import KeptFiles

FILES = {"src/a.py": "a\n", "src/b.py": "b\n", "deep/er/c.py": "c\n", ".gitignore": "*.log\n"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return kit.create_repo(tmp_path / "project", FILES)


@pytest.fixture
def ctl(project: Path) -> Control:
    return control_dir.prepare(discover(str(project)))


@pytest.fixture
def head(project: Path) -> str:
    return kit.run_git(project, "rev-parse", "HEAD")


@pytest.fixture
def one(ctl: Control, project: Path, head: str, tmp_path: Path) -> worktrees.Worktree:
    kit.run_git(project, "branch", "wtman/r/0")
    spec = worktrees.WorktreeSpec("wtman-r-0", str(tmp_path / "trees/r/0"), "wtman/r/0")
    made = worktrees.create(ctl.repo, [spec])[0]
    snapshot.checkout(ctl, made.path, made.index, head)
    return made


def git(folder: Path, *words: str) -> str:
    return kit.run_git(folder, *words)


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): os.readlink(path) if path.is_symlink() else path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def worked_in(tree: Path) -> KeptFiles:
    """What somebody did there, and what of it is to be kept."""
    (tree / "src/a.py").write_text("edited\n")
    (tree / "src/b.py").unlink()
    (tree / "deep/er/c.py").unlink()
    (tree / "deep/er").rmdir()
    (tree / "deep").rmdir()
    os.symlink("src", tree / "deep")
    kit.write_files(tree, {"new/x": "x\n", "own/.git/HEAD": "x\n", "own/y": "y\n"})
    kit.write_files(tree, {"node_modules/m.js": "m\n", "made.log": "m\n"})
    paths = ("src/a.py", "deep", "new/x", "own")
    return KeptFiles("", paths, ("src/b.py", "deep/er/c.py"), index=True)


def test_what_is_kept_comes_back_and_the_rest_is_free(
    ctl: Control, one: worktrees.Worktree, head: str, tmp_path: Path
) -> None:
    tree, place, tally = Path(one.path), tmp_path / "trees/.trash", DiskTally()
    kept = worked_in(tree)
    before = contents(tree)
    entry = trash.drop(ctl, one, str(place), replace(kept, commit=head), tally)
    assert contents(Path(trash.kept_in(entry))) == {
        path: text for path, text in before.items() if path.startswith(kept.paths)
    }
    held = DiskTally().add(str(place)).files
    empty(str(place))
    assert held - DiskTally().add(str(place)).files == tally.use.files - 1  # the index of ours
    assert os.listdir(place) == [os.path.basename(entry)]
    trash.restore(ctl, entry)
    del before["node_modules/m.js"], before["made.log"]
    assert contents(tree) == before
    assert git(tree, "status", "--porcelain").split("\n") == [
        *(" D deep/er/c.py", " M src/a.py", " D src/b.py", "?? deep", "?? new/", "?? own/")
    ]
    assert os.listdir(place) == []


@pytest.mark.parametrize("renames", range(20))
def test_a_kill_at_any_rename_loses_nothing(
    ctl: Control,
    one: worktrees.Worktree,
    head: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    renames: int,
) -> None:
    """Of dropping and of bringing back, done again until they come to their end."""
    tree, place = Path(one.path), tmp_path / "trees/.trash"
    kept = worked_in(tree)
    before = contents(tree)
    real, left = os.rename, renames

    def rename(*words: object, **more: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        real(*words, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "rename", rename)
    try:
        entry = trash.drop(ctl, one, str(place), replace(kept, commit=head))
        trash.restore(ctl, entry)
    except KeyboardInterrupt:
        pass
    monkeypatch.undo()
    entries = [path for path in place.iterdir() if path.name.startswith("wtman-r-0")]
    if not tree.exists() or not os.path.isdir(one.admin):
        worktrees.retire(ctl.repo, one.admin)
        [entry] = map(str, entries)
        trash.finish(entry)
        trash.restore(ctl, entry)
    empty(str(place))
    for name in ("node_modules/m.js", "made.log"):
        before.pop(name)
    found = contents(tree)
    assert {path: text for path, text in found.items() if path in before} == before
    assert git(tree, "rev-parse", "HEAD") == head


def test_a_process_of_its_own_goes_on_where_one_was_killed(tmp_path: Path) -> None:
    kit.write_files(tmp_path, {"gone-1/a": "x", "gone-2/deep/b": "x", "stays/c": "x"})
    (tmp_path / "gone-2/deep").chmod(0o500)
    ended = remove_waiting([str(tmp_path), str(tmp_path / "absent")], apart=True)
    assert ended is not None
    until = time.monotonic() + 30
    while ended() is None:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert os.listdir(tmp_path) == ["stays"]
    assert not remove_waiting([str(tmp_path)], apart=True)


def test_dropped_and_restored_with_everything_in_it(
    project: Path, ctl: Control, one: worktrees.Worktree, tmp_path: Path
) -> None:
    tree = Path(one.path)
    (tree / "src/a.py").write_text("staged")
    git(tree, "add", "src/a.py")
    (tree / "x.log").write_text("ignored")
    tree.chmod(0o555)
    place = str(tmp_path / "trees/.trash")
    entry = trash.drop(ctl, one, place)
    assert not tree.exists() and len(repo.checkouts(ctl.repo)) == 1
    git(project, "fsck")
    trash.drop(ctl, one, place)
    assert trash.restore(ctl, entry) == one
    assert git(tree, "status", "--porcelain") == "M  src/a.py"
    assert (tree / "x.log").read_text() == "ignored"
    with pytest.raises(UsageError):
        trash.restore(ctl, entry)
    second = trash.drop(ctl, one, place)
    tree.mkdir()
    with pytest.raises(RaceError):
        trash.restore(ctl, second)


def test_an_attempt_to_drop_across_file_systems_loses_nothing(
    ctl: Control, one: worktrees.Worktree
) -> None:
    if not os.path.isdir("/dev/shm") or os.stat("/dev/shm").st_dev == os.stat(one.path).st_dev:
        pytest.skip("needs a second file system")
    import tempfile

    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        with pytest.raises(ExternalError, match="could not be moved"):
            trash.drop(ctl, one, elsewhere)
    assert os.path.isdir(one.path) and os.path.isdir(one.admin)


def test_trash_is_emptied_by_age(ctl: Control, one: worktrees.Worktree, tmp_path: Path) -> None:
    place = tmp_path / "trees/.trash"
    locked = Path(one.path) / "cache/deep"
    locked.mkdir(parents=True)
    (locked / "x").write_text("x")
    locked.chmod(0o500)
    entry = trash.drop(ctl, one, str(place))
    (place / "somebody's").mkdir()
    now = os.stat(os.path.join(entry, "worktree.json")).st_mtime
    assert trash.empty_trash(str(place), 3600, now + 3599, DiskTally()) == 0
    assert trash.empty_trash(str(place), 3600, now + 3601, DiskTally()) == 1
    empty(str(place))
    assert os.listdir(place) == ["somebody's"]
    assert trash.empty_trash(str(tmp_path / "absent"), 0, now, DiskTally()) == 0


def test_what_is_saved_at_that_very_moment_is_kept(
    ctl: Control, one: worktrees.Worktree, head: str, tmp_path: Path
) -> None:
    tree, place = Path(one.path), tmp_path / "trees/.trash"
    since = max(os.stat(path).st_ctime_ns for path in tree.rglob("*") if path.is_file())
    while time.time_ns() < since + 20_000_000:
        pass  # the clock of the disk has moved on
    (tree / "late.log").write_text("saved\n")
    entry = trash.drop(ctl, one, str(place), KeptFiles(head), None, since)
    assert contents(Path(trash.kept_in(entry))) == {"late.log": "saved\n"}
    trash.restore(ctl, entry)
    assert (tree / "late.log").read_text() == "saved\n"
