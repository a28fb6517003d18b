"""Commits that a session made in a submodule: told, kept, and never landed without it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.kit import commit_files, create_repo, run_git, write_files
from wtman.git.checkouts.worktrees import WorktreeSpec, create
from wtman.git.control_dir import Control, prepare
from wtman.git.discovery import discover
from wtman.git.untrusted import private
from wtman.git.untrusted.private import PrivateGit
from wtman.model.ids import Sha
from wtman.worktrees.submodules import Inside, look

World = tuple[Control, PrivateGit, Path]


@pytest.fixture(params=["mounted", "pointed"])
def world(tmp_path: Path, make_repo: Callable[..., Path], request: pytest.FixtureRequest) -> World:
    """A repository with a submodule `lib/sub`, and a session that has initialised it."""
    upstream = create_repo(tmp_path / "upstream", {"s": "1\n"})
    repo = make_repo({"f": "f\n"})
    args = ("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(upstream), "lib/sub")
    run_git(repo, *args)
    run_git(repo, "-c", "user.name=A", "-c", "user.email=a@b", "commit", "-qm", "submodule")
    at = Sha(run_git(repo, "rev-parse", "HEAD"))
    run_git(repo, "branch", "task")
    ctl = prepare(discover(str(repo)))
    (tree,) = create(ctl.repo, [WorktreeSpec("wtman-1", str(tmp_path / "tree"), "task")])
    mounted = request.param == "mounted"
    git = private.make(ctl, tree, "task", at, str(tmp_path / "git"), mounted=mounted)
    below = "worktrees/wtman-1/modules/lib/sub"
    module, checkout = Path(git.path, below), Path(tree.path, "lib/sub")
    module.parent.mkdir(parents=True)
    checkout.parent.mkdir()
    run_git(tmp_path, "clone", "-q", f"--separate-git-dir={module}", str(upstream), str(checkout))
    return ctl, git, checkout


def seen(world: World, tmp_path: Path, at: str) -> Inside:
    """What is said of the submodule where the session's work names `at` for it."""
    ctl, git, checkout = world
    repo = ctl.repo.main
    run_git(repo, "update-index", "--cacheinfo", f"160000,{at},lib/sub")
    tree = run_git(repo, "write-tree")
    who = ("-c", "user.name=A", "-c", "user.email=a@b")
    tip = Sha(run_git(repo, *who, "commit-tree", "-p", git.at, "-m", "x", tree))
    if git.mounted:  # as it is seen where the private one lies over the repository's
        inside = Path(git.common, "worktrees/wtman-1/modules/lib/sub")
        (checkout / ".git").write_text(f"gitdir: {inside}\n")
    (found,) = look(ctl, git, tip, ("lib/sub",), str(tmp_path / "kept"))
    return found


def test_where_its_remote_has_the_commit_there_is_nothing_to_say(
    world: World, tmp_path: Path
) -> None:
    _, _, checkout = world
    old = run_git(checkout, "rev-parse", "HEAD")
    found = seen(world, tmp_path, old)
    assert (found.refusal, found.note) == ("", "")
    found = seen(world, tmp_path, "1" * 40)
    assert found.note == f"the submodule lib/sub stands at {old[:12]}, which was not committed"


@pytest.mark.parametrize("committed", [True, False])
def test_what_only_the_session_has_is_kept(world: World, tmp_path: Path, committed: bool) -> None:
    _, _, checkout = world
    old = run_git(checkout, "rev-parse", "HEAD")
    for key, value in (("user.name", "A"), ("user.email", "a@b")):
        run_git(checkout, "config", key, value)
    new = commit_files(checkout, {"s": "2\n"})
    found = seen(world, tmp_path, new if committed else old)
    assert bool(found.refusal) == committed
    assert "not collected" in found.note and found.kept in found.note
    run_git(tmp_path, *found.kept.split()[1:])
    assert (tmp_path / f"sub-{new[:12]}" / "s").read_text() == "2\n"


def test_a_pointer_that_leads_elsewhere_is_not_followed(world: World, tmp_path: Path) -> None:
    ctl, git, checkout = world
    other = create_repo(tmp_path / "other", {"secret": "s"})
    git = replace(git, mounted=False)
    write_files(checkout, {".git": f"gitdir: {other}/.git\n"})
    assert seen((ctl, git, checkout), tmp_path, run_git(other, "rev-parse", "HEAD")).kept == ""
