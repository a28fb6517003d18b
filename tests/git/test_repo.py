"""The user's repository: found, asked, and fast-forwarded."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.git.world import commit_of
from wtman.errors import ExternalError, MissingError, RaceError, UsageError
from wtman.git import control_dir, disk, repo
from wtman.git.checkouts import snapshot
from wtman.git.discovery import Repository, discover
from wtman.model.ids import Sha
from wtman.model.plan import Identity

Git = Callable[..., str]


def test_found_from_a_folder_inside_whatever_the_environment_says(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project))
    found = discover(str(project / "src"))
    assert found == Repository(
        str(project / ".git"), str(project / ".git"), str(project), str(project)
    )
    assert found.wtman_dir == str(project / ".git/wtman")


def test_no_repository(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="not in a git repository"):
        discover(str(tmp_path))
    with pytest.raises(MissingError, match="no folder"):
        discover(str(tmp_path / "absent"))


def test_a_linked_worktree_whose_git_is_a_file(project: Path, tmp_path: Path, git: Git) -> None:
    linked = tmp_path / "linked"
    git(project, "worktree", "add", "-q", "-b", "side", str(linked))
    found = discover(str(linked / "src"))
    assert found.common_dir == str(project / ".git")
    assert found.git_dir == str(project / ".git/worktrees/linked")
    assert (found.toplevel, found.main) == (str(linked), str(project))
    assert repo.head_branch(found) == "side"
    assert repo.resolve(found, "HEAD") == git(project, "rev-parse", "side")
    assert control_dir.prepare(found).path == str(project / ".git/wtman/ctl")


def test_a_worktree_pointer_into_nothing(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text(f"gitdir: {tmp_path}/gone\n")
    with pytest.raises(MissingError) as caught:
        discover(str(tmp_path))
    assert "worktree repair" in caught.value.hint


def test_a_git_that_is_killed_while_gitpython_is_imported_costs_nothing(
    project: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(project, "checkout", "-q", "--detach")
    monkeypatch.setitem(sys.modules, "git", None)  # as such an import ends
    assert repo.head_branch(discover(str(project))) == ""


@pytest.mark.parametrize("name", ["bare.git", ".git"])
def test_bare(project: Path, tmp_path: Path, git: Git, name: str) -> None:
    place = tmp_path / "b" / name
    git(tmp_path, "clone", "-q", "--bare", str(project), str(place))
    found = discover(str(place))
    assert found == Repository(str(place), str(place), "", "")
    assert repo.head_branch(found) == "main"
    listed = repo.checkouts(found)
    assert [(item.head, item.branch) for item in listed] == [("", "")]
    git(place, "worktree", "add", "-q", str(tmp_path / "w"), "main")
    linked = discover(str(tmp_path / "w"))
    assert (linked.toplevel, linked.main) == (str(tmp_path / "w"), "")


def test_revisions(project: Path, here: Repository, git: Git) -> None:
    head = git(project, "rev-parse", "HEAD")
    git(project, "tag", "-a", "v1", "-m", "one")
    for rev in ("HEAD", "main", "v1", head[:8]):
        assert repo.resolve(here, rev) == head
    for rev in ("nope", "--all", "", "-x", "HEAD:README.md", "a\nb"):
        with pytest.raises(UsageError):
            repo.resolve(here, rev)


def test_a_repository_without_a_commit(make_repo: Callable[..., Path]) -> None:
    found = discover(str(make_repo({}, name="empty", identity=False)))
    with pytest.raises(MissingError) as caught:
        repo.resolve(found, "HEAD")
    assert "first commit" in caught.value.hint
    assert repo.head_branch(found) == "main"


def test_detached(project: Path, here: Repository, git: Git) -> None:
    git(project, "checkout", "-q", "--detach")
    assert repo.head_branch(here) == ""
    git(project, "checkout", "-q", "-b", "feature/x")
    assert repo.head_branch(here) == "feature/x"


def test_identity(
    project: Path, here: Repository, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    git(project, "config", "user.name", "Zoë <Q> O'Neil")
    git(project, "config", "user.email", "zoe@example.org")
    assert repo.identity(here) == Identity("Zoë Q O'Neil", "zoe@example.org")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Env")
    assert repo.identity(here) == Identity("Env", "zoe@example.org")
    monkeypatch.delenv("GIT_AUTHOR_NAME")
    git(project, "config", "--remove-section", "user")
    git(project, "config", "user.useConfigOnly", "true")
    with pytest.raises(MissingError) as caught:
        repo.identity(here)
    assert "user.name" in caught.value.hint and "user.email" in caught.value.hint


def test_checkouts(project: Path, here: Repository, tmp_path: Path, git: Git) -> None:
    odd = tmp_path / "odd \n name"
    git(project, "worktree", "add", "-q", "--detach", str(odd))
    git(project, "worktree", "lock", str(odd))
    main, linked = repo.checkouts(here)
    head = git(project, "rev-parse", "HEAD")
    assert main == repo.Checkout(str(project), head, "main")
    assert linked == repo.Checkout(str(odd), head, "")


@pytest.mark.parametrize("layout", ["separate", "link", "submodule", "work tree"])
def test_a_git_directory_elsewhere_moves_its_own_checkout(
    project: Path, tmp_path: Path, git: Git, ada: None, make_repo: Callable[..., Path], layout: str
) -> None:
    place, start = project, project
    if layout == "separate":
        git(project, "init", "-q", "--separate-git-dir", str(tmp_path / "elsewhere.git"))
    elif layout == "link":
        (project / ".git").rename(tmp_path / "nosync")
        (project / ".git").symlink_to("../nosync")
    elif layout == "work tree":
        place = tmp_path / "files"
        place.mkdir()
        git(project, "config", "core.worktree", "../../files")
        git(project, "checkout", "-q", "-f")
    else:
        above = make_repo({"f": "f\n"}, name="above")
        git(above, "-c", "protocol.file.allow=always", "submodule", "add", str(project), "lib")
        place = start = above / "lib"
    before = Sha(git(start, "rev-parse", "HEAD"))
    after = Sha(git(start, "commit-tree", "-p", before, "-m", "none", f"{before}^{{tree}}"))
    found = discover(str(start))
    assert (found.toplevel, found.main) == (str(place), str(place))
    assert repo.head_branch(found) == "main"
    assert [(item.path, item.branch) for item in repo.checkouts(found)] == [(str(place), "main")]
    assert repo.is_dirty(found, str(place)) == ()
    repo.fast_forward(found, str(place), before, after)
    assert git(start, "rev-parse", "main") == after

    linked = tmp_path / "linked"
    git(start, "worktree", "add", "-q", "-b", "side", str(linked))
    known = str(place) if layout in ("submodule", "work tree") else ""
    assert repo.checkouts(discover(str(linked)))[0].path == known


def test_dirty_is_about_tracked_files(project: Path, here: Repository, git: Git) -> None:
    (project / "new").write_text("untracked")
    assert repo.is_dirty(here, str(project)) == ()
    (project / "src/a.py").write_text("changed")
    (project / "src/b.py").write_text("staged")
    git(project, "add", "src/b.py")
    assert repo.is_dirty(here, str(project)) == ("src/a.py", "src/b.py")
    with pytest.raises(MissingError):
        repo.is_dirty(here, str(project / "src"))


def test_fast_forward(
    project: Path,
    here: Repository,
    ctl: control_dir.Control,
    head: Sha,
    tmp_path: Path,
    git: Git,
) -> None:
    marker = tmp_path / "marker"
    (project / ".git/hooks").mkdir()
    hook = project / ".git/hooks/post-merge"
    hook.write_text(f"#!/bin/sh\ntouch {marker}\n")
    hook.chmod(0o755)
    after = commit_of(ctl, tmp_path / "w", {"src/a.py": "A\n", "new/n": "n"}, head)
    (project / "README.md").write_text("the user's edit\n")
    repo.fast_forward(here, str(project), head, after)
    assert git(project, "rev-parse", "main") == after
    assert git(project, "symbolic-ref", "HEAD") == "refs/heads/main"
    assert (project / "new/n").read_text() == "n"
    assert repo.is_dirty(here, str(project)) == ("README.md",)
    assert not marker.exists()
    repo.fast_forward(here, str(project), head, after)
    with pytest.raises(RaceError):
        repo.fast_forward(here, str(project), head, head)


@pytest.mark.parametrize("obstacle", ["changed", "untracked", "ignored"])
def test_fast_forward_overwrites_nothing(
    project: Path,
    here: Repository,
    ctl: control_dir.Control,
    head: Sha,
    tmp_path: Path,
    git: Git,
    obstacle: str,
) -> None:
    name = {"changed": "src/a.py", "untracked": "new", "ignored": "x.log"}[obstacle]
    work = tmp_path / "w"
    snapshot.checkout(ctl, str(work), "", head)
    (work / ".gitignore").write_text("")
    after = commit_of(ctl, work, {name: "theirs", ".gitignore": ""}, head)
    after = commit_of(ctl, work, {".gitignore": "*.log\nbuild/\n"}, after)
    (project / name).write_text("mine")
    with pytest.raises(ExternalError) as caught:
        repo.fast_forward(here, str(project), head, after)
    assert name in caught.value.message and "move these files" in caught.value.hint
    assert (project / name).read_text() == "mine"
    assert git(project, "rev-parse", "main") == head


def test_fast_forward_refuses_another_history(
    project: Path,
    here: Repository,
    ctl: control_dir.Control,
    head: Sha,
    tmp_path: Path,
    git: Git,
) -> None:
    after = commit_of(ctl, tmp_path / "w", {"x": "x"}, head)
    git(project, "commit", "-q", "--allow-empty", "-m", "meanwhile")
    now = Sha(git(project, "rev-parse", "HEAD"))
    with pytest.raises(RaceError):
        repo.fast_forward(here, str(project), head, after)
    with pytest.raises(RaceError, match="away from the history"):
        repo.fast_forward(here, str(project), now, after)


def test_fast_forward_neither_runs_nor_ignores_a_filter_of_the_repository(
    project: Path,
    here: Repository,
    ctl: control_dir.Control,
    head: Sha,
    tmp_path: Path,
    git: Git,
) -> None:
    git(project, "config", "filter.own.smudge", f"touch {tmp_path}/marker; cat")
    (project / ".git/info").mkdir(exist_ok=True)
    (project / ".git/info/attributes").write_text("*.py filter=own\n")
    after = commit_of(ctl, tmp_path / "w", {"src/a.py": "A\n"}, head)
    with pytest.raises(ExternalError, match="needs the filter 'own'"):
        repo.fast_forward(here, str(project), head, after)
    harmless = commit_of(ctl, tmp_path / "w", {"text": "t"}, head)
    repo.fast_forward(here, str(project), head, harmless)
    assert not (tmp_path / "marker").exists()


def test_file_systems(tmp_path: Path) -> None:
    table = tmp_path / "mounts"
    table.write_text(
        "/dev/a / ext4 rw 0 0\n"
        f"server:/x {tmp_path}/with\\040space nfs4 rw 0 0\n"
        f"tmp {tmp_path}/w tmpfs rw 0 0\n"
    )
    place = tmp_path / "with space/deep"
    assert disk.file_system(str(place), str(table)) == "nfs4"
    assert disk.file_system(str(tmp_path / "ww"), str(table)) == "ext4"
    assert disk.file_system(str(tmp_path), str(tmp_path / "absent")) == ""
    assert disk.free_bytes(str(tmp_path / "not/yet")) > 0
    assert not disk.on_network(os.sep)
