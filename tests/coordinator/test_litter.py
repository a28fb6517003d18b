"""What kills leave, and logs that nobody needs any more: swept, packed, let go."""

import os
from pathlib import Path

import pytest

from tests import kit
from tests.worktrees.test_collect import Site
from wtman.coordinator import evidence, litter
from wtman.execution.output import stream
from wtman.git.disk import DiskTally
from wtman.model.ids import TaskId

DEAD = 2**22 + 1  # more than a process can be numbered
DRAFT = f".{DEAD}-0a1b2c3d"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(kit.create_repo(tmp_path / "repo", {"a.txt": "a\n"}), {"one": "true"})


def test_the_next_coordinator_sweeps_what_a_killed_one_left(site: Site) -> None:
    common = site.path / ".git/wtman"
    run = common / "runs" / site.run
    trees = site.path.parent / "worktrees"
    left = (
        run / "homes/check-0-aa/.config/token",
        run / f"activity.json{DRAFT}",
        run / f"tasks/one/1/spec.json{DRAFT}",
        run / f"tasks/one/1/git{DRAFT}/HEAD",
        run / "tasks/one/1/exit.json.tmp",
        run / "activity.json",
        run / "door-0",
        run / "reviews/1/correctness/home/.claude/token",
        run / ".patches.new/0001-one.patch",
        run / ".patches.new.old/manifest.json",
        common / "runs/other/homes/check-1-bb/token",
        common / f"ctl/tmp/{DEAD}-abc/file",
        common / f"ctl/index/0a1b{DRAFT}",
        common / f".new-{DEAD}-abc/admin/HEAD",
        trees / f"{site.run}-checks/0{DRAFT}/a.txt",
    )
    kept = (
        run / "tasks/one/home/.claude/session",
        run / "tasks/one/1/stdout",
        common / "ctl/index/0a1b",
        trees / f"{site.run}-checks/0/a.txt",
    )
    for path in (*left, *kept):
        kit.write_files(path.parent, {path.name: "x"})

    async def work() -> None:
        litter.sweep_repository(site.ctx.control, site.ctx.store)

    with_other = site.path / ".git/wtman/runs/other"
    site.within(work)
    there = [path for path in left if path.exists()]
    # A run that the journal does not know is nobody's to sweep.
    assert there == [with_other / "homes/check-1-bb/token"]
    assert (run / "patches/manifest.json").exists(), "the patches of before are back"
    assert all(path.exists() for path in kept)


def test_homes_of_a_live_run_stay(site: Site) -> None:
    home = site.path / ".git/wtman/runs" / site.run / "homes/check-0-aa/token"

    async def work() -> None:
        kit.write_files(home.parent, {"token": "x"})
        litter.sweep_repository(site.ctx.control, site.ctx.store)
        assert home.exists()

    site.within(work)


def test_logs_are_packed_read_on_and_let_go(tmp_path: Path) -> None:
    said = b"a line of a chatty session\n" * 10_000
    for name in ("tasks/one/1/stdout", "tasks/one/home/stdout", "reviews/1/stdout"):
        kit.write_files(tmp_path, {name: said.decode()})
    kit.write_files(tmp_path, {"tasks/one/2/stdout": "short", "tasks/one/1/git/HEAD": "x"})
    before = evidence.size_of(str(tmp_path))
    for _ in range(2):
        evidence.pack_logs(str(tmp_path))
    assert evidence.size_of(str(tmp_path)) < before - len(said) * 0.9
    with stream(str(tmp_path / "tasks/one/1/stdout")) as it:
        it.seek(27)
        assert it.read() == said[27:]
    assert (tmp_path / "tasks/one/2/stdout").read_text() == "short"
    assert (tmp_path / "reviews/1/stdout").exists() and (
        tmp_path / "tasks/one/home/stdout"
    ).exists()
    evidence.drop_logs(str(tmp_path))
    assert sorted(path.name for path in (tmp_path / "tasks/one").rglob("*")) == [
        *("1", "2", "HEAD", "git")
    ]


def test_no_copy_of_a_sign_in_file_outlives_its_task(tmp_path: Path) -> None:
    home = tmp_path / "tasks/one/home"
    kit.write_files(home, {".claude/.credentials.json": "secret", ".claude/history": "x"})
    kit.write_files(tmp_path, {"tasks/one/1/git/HEAD": "x", "elsewhere/token": "x"})
    os.symlink(tmp_path / "elsewhere", home / "link")
    paths = (".claude/.credentials.json", "link/token", "nothing/at/all")
    kit.write_files(home, {".cache/pip/x": "x" * 5000, "elsewhere/.npm/x": "x"})
    os.symlink(home / "elsewhere/.npm", home / ".npm")
    gone, tally = tmp_path / "gone", DiskTally()
    evidence.leave_task(str(tmp_path), TaskId("one"), paths, str(gone), tally)
    assert (home / "elsewhere/.npm/x").exists() and not (home / ".cache").exists()
    assert len(os.listdir(gone)) == 2 and tally.use.size >= 5000
    assert [path.name for path in home.glob(".claude/*")] == ["history"]
    assert not (tmp_path / "tasks/one/1/git").exists()
    assert (tmp_path / "elsewhere/token").exists(), "no link is followed"
