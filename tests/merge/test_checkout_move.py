"""Landings in a checkout that are cut off: at every step that git takes, and put in order."""

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests import kit
from wtman.errors import DiskFullError, ExternalError, LockedError, WtmanError
from wtman.git.control_dir import prepare
from wtman.git.discovery import Repository, discover
from wtman.merge import checkout_move, checkout_note
from wtman.model.ids import Sha
from wtman.model.move_note import MoveNote

LONG = "".join(f"line {number}\n" for number in range(400))
BEFORE: dict[str, str | bytes] = {
    "changed.txt": LONG,
    "deep/er/gone.txt": "gone\n",
    "empty.txt": "",
    "file-to-folder": "file\n",
    "folder-to-file/in.txt": "in\n",
    "grown.txt": "start\n",
    "kept.txt": "kept\n",
    "link-to-file.txt": "x\n",
    "run.sh": "#!/bin/sh\n",
}


def change(path: Path) -> None:
    """What the landing brings: every kind of change that a tree can have."""
    (path / "changed.txt").write_text(LONG.upper())
    (path / "deep/er/gone.txt").unlink()
    (path / "empty.txt").write_text("full\n")
    (path / "file-to-folder").unlink()
    (path / "file-to-folder").mkdir()
    (path / "file-to-folder/in.txt").write_text("in\n")
    (path / "folder-to-file/in.txt").unlink()
    (path / "folder-to-file").rmdir()
    (path / "folder-to-file").write_text("file\n")
    (path / "grown.txt").write_text("start\nmore\n")
    (path / "link-to-file.txt").unlink()
    (path / "link-to-file.txt").symlink_to("kept.txt")
    (path / "new/a b/\nnew.txt").parent.mkdir(parents=True)
    (path / "new/a b/\nnew.txt").write_text(LONG)
    (path / "new/empty.txt").write_text("")
    (path / "run.sh").chmod(0o755)


@pytest.fixture
def ends(tmp_path: Path) -> tuple[Path, Sha, Sha]:
    """A checkout of main, the commit it is at and the one it is to go to."""
    path = kit.create_repo(tmp_path / "repo", BEFORE)
    before = kit.run_git(path, "rev-parse", "main")
    kit.run_git(path, "switch", "-q", "-c", "work")
    change(path)
    after = kit.commit_files(path, {}, "after")
    kit.run_git(path, "switch", "-q", "main")
    return path, Sha(before), Sha(after)


def steps(path: Path, before: str, after: str) -> list[Callable[[], None]]:
    """What git does to the files, in its order: it deletes, then it writes, path by path."""
    names = kit.run_git(path, "diff-tree", "-r", "-z", "--name-only", before, after).split("\0")
    names = [name for name in names if name]
    new = kit.run_git(path, "ls-tree", "-r", "-z", after).split("\0")
    entries = {name: facts for facts, _, name in (line.partition("\t") for line in new if line)}

    def delete(name: str) -> None:
        (path / name).unlink()
        for above in Path(name).parents[:-1]:
            if any((path / above).iterdir()):
                break
            (path / above).rmdir()

    def write(name: str, share: float = 1.0) -> None:
        mode, _, oid = entries[name].split(" ")
        place = path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(place):
            place.unlink()
        body = kit.run_git(path, "cat-file", "blob", oid)
        if not body.endswith("\n") and mode != "120000" and body:
            body += "\n"
        if mode == "120000":
            place.symlink_to(body)
            return
        place.write_text(body[: int(len(body) * share)])
        place.chmod(0o755 if mode == "100755" else 0o644)

    done: list[Callable[[], None]] = []
    for name in names:
        if name not in entries:
            done.append(lambda name=name: delete(name))  # type: ignore[misc]
    for name in names:
        if name in entries:
            done.append(lambda name=name: write(name, 0.5))  # type: ignore[misc]
            done.append(lambda name=name: write(name))  # type: ignore[misc]
    return done


def noted(path: Path, before: Sha, after: Sha, *, repaired: bool = False) -> Repository:
    """As a wtman that was killed leaves it: its note, and the lock of its git."""
    repo = discover(str(path))
    with checkout_note.held(repo, str(path)):
        note = MoveNote(str(path), "main", before, after, time.time() - 5, repaired)
        checkout_note.write(repo, note)
    (path / ".git/index.lock").write_bytes(b"")
    return repo


def state(path: Path) -> tuple[str, str, str]:
    status = kit.run_git(path, "status", "--porcelain", "-uall")
    return kit.run_git(path, "rev-parse", "main"), kit.run_git(path, "rev-parse", "HEAD"), status


def test_it_lands_whole_and_goes_back_whole(ends: tuple[Path, Sha, Sha]) -> None:
    path, before, after = ends
    control = prepare(discover(str(path)))
    checkout_move.move_forward(control, str(path), "main", before, after)
    assert state(path) == (after, after, "")
    checkout_move.move_back(control, str(path), "main", after, before)
    assert state(path) == (before, before, "")
    assert checkout_move.mend(control.repo) == checkout_note.cut_off_text(control.repo) == ()


