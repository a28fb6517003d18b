"""What a partial clone left at its remote is fetched before it is needed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from wtman.errors import MissingError
from wtman.git import partial
from wtman.git.discovery import discover

Git = Callable[..., str]


@pytest.fixture
def upstream(project: Path, git: Git, ada: None) -> Path:
    git(project, "config", "uploadpack.allowFilter", "true")
    git(project, "config", "uploadpack.allowAnySHA1InWant", "true")
    for branch, text in (("one", "1\n"), ("two", "2\n")):
        git(project, "checkout", "-q", "-b", branch, "main")
        (project / "src/a.py").write_text(text)
        git(project, "commit", "-qam", branch)
    git(project, "checkout", "-q", "main")
    (project / "src/b.py").write_text("moved\n")
    git(project, "commit", "-qam", "moved")
    return project


def cloned(git: Git, upstream: Path, what: str) -> Path:
    place = upstream.parent / "clone"
    args = ["clone", "-q", "--no-checkout", f"--filter={what}", f"file://{upstream}", str(place)]
    git(upstream.parent, *args)
    return place


def missing(git: Git, place: Path, *revisions: str) -> bool:
    said = git(place, "rev-list", "--objects", "--missing=print", *revisions)
    return any(line.startswith("?") for line in said.splitlines())


@pytest.mark.parametrize("what", ["blob:none", "tree:0", "blob:limit=1"])
def test_base_branches_and_where_they_parted(upstream: Path, git: Git, what: str) -> None:
    place = cloned(git, upstream, what)
    heads = [git(place, "rev-parse", f"origin/{name}") for name in ("one", "two")]
    base = git(place, "rev-parse", "HEAD")
    refs = git(place, "for-each-ref")
    assert missing(git, place, "HEAD")
    partial.require(discover(str(place)), heads, base)
    assert not missing(git, place, "--all")
    assert git(place, "for-each-ref") == refs and not (place / ".git/FETCH_HEAD").exists()


def test_the_repositorys_own_way_to_its_remote_is_taken(
    upstream: Path, git: Git, tmp_path: Path
) -> None:
    place = cloned(git, upstream, "blob:none")
    ssh = tmp_path / "ssh"
    ssh.write_text(f'#!/bin/sh\ntouch {tmp_path}/asked\nfor last; do :; done\nexec sh -c "$last"\n')
    ssh.chmod(0o755)
    git(place, "remote", "set-url", "origin", f"ssh://somewhere{upstream}")
    git(place, "config", "core.sshCommand", str(ssh))
    git(place, "config", "ssh.variant", "simple")
    partial.require(discover(str(place)), [git(place, "rev-parse", "HEAD")])
    assert (tmp_path / "asked").exists() and not missing(git, place, "HEAD")


def test_a_remote_that_cannot_be_reached(upstream: Path, git: Git) -> None:
    place = cloned(git, upstream, "blob:none")
    upstream.rename(upstream.parent / "away")
    with pytest.raises(MissingError) as caught:
        partial.require(discover(str(place)), [git(place, "rev-parse", "HEAD")])
    assert "partial clone" in caught.value.message
    (upstream.parent / "away").rename(upstream)
    command = caught.value.hint.partition("here: git ")[2]
    git(place, *command.split())
    assert not missing(git, place, "--all")


def test_a_whole_clone_is_not_looked_at(project: Path) -> None:
    found = discover(str(project))
    assert not partial.is_partial(found)
    partial.require(found, ["0" * 40])
