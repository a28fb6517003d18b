"""Refs move only by compare-and-swap, all of a call or none."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.git.world import commit_of
from wtman.errors import ExternalError, RaceError, UsageError
from wtman.git import control_dir, refs
from wtman.git.discovery import Repository
from wtman.git.objects import history
from wtman.git.refs import RefChange
from wtman.model.ids import Sha

Git = Callable[..., str]


def test_create_move_delete(
    here: Repository, ctl: control_dir.Control, head: Sha, tmp_path: Path
) -> None:
    other = commit_of(ctl, tmp_path / "w", {"x": "x"}, head)
    names = [f"refs/heads/wtman/r/{i}" for i in range(3)]
    refs.update(here, [RefChange(name, head, None) for name in names])
    assert refs.read(here, "refs/heads/wtman/r/") == dict.fromkeys(names, head)
    refs.update(here, [RefChange(names[0], other, head), RefChange(names[1], None, head)])
    assert refs.read_one(here, names[0]) == other
    assert refs.read_one(here, names[1]) is None
    assert refs.read_one(here, "refs/heads/wtman") is None
    refs.update(here, [RefChange(names[1], None, None)])
    refs.update(here, [])


def test_a_lost_race_names_the_ref_and_moves_nothing(
    here: Repository, ctl: control_dir.Control, head: Sha, tmp_path: Path
) -> None:
    other = commit_of(ctl, tmp_path / "w", {"x": "x"}, head)
    refs.update(here, [RefChange("refs/wtman/a", head, None)])
    for losing in (
        RefChange("refs/wtman/a", other, None),
        RefChange("refs/wtman/a", head, other),
        RefChange("refs/wtman/a", None, other),
        RefChange("refs/wtman/a", None, None),
    ):
        with pytest.raises(RaceError, match="refs/wtman/a"):
            refs.update(here, [RefChange("refs/wtman/b", head, None), losing])
        assert refs.read(here, "refs/wtman") == {"refs/wtman/a": head}
    with pytest.raises(RaceError, match="refs/wtman/c"):
        refs.update(here, [RefChange("refs/wtman/c", other, head)])


def lasting() -> list[psutil.Process]:
    """The gits of this process that stay."""
    return [it for it in psutil.Process().children() if "update-ref" in it.cmdline()]


def test_a_lasting_git_moves_them_too_and_is_replaced_when_it_dies(
    here: Repository, ctl: control_dir.Control, head: Sha, tmp_path: Path
) -> None:
    other = commit_of(ctl, tmp_path / "w", {"x": "x"}, head)
    with here.lasting.kept():
        for number in range(3):
            refs.update(here, [RefChange(f"refs/wtman/{number}", head, None)])
        (one,) = lasting()
        one.kill()
        refs.update(here, [RefChange("refs/wtman/0", other, head)])
        refs.update(here, [RefChange("refs/wtman/1", None, head)])
        (two,) = lasting()
        assert two.pid != one.pid
        with pytest.raises(RaceError, match="refs/wtman/0"):
            refs.update(here, [RefChange("refs/wtman/0", other, head)])
        assert not lasting()  # it ends at what it refuses
        refs.update(here, [RefChange("refs/wtman/3", head, None)])
        assert refs.read(here, "refs/wtman") == {
            "refs/wtman/0": other, "refs/wtman/2": head, "refs/wtman/3": head,
        }  # fmt: skip
    assert not lasting()


def test_of_many_at_once_exactly_one_wins(
    here: Repository, ctl: control_dir.Control, head: Sha, tmp_path: Path
) -> None:
    tips = [
        history.commit(ctl, history.tree_of(ctl, head), (head,), f"c{i}", ctl.identity, 1.0)
        for i in range(12)
    ]
    refs.update(here, [RefChange("refs/wtman/x", head, None)])

    def contend(tip: Sha) -> Sha | None:
        try:
            refs.update(here, [RefChange("refs/wtman/x", tip, head)])
        except RaceError:
            return None
        return tip

    with ThreadPoolExecutor(6) as pool:
        won = [tip for tip in pool.map(contend, tips) if tip]
    assert won == [refs.read_one(here, "refs/wtman/x")]


def test_a_branch_turned_into_a_pointer_does_not_move_what_it_points_to(
    project: Path,
    here: Repository,
    ctl: control_dir.Control,
    head: Sha,
    tmp_path: Path,
    git: Git,
) -> None:
    other = commit_of(ctl, tmp_path / "w", {"x": "x"}, head)
    git(project, "symbolic-ref", "refs/heads/wtman/r/t", "refs/heads/main")
    refs.update(here, [RefChange("refs/heads/wtman/r/t", other, head)])
    assert refs.read_one(here, "refs/heads/main") == head
    assert refs.read_one(here, "refs/heads/wtman/r/t") == other


def test_no_hook_runs(project: Path, here: Repository, head: Sha, tmp_path: Path) -> None:
    (project / ".git/hooks").mkdir()
    hook = project / ".git/hooks/reference-transaction"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/marker\nexit 1\n")
    hook.chmod(0o755)
    refs.update(here, [RefChange("refs/wtman/x", head, None)])
    assert not (tmp_path / "marker").exists()


def test_what_is_no_ref_or_no_object_is_refused(here: Repository, head: Sha) -> None:
    for bad in ("main", "-d", "refs/x\0y"):
        with pytest.raises(UsageError):
            refs.update(here, [RefChange(bad, head, None)])
    with pytest.raises(UsageError):
        refs.update(here, [RefChange("refs/wtman/x", Sha("main"), None)])
    with pytest.raises(ExternalError):
        refs.update(here, [RefChange("refs/wtman/a..b", head, None)])