def test_cut_off_at_any_step_it_is_as_before(ends: tuple[Path, Sha, Sha]) -> None:
    path, before, after = ends
    many = len(steps(path, before, after))
    assert many > 15
    for number in range(0, many + 1, 1 if kit.ALL else 5):
        for step in steps(path, before, after)[:number]:
            step()
        repo = noted(path, before, after)
        (told,) = checkout_note.cut_off_text(repo)
        assert "cut off" in told
        (said,) = checkout_move.mend(repo)
        assert state(path) == (before, before, ""), number
        assert not (path / ".git/index.lock").exists()
        assert "kept" not in said
        assert checkout_move.mend(repo) == ()
        kit.run_git(path, "fsck", "--strict")
    assert sorted(item.name for item in path.iterdir()) == sorted(
        {".git", *(name.partition("/")[0] for name in BEFORE)}
    )


def test_cut_off_between_index_and_ref_it_is_finished(ends: tuple[Path, Sha, Sha]) -> None:
    path, before, after = ends
    kit.run_git(path, "read-tree", "-m", "-u", before, after)
    (path / "changed.txt").write_bytes(b"")  # a power cut may take content that git had written
    repo = noted(path, before, after)
    checkout_move.mend(repo)
    assert state(path) == (after, after, "")


def test_a_note_of_what_was_done_changes_nothing(ends: tuple[Path, Sha, Sha]) -> None:
    path, before, after = ends
    kit.run_git(path, "merge", "-q", "--ff-only", after)
    (said,) = checkout_move.mend(noted(path, before, after))
    assert "nothing had to be done" in said
    assert state(path) == (after, after, "")


def test_what_somebody_did_meanwhile_is_kept_and_named(ends: tuple[Path, Sha, Sha]) -> None:
    path, before, after = ends
    for step in steps(path, before, after):
        step()
    (path / "changed.txt").write_text(LONG + "mine\n")
    (path / "new/a b/\nnew.txt").write_text(LONG + "mine\n")
    (path / "new/mine.txt").write_text("mine\n")
    (path / "file-to-folder/mine.txt").write_text("mine\n")
    (path / "kept.txt").write_text("mine\n")
    (said,) = checkout_move.mend(noted(path, before, after))
    for name in ("changed.txt", "new.txt", "file-to-folder"):
        assert name in said
    assert "run.sh" not in said
    assert (path / "changed.txt").read_text() == LONG + "mine\n"
    assert (path / "new/a b/\nnew.txt").read_text() == LONG + "mine\n"
    for name in ("new/mine.txt", "file-to-folder/mine.txt", "kept.txt"):
        assert (path / name).read_text() == "mine\n"
    assert (path / "grown.txt").read_text() == "start\n"
    assert not (path / "new/empty.txt").exists()
    assert kit.run_git(path, "diff", "--cached", "--name-only") == ""


def test_what_was_committed_meanwhile_stays_as_it_was_committed(
    ends: tuple[Path, Sha, Sha],
) -> None:
    path, before, after = ends
    for step in steps(path, before, after)[:-4]:
        step()
    kit.commit_files(path, {}, "I commit whatever there is")
    kept = kit.run_git(path, "rev-parse", "HEAD")
    (path / "changed.txt").write_text(LONG.upper()[:100])  # of a second git that died
    checkout_move.mend(noted(path, before, after))
    assert state(path) == (kept, kept, "")


def test_a_repair_that_was_cut_off_is_done_again(ends: tuple[Path, Sha, Sha]) -> None:
    path, before, after = ends
    for step in steps(path, before, after):
        step()
    (path / "changed.txt").write_text(LONG[:100])
    repo = noted(path, before, after, repaired=True)
    checkout_move.mend(repo)
    assert state(path) == (before, before, "")
    (path / "changed.txt").write_text(LONG[:100])  # but without that it may be anybody's
    assert "changed.txt" in checkout_move.mend(noted(path, before, after))[0]
    assert (path / "changed.txt").read_text() == LONG[:100]


def test_files_that_a_filter_wrote_are_known(ends: tuple[Path, Sha, Sha]) -> None:
    path, before, after = ends
    kit.run_git(path, "config", "core.autocrlf", "true")
    kit.run_git(path, "read-tree", "-m", "-u", before, after)
    assert b"\r\n" in (path / "changed.txt").read_bytes()
    kit.run_git(path, "read-tree", before)
    (path / "new/a b/\nnew.txt").write_bytes(LONG.encode().replace(b"\n", b"\r\n")[:99])
    checkout_move.mend(noted(path, before, after))
    assert state(path) == (before, before, "")
    assert not (path / "new").exists()


