"""What a checkout takes is told from git, and what setup adds is measured once."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit
from wtman.coordinator.start.disk import disk_forecast, require_room
from wtman.coordinator.start.disk_forecast import DiskForecast
from wtman.errors import DiskFullError, MissingError
from wtman.git import control_dir
from wtman.git.discovery import discover
from wtman.git.disk import DiskTally, free_space
from wtman.git.footprint import footprint
from wtman.model.disk import DiskUse, FreeSpace
from wtman.model.ids import TaskId
from wtman.model.plan import Plan, Task
from wtman.model.settings import Settings
from wtman.provision import setup_use

POINTER = "version https:" + "//example.com/spec/v1\noid sha256:{}\nsize 5000000\n"


def test_the_footprint_is_what_a_checkout_takes(tmp_path: Path) -> None:
    files = {f"a/{at}/x.txt": "x" * (at * 1000) for at in range(1, 20)}
    repo = kit.create_repo(tmp_path / "repo", {**files, "empty": "", "b/y": "y"})
    os.symlink("b/y", repo / "link")
    kit.run_git(repo, "add", "-A")
    kit.run_git(repo, "commit", "-qm", "link")
    ctl = control_dir.prepare(discover(str(repo)))
    told = footprint(ctl, kit.run_git(repo, "rev-parse", "HEAD"), free_space(str(repo)).block)
    real = DiskTally().add(str(repo), str(repo / ".git"))
    assert told.files == real.files
    assert abs(told.size - real.size) < real.size / 2  # a file system may take nothing for folders


def test_a_pointer_counts_for_the_file_that_it_stands_for(tmp_path: Path) -> None:
    repo = kit.create_repo(tmp_path / "repo", {"big.bin": POINTER.format("0" * 64)})
    head = kit.run_git(repo, "rev-parse", "HEAD")
    ctl = control_dir.prepare(discover(str(repo)))
    assert footprint(ctl, head, 4096).size < 100_000
    kit.run_git(repo, "config", "filter.lfs.process", "git-lfs filter-process")
    footprint.cache_clear()
    assert 5_000_000 < footprint(ctl, head, 4096).size < 5_100_000


def test_names_of_one_file_count_once_and_only_all_together(tmp_path: Path) -> None:
    kit.write_files(tmp_path, {"a/one": "x" * 10_000, "b/keep": ""})
    os.link(tmp_path / "a/one", tmp_path / "b/one")
    tally = DiskTally()
    first = tally.add(str(tmp_path / "a"))
    second = tally.add(str(tmp_path / "b"))
    assert first.files == 1 and second.size >= 10_000
    assert tally.use == first + second


def free(size: int, files: int | None = 10**6) -> FreeSpace:
    return FreeSpace(size, size, files, reserve=100, block=1)


@pytest.mark.parametrize(
    "place, need, lacks",
    [
        (free(1000), DiskUse(900, 10), False),
        (free(1000), DiskUse(901, 10), True),
        (free(1000, 1500), DiskUse(1, 501), True),
        (free(1000, 1500), DiskUse(1, 500), False),
        (free(1000, None), DiskUse(1, 10**9), False),
    ],
)
def test_what_fits_leaves_the_reserve(place: FreeSpace, need: DiskUse, lacks: bool) -> None:
    assert place.lacks(need) is lacks


def test_a_run_without_room_is_refused_with_what_is_missing() -> None:
    one = DiskUse(10_000_000, 100)
    told = DiskForecast("/trees", 8, 2, one, one * 10, free(50_000_000), pooled=True)
    with pytest.raises(MissingError) as error:
        require_room(told)
    assert error.value.code == "disk" and error.value.status == 3
    assert "8 worktrees and 2 checkouts take about 100 MB, 50 MB are free" in error.value.message
    assert "wtman clean" in error.value.hint and "-j 2" in error.value.hint


@pytest.mark.slow
def test_what_setup_added_is_in_the_next_forecast(
    make_repo: Callable[..., Path], wtman: kit.Program
) -> None:
    setup = "head -c 3000000 /dev/urandom > made.bin"
    ignored = {".gitignore": "*.bin\n", "wtman.toml": f'setup = ["{setup}"]\n'}
    repo = make_repo({**ignored, "README.md": "x\n"})
    wtman("trust", "--yes", cwd=repo)
    split = ("split", "--task", "one: do it", "--agent", "command:sh -c 'echo > x'", "--yes")
    before = wtman(*split, "--dry-run", "--json", cwd=repo).json()["disk"]
    assert (before["worktrees"], before["setup_known"], before["enough"]) == (1, False, True)
    assert "and what setup adds for 1 worktree, " in wtman(*split[:-1], "--dry-run", cwd=repo).out
    wtman(*split, cwd=repo)
    after = wtman(*split, "--dry-run", "--json", cwd=repo).json()["disk"]
    assert after["setup_known"] and 2_990_000 < after["bytes"] - before["bytes"] < 3_200_000
    [line] = [
        line
        for line in wtman("doctor", "--json", cwd=repo, check_status=None).json()["lines"]
        if line["name"] == "disk" and line["text"].startswith("a run of")
    ]
    assert "for 16 worktrees, " in line["text"] and line["level"] == "ok"


def test_a_checkout_for_which_there_is_no_room_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = kit.create_repo(tmp_path / "repo", {"a": "a"})
    ctl = control_dir.prepare(discover(str(repo)))
    settings = Settings(worktrees=str(tmp_path))
    head = kit.run_git(repo, "rev-parse", "HEAD")
    setup_use.require_space(ctl, settings, head)
    plan = Plan("", (Task(TaskId("one"), "do"),))
    assert disk_forecast(ctl, plan, settings, head).fits  # type: ignore[arg-type]
    monkeypatch.setattr(setup_use, "free_space", lambda path: free(101))
    with pytest.raises(DiskFullError, match="one more checkout"):
        setup_use.require_space(ctl, settings, head)


def test_the_footprint_of_the_next_commit_is_told_by_what_it_changed(tmp_path: Path) -> None:
    repo = kit.create_repo(tmp_path / "repo", {f"a/{at}/x": "x" * at * 1000 for at in range(9)})
    ctl = control_dir.prepare(discover(str(repo)))
    first = footprint(ctl, kit.run_git(repo, "rev-parse", "HEAD"), 4096)
    kit.write_files(repo, {"a/3/x": "x" * 50_000, "b/c/d/new": "y" * 5000, "pointer": POINTER})
    os.symlink("a" * 80, repo / "link")
    kit.run_git(repo, "rm", "-rq", "a/8")
    kit.run_git(repo, "add", "-A")
    kit.run_git(repo, "commit", "-qm", "more")
    head = kit.run_git(repo, "rev-parse", "HEAD")
    grown = footprint(ctl, head, 4096)
    place = repo / ".git/wtman/footprints.json"
    assert head_tree(repo) in place.read_text()
    place.write_text("[broken")
    footprint.cache_clear()
    assert first != grown == footprint(ctl, head, 4096)


def test_a_footprint_is_kept_by_its_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = kit.create_repo(tmp_path / "repo", {"a": "x"})
    ctl = control_dir.prepare(discover(str(repo)))
    head = kit.run_git(repo, "rev-parse", "HEAD")
    told = footprint(ctl, head, 4096)
    footprint.cache_clear()
    monkeypatch.setattr("wtman.git.footprint.call", None)  # git is not asked
    assert footprint(ctl, head, 4096) == told


def head_tree(repo: Path) -> str:
    return kit.run_git(repo, "rev-parse", "HEAD^{tree}")
