"""What setup writes in one git directory, given to another."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from wtman.git import control_dir
from wtman.git.checkouts import standalone
from wtman.git.untrusted.additions import GitAdditions, add, added, state_of
from wtman.model.ids import Sha

Git = Callable[..., str]


@pytest.fixture
def places(ctl: control_dir.Control, head: Sha, tmp_path: Path) -> list[Path]:
    found = [tmp_path / "one", tmp_path / "two"]
    for place in found:
        standalone.make(ctl, str(place), head)
    return found


def written(places: list[Path], write: Callable[[Path], object]) -> GitAdditions | str:
    """What `write` adds in the first; given to the second where it can be."""
    one, two = (str(place / ".git") for place in places)
    before = state_of(one)
    write(places[0])
    found = added(one, before)
    if isinstance(found, GitAdditions):
        add(two, found)
    return found


def test_hooks_and_settings_are_the_same_there(places: list[Path], git: Git) -> None:
    def install(place: Path) -> None:
        hook = place / ".git/hooks/pre-commit"
        hook.write_text("#!/bin/sh\necho checked >> hooked\n")
        hook.chmod(0o755)
        git(place, "config", "core.hooksPath", "hooks of 'mine'")
        git(place, "config", "alias.multi", "!a\nb")
        git(place, "config", 'filter."odd [name]".clean', "x \\ y")
        git(place, "config", "--add", "remote.origin.fetch", "+a:b")
        git(place, "config", "--add", "remote.origin.fetch", "+c:d")
        (place / ".git/info/lefthook.checksum").write_text("1")

    found = written(places, install)
    assert isinstance(found, GitAdditions) and not found.is_empty
    listed = [git(place, "config", "--local", "--list", "-z") for place in places]
    assert sorted(listed[0].split("\0")) == sorted(listed[1].split("\0"))
    assert "core.hookspath\nhooks of 'mine'" in listed[1]
    assert (places[1] / ".git/info/lefthook.checksum").read_text() == "1"
    git(places[1], "config", "--unset", "core.hooksPath")
    git(places[1], *"-c user.name=n -c user.email=e@x commit -q --allow-empty -m m".split())
    assert (places[1] / "hooked").read_text() == "checked\n"


def test_what_only_looks_adds_nothing(places: list[Path], git: Git) -> None:
    def look(place: Path) -> None:
        subprocess.run(
            ("git", "status"),
            cwd=place,
            env={"GIT_OPTIONAL_LOCKS": "0", "PATH": "/usr/bin:/bin"},
            check=True,
        )
        git(place, "hash-object", "-w", "run.sh")

    found = written(places, look)
    assert isinstance(found, GitAdditions) and found.is_empty


@pytest.mark.parametrize(
    "write",
    [
        lambda place: (place / ".git/HEAD").write_text("ref: refs/heads/x\n"),
        lambda place: (place / ".git/refs/heads/x").write_text("x\n"),
        lambda place: (place / ".git/packed-refs").unlink(),
        lambda place: (place / ".git/config").write_text("[core]\n\tbare = true\n"),
        lambda place: (place / ".git/hooks/pre-commit").symlink_to("/bin/true"),
        lambda place: (place / ".git/index").write_bytes(b"other"),
        lambda place: (
            (place / ".git/modules/a").mkdir(parents=True)
            or (place / ".git/modules/a/HEAD").write_text("x")
        ),
        lambda place: (place / ".git/hooks/large").write_bytes(bytes(1 << 21)),
    ],
)
def test_what_is_of_this_checkout_alone_is_given_to_no_other(
    write: Callable[[Path], object], places: list[Path]
) -> None:
    assert isinstance(written(places, write), str)