def test_a_sparse_checkout_stays_sparse(ends: tuple[Path, Sha, Sha]) -> None:
    path, before, after = ends
    kit.run_git(path, "sparse-checkout", "set", "--cone", "deep")
    assert not (path / "folder-to-file").exists()
    control = prepare(discover(str(path)))
    checkout_move.move_forward(control, str(path), "main", before, after)
    assert state(path) == (after, after, "")
    assert not (path / "new").exists()
    checkout_move.move_back(control, str(path), "main", after, before)
    (path / "changed.txt").unlink()
    (path / "deep/er/gone.txt").unlink()
    checkout_move.mend(noted(path, before, after))
    assert state(path) == (before, before, "")
    assert not (path / "folder-to-file").exists()


def test_another_git_at_work_is_waited_for(ends: tuple[Path, Sha, Sha]) -> None:
    path, before, after = ends
    reader = subprocess.Popen(["git", "hash-object", "--stdin"], cwd=path, stdin=subprocess.PIPE)
    repo = noted(path, before, after)
    with pytest.raises(LockedError, match="another git is at work"):
        checkout_move.mend(repo)
    reader.communicate()
    old = path / ".git/index.lock"
    os.utime(old, (time.time() - 100, time.time() - 100))
    checkout_move.mend(repo)
    assert old.exists()  # made before the landing began: not ours


def test_a_checkout_that_is_gone_needs_nothing(ends: tuple[Path, Sha, Sha], tmp_path: Path) -> None:
    path, before, after = ends
    repo = noted(path, before, after)
    note = checkout_note.read(repo, str(path))
    assert note is not None
    checkout_note.forget(repo, str(path))
    checkout_note.write(repo, replace(note, path=str(tmp_path / "gone")))
    assert checkout_move.mend(repo) == checkout_note.cut_off_text(repo) == ()


def test_what_is_in_the_way_is_refused_before_anything_is_touched(
    ends: tuple[Path, Sha, Sha],
) -> None:
    path, before, after = ends
    control = prepare(discover(str(path)))
    (path / ".git/info").mkdir(exist_ok=True)
    (path / ".git/info/exclude").write_text("new\n")
    (path / "new").write_text("mine\n")
    with pytest.raises(WtmanError, match="not in git where the merge has its own: new/a b"):
        checkout_move.move_forward(control, str(path), "main", before, after)
    assert state(path) == (before, before, "")
    (path / "new").unlink()
    checkout_move.move_forward(control, str(path), "main", before, after)
    (path / ".git/info/exclude").write_text("gone.txt\n")
    (path / "deep/er").mkdir(parents=True)
    (path / "deep/er/gone.txt").write_text("mine\n")
    with pytest.raises(WtmanError, match="deep/er/gone.txt"):
        checkout_move.move_back(control, str(path), "main", after, before)
    assert (path / "deep/er/gone.txt").read_text() == "mine\n"
    assert kit.run_git(path, "rev-parse", "main") == after


@pytest.mark.parametrize("name", ["index.lock", "HEAD.lock", "refs/heads/main.lock"])
def test_a_lock_is_refused_before_anything_is_touched(
    ends: tuple[Path, Sha, Sha], name: str
) -> None:
    path, before, after = ends
    control = prepare(discover(str(path)))
    lock = path / ".git" / name
    lock.touch()
    with pytest.raises(LockedError, match=f"{name} is in use"):
        checkout_move.move_forward(control, str(path), "main", before, after)
    lock.unlink()
    assert state(path) == (before, before, "")
    assert checkout_move.mend(control.repo) == ()


def test_too_little_space_is_refused_before_anything_is_touched(
    ends: tuple[Path, Sha, Sha], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, before, after = ends
    control = prepare(discover(str(path)))
    monkeypatch.setattr(checkout_move, "free_bytes", lambda path: 1 << 20)
    with pytest.raises(DiskFullError, match="needs 5 MiB of free disk space and has 1"):
        checkout_move.move_forward(control, str(path), "main", before, after)
    assert state(path) == (before, before, "")


def test_a_git_that_is_killed_leaves_the_checkout_as_before(
    ends: tuple[Path, Sha, Sha], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, before, after = ends
    fake = tmp_path / "bin/git"
    fake.parent.mkdir()
    real = kit.run_git(path, "--exec-path") + "/git"
    fake.write_text(
        f'#!/bin/sh\nfor a; do if [ "$a" = --ff-only ]; then rm deep/er/gone.txt; '
        f'printf LI > changed.txt; : > .git/index.lock; kill -9 $$; fi; done\nexec {real} "$@"\n'
    )
    fake.chmod(0o755)
    with monkeypatch.context() as patched:
        patched.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
        with pytest.raises(ExternalError) as caught:
            checkout_move.move_forward(
                prepare(discover(str(path))), str(path), "main", before, after
            )
    assert caught.value.message.endswith(f"{path} is as it was before")
    assert caught.value.hint.endswith("then run the same command again")
    assert state(path) == (before, before, "")
    assert not (path / ".git/index.lock").exists()
    checkout_move.move_forward(prepare(discover(str(path))), str(path), "main", before, after)
    assert state(path) == (after, after, "")
