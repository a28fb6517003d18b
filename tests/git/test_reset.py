"""A used folder is again what it was when it was handed out, whatever was left in it."""

import os
import socket
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.git.world import WHEN, commit_of
from wtman import inventory
from wtman.git import control_dir
from wtman.git.checkouts import snapshot
from wtman.git.checkouts.handouts import Handouts
from wtman.git.checkouts.reset import reset
from wtman.git.discovery import discover
from wtman.git.objects import history
from wtman.model.ids import Sha

Trap = Callable[[Path], object]


@pytest.fixture
def handouts(tmp_path: Path) -> Handouts:
    return Handouts(str(tmp_path / "handouts"))


@pytest.fixture
def folder(ctl: control_dir.Control, head: Sha, handouts: Handouts, tmp_path: Path) -> Path:
    place = tmp_path / "folder"
    snapshot.checkout(ctl, str(place), "", head)
    handouts.checked_out(ctl, str(place), "", head)
    handouts.hand_out(str(place), head)
    return place


def held(root: Path) -> dict[str, object]:
    """Everything that can be seen of a folder, times and inodes apart."""
    found: dict[str, object] = {".": (root.lstat().st_mode, os.listxattr(root))}
    for place, names, files in os.walk(root):
        for name in [*names, *files]:
            path = Path(place, name)
            facts = path.lstat()
            what = os.readlink(path) if path.is_symlink() else ""
            content = path.read_bytes() if stat.S_ISREG(facts.st_mode) else what
            marks = os.listxattr(path, follow_symlinks=False)
            found[str(path.relative_to(root))] = (facts.st_mode, facts.st_nlink, content, marks)
            if path.is_dir() and not path.is_symlink():
                found[str(path.relative_to(root))] = (facts.st_mode, marks)
    return found


