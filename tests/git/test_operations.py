"""Operations half-way in a checkout, and the branches that they hold: as git itself sees it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit
from wtman.git import operations
from wtman.git.discovery import discover

ANY = (0, 1, 2, 128)


@pytest.fixture
def torn(project: Path) -> Path:
    """`main` and `topic` conflict; `stacked` is a branch on the way of main."""
    git = kit.run_git
    git(project, "branch", "topic")
    git(project, "branch", "free")
    kit.commit_files(project, {"run.sh": "mine\n"}, "mine")
    git(project, "branch", "stacked")
    kit.commit_files(project, {"README.md": "more\n"}, "more")
    git(project, "switch", "-q", "topic")
    kit.commit_files(project, {"run.sh": "theirs\n"}, "theirs")
    git(project, "switch", "-q", "main")
    return project


def apply_mail(path: Path) -> None:
    mail = kit.run_git(path, "format-patch", "--stdout", "-1", "topic")
    kit.run_git(path, "am", input=mail + "\n", ok=(128,))


def several_picks(path: Path) -> None:
    kit.run_git(path, "cherry-pick", "topic", "free", ok=(1,))
    kit.commit_files(path, {"run.sh": "both\n"}, "both")  # which takes CHERRY_PICK_HEAD away


BEGUN: dict[str, Callable[[Path], object]] = {
    "rebase topic": lambda path: kit.run_git(path, "rebase", "topic", ok=(1,)),
    "rebase --apply": lambda path: kit.run_git(path, "rebase", "--apply", "topic", ok=(1,)),
    "am": apply_mail,
    "bisect": lambda path: kit.run_git(path, "bisect", "start", "HEAD", "free"),
    "merge": lambda path: kit.run_git(path, "merge", "topic", ok=(1,)),
    "cherry-pick": lambda path: kit.run_git(path, "cherry-pick", "topic", ok=(1,)),
    "cherry-picks": several_picks,
    "revert": lambda path: kit.run_git(path, "revert", "--no-edit", "HEAD~1", "HEAD~2", ok=ANY),
}


@pytest.mark.parametrize("name", BEGUN)
def test_the_branch_is_held_until_what_is_told_ends_it(torn: Path, name: str) -> None:
    if name == "revert":
        kit.commit_files(torn, {"run.sh": "again\n"}, "again")
    before = kit.run_git(torn, "rev-parse", "main")
    assert operations.holding(discover(str(torn)), "main") is None
    BEGUN[name](torn)

    held = operations.holding(discover(str(torn)), "main")
    assert held is not None
    assert held.path == str(torn)
    assert name.split(maxsplit=1)[0].rstrip("s") in f"{held.what} {held.abort}"
    assert operations.underway(discover(str(torn))) == held
    assert operations.holding(discover(str(torn)), "free") is None
    assert held.abort in held.ways_out
    kit.run_git(torn, *held.abort.split(), ok=(0, 1) if name == "cherry-picks" else (0,))
    if name != "cherry-picks":
        assert kit.run_git(torn, "rev-parse", "main") == before
        assert operations.holding(discover(str(torn)), "main") is None


def test_a_rebase_in_another_worktree_holds_all_that_it_will_move(
    torn: Path, tmp_path: Path
) -> None:
    second = tmp_path / "a b"
    kit.run_git(torn, "switch", "-q", "free")
    kit.run_git(torn, "worktree", "add", "-q", str(second), "main")
    kit.run_git(second, "rebase", "--update-refs", "topic", ok=(1,))
    repo = discover(str(torn))
    for branch, refused in (("main", 128), ("stacked", 128), ("topic", 0)):
        kit.run_git(torn, "branch", "-f", branch, "HEAD", ok=(refused,))
        held = operations.holding(repo, branch)
        if not refused:
            assert held is None
            continue
        assert held is not None
        assert held.ways_out.startswith(f"git -C '{second}' rebase --continue or git -C ")
    assert operations.underway(repo) is None

    shutil.rmtree(second)
    gone = operations.holding(repo, "main")
    assert gone is not None
    assert gone.ways_out == "its folder is gone: git worktree prune"
    kit.run_git(torn, "worktree", "prune")
    assert operations.holding(repo, "main") is None