def same_size_and_time(root: Path) -> None:
    path = root / "src/a.py"
    before = path.stat()
    path.write_text(path.read_text().replace("one", "eno"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def swapped(root: Path) -> None:
    (root / "src/a.py").rename(root / "src/c.py")
    (root / "src/b.py").rename(root / "src/a.py")
    (root / "src/c.py").rename(root / "src/b.py")


def pipe(root: Path) -> None:
    os.mkfifo(root / "pipe")
    listener = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(root)  # a path of a socket is short
    listener.bind("socket")
    os.chdir(here)
    listener.close()


def replaced_folder(root: Path) -> None:
    (root / "src").rename(root / "old")
    (root / "src").symlink_to("old")


def deep(root: Path) -> None:
    here = os.open(root, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("down", dir_fd=here)
        below = os.open("down", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


def nested(root: Path) -> None:
    for place in ("src/.git", "sub/.git", "src/deep/.git"):
        (root / place).mkdir(parents=True)
        (root / place / "config").write_text("[core]\n\tfsmonitor = evil\n")


TRAPS: dict[str, Trap] = {
    "changed": lambda root: (root / "src/a.py").write_text("changed\n"),
    "same size and time": same_size_and_time,
    "swapped": swapped,
    "mode of a file": lambda root: (root / "src/a.py").chmod(0o777),
    "set-user bit": lambda root: (root / "run.sh").chmod(0o4755),
    "mode of a folder": lambda root: (root / "src").chmod(0o1777),
    "shut folder": lambda root: (root / "src").chmod(0),
    "second name": lambda root: os.link(root / "src/a.py", root.parent / "second"),
    "attribute of a file": lambda root: os.setxattr(root / "src/a.py", "user.a", b"1"),
    "attribute of a folder": lambda root: os.setxattr(root / "src", "user.a", b"1"),
    "flag of a folder": lambda root: subprocess.run(["chattr", "+d", root / "src"], check=False),
    "untracked": lambda root: (root / "left").write_text("left"),
    "ignored": lambda root: (root / "a.log").write_text("left"),
    "empty folder": lambda root: (root / "empty/er").mkdir(parents=True),
    "pipe and socket": pipe,
    "link for a file": lambda root: (
        (root / "src/a.py").unlink(),
        (root / "src/a.py").symlink_to("/etc/passwd"),
    ),
    "link for a folder": replaced_folder,
    "file for a folder": lambda root: (
        (root / "src").rename(root / "aside"),
        (root / "src").write_text("a file"),
    ),
    "nested repositories": nested,
    "gone": lambda root: (root / "src/a.py").unlink(),
    "odd names": lambda root: [
        Path(os.fsdecode(os.path.join(os.fsencode(root), name))).write_text("x")
        for name in (b"new\nline", b"\xff\xfe", b"-rf", b" ", b"A.PY")
    ],
    "deep": deep,
}


@pytest.mark.parametrize("trap", TRAPS)
def test_nothing_left_there_stays(
    trap: str,
    ctl: control_dir.Control,
    head: Sha,
    handouts: Handouts,
    folder: Path,
) -> None:
    before = held(folder)
    TRAPS[trap](folder)
    found = reset(ctl, handouts, str(folder), "", head)
    assert found is not None
    assert held(folder) == before
    assert inventory.compare(str(folder), found.inventory) == inventory.Difference()
    assert handouts.load(str(folder)) == found


@pytest.mark.parametrize("trap", TRAPS)
def test_and_nothing_of_it_at_another_commit(
    trap: str,
    ctl: control_dir.Control,
    head: Sha,
    handouts: Handouts,
    folder: Path,
    tmp_path: Path,
) -> None:
    changes = {"src/a.py": "other\n", "src/new/c.py": "c\n", "run.sh": None}
    other = commit_of(ctl, tmp_path / "w", changes, head)
    snapshot.checkout(ctl, str(tmp_path / "new"), "", other)
    TRAPS[trap](folder)
    found = reset(ctl, handouts, str(folder), "", other)
    assert found is not None
    assert held(folder) == held(tmp_path / "new")
    assert inventory.compare(str(folder), found.inventory) == inventory.Difference()


def test_no_folder_stays_of_which_the_other_commit_has_nothing(
    ctl: control_dir.Control, head: Sha, handouts: Handouts, tmp_path: Path
) -> None:
    deep = commit_of(ctl, tmp_path / "w", {"deep/er/file": "x\n"}, head)
    place = tmp_path / "place"
    snapshot.checkout(ctl, str(place), "", deep)
    handouts.checked_out(ctl, str(place), "", deep)
    handouts.hand_out(str(place), deep)
    (place / "deep/er/file").unlink()
    (place / "deep/er").rmdir()
    snapshot.checkout(ctl, str(tmp_path / "new"), "", head)
    found = reset(ctl, handouts, str(place), "", head)
    assert found is not None
    assert held(place) == held(tmp_path / "new")
    assert inventory.compare(str(place), found.inventory) == inventory.Difference()


def test_nothing_behind_a_link_is_taken_for_what_was_there(
    ctl: control_dir.Control, head: Sha, handouts: Handouts, tmp_path: Path
) -> None:
    """The link that takes the place of a folder leads to one with a file of the same name."""
    before = commit_of(ctl, tmp_path / "w", {"place/a.py": "x\n"}, head)
    (tmp_path / "w/place/a.py").unlink()
    (tmp_path / "w/place").rmdir()
    (tmp_path / "w/place").symlink_to("src")
    tree = snapshot.snapshot(ctl, str(tmp_path / "w"), "", before).tree
    after = history.commit(ctl, tree, (before,), "link", ctl.identity, WHEN)
    place = tmp_path / "place"
    snapshot.checkout(ctl, str(place), "", before)
    handouts.checked_out(ctl, str(place), "", before)
    handouts.hand_out(str(place), before)
    found = reset(ctl, handouts, str(place), "", after)
    assert found is not None
    assert found.inventory == inventory.take(str(place))


def test_a_folder_whose_top_was_changed_is_not_used_again(
    ctl: control_dir.Control, head: Sha, handouts: Handouts, folder: Path
) -> None:
    os.setxattr(folder, "user.a", b"1")
    assert reset(ctl, handouts, str(folder), "", head) is None


def test_one_that_nobody_handed_out_is_not_used(
    ctl: control_dir.Control, head: Sha, handouts: Handouts, tmp_path: Path
) -> None:
    (tmp_path / "strange").mkdir()
    assert reset(ctl, handouts, str(tmp_path / "strange"), "", head) is None


def test_the_empty_folder_of_a_submodule_is_there_again(
    project: Path, handouts: Handouts, git: Callable[..., str], tmp_path: Path
) -> None:
    tip = git(project, "rev-parse", "HEAD").strip()
    git(project, "update-index", "--add", "--cacheinfo", f"160000,{tip},lib/sub")
    git(project, "commit", "-qm", "a submodule")
    ctl = control_dir.prepare(discover(str(project)))
    head, place = Sha(git(project, "rev-parse", "HEAD").strip()), tmp_path / "folder"
    snapshot.checkout(ctl, str(place), "", head)
    handouts.checked_out(ctl, str(place), "", head)
    handouts.hand_out(str(place), head)
    before = held(place)
    harms: list[Trap] = [
        lambda root: (root / "file").write_text("file\n"),
        lambda root: root.rmdir(),
        lambda root: root.parent.chmod(0o777),
    ]
    for harm in harms:
        harm(place / "lib/sub")
        assert reset(ctl, handouts, str(place), "", head) is not None
        assert held(place) == before


def test_where_attributes_differ_everything_would_have_to_be_written_again(
    ctl: control_dir.Control, head: Sha, handouts: Handouts, folder: Path, tmp_path: Path
) -> None:
    other = commit_of(ctl, tmp_path / "w", {".gitattributes": "*.py eol=crlf\n"}, head)
    assert reset(ctl, handouts, str(folder), "", other) is None


@pytest.fixture
def environment(folder: Path, head: Sha, handouts: Handouts) -> Path:
    before = inventory.take(str(folder))
    place = folder / "build/env"
    (place / "lib").mkdir(parents=True)
    (place / "lib/module.py").write_text("module\n")
    (place / "python").symlink_to("/usr/bin/python3")
    handouts.hand_out(str(folder), head, "key", before)
    return place


@pytest.mark.parametrize("commit", ["the same", "another"])
def test_what_setup_made_stays_as_it_was(
    commit: str,
    ctl: control_dir.Control,
    head: Sha,
    handouts: Handouts,
    folder: Path,
    environment: Path,
    tmp_path: Path,
) -> None:
    made = held(environment)
    (folder / "src/a.py").write_text("work\n")
    (environment / "lib/planted.pth").write_text("import evil\n")
    (environment / "lib/__pycache__").mkdir()
    to = head if commit == "the same" else commit_of(ctl, tmp_path / "w", {"src/b.py": "2"}, head)
    found = reset(ctl, handouts, str(folder), "", to, {"key"})
    assert found is not None and found.key == "key"
    assert held(environment) == made
    assert (folder / "src/a.py").read_text() == "one\ntwo\nthree\n"


@pytest.mark.parametrize(
    "harm",
    [
        lambda root: (root / "lib/module.py").write_text("eludom\n"),
        lambda root: (root / "lib/module.py").unlink(),
        lambda root: (root / "python").unlink(),
        lambda root: (root / "lib").chmod(0o777),
        lambda root: (root / "lib").rename(root / "bil"),
    ],
)
def test_of_what_setup_made_nothing_stays_once_any_of_it_has_changed(
    harm: Trap,
    ctl: control_dir.Control,
    head: Sha,
    handouts: Handouts,
    folder: Path,
    environment: Path,
) -> None:
    harm(environment)
    found = reset(ctl, handouts, str(folder), "", head, {"key"})
    assert found is not None and found.key == "" and not found.made
    assert not (folder / "build").exists()


def test_what_setup_changed_of_the_commit_is_written_again(
    ctl: control_dir.Control, head: Sha, handouts: Handouts, folder: Path
) -> None:
    fresh, before = held(folder), inventory.take(str(folder))
    for _ in range(2):
        (folder / "src/a.py").write_text("touched\n")
        (folder / "src/b.py").unlink()
        (folder / "made").write_text("made\n")
        made = handouts.hand_out(str(folder), head, "", before)
        assert set(made.dirty) == {"src/a.py", "src/b.py"}
        found = reset(ctl, handouts, str(folder), "", head)
        assert found is not None and not found.dirty
        assert held(folder) == fresh
        before = found.inventory


def test_what_was_made_goes_where_the_commit_has_a_file_in_its_place(
    ctl: control_dir.Control,
    head: Sha,
    handouts: Handouts,
    folder: Path,
    environment: Path,
    tmp_path: Path,
) -> None:
    changes = {".gitignore": "", "build/env": "a file\n"}
    other = commit_of(ctl, tmp_path / "w", changes, head)
    found = reset(ctl, handouts, str(folder), "", other, {"key"})
    assert found is not None and found.key == ""
    assert environment.read_text() == "a file\n"


def test_what_was_made_for_another_key_goes(
    ctl: control_dir.Control, head: Sha, handouts: Handouts, folder: Path, environment: Path
) -> None:
    found = reset(ctl, handouts, str(folder), "", head, {"other"})
    assert found is not None and not environment.exists()
