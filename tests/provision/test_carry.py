"""What setup made, copied from one checkout to another: the same, and nothing shared."""

import os
import stat
from pathlib import Path

import pytest

from wtman import inventory
from wtman.errors import ExternalError
from wtman.provision import carry as module
from wtman.provision.carry import carry, is_plain, outermost


@pytest.fixture(params=["gnu", "python"])
def checkouts(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, Path, list[str]]:
    """Two of one commit, and what setup made in the first."""
    if request.param == "python":
        monkeypatch.setattr(module, "_is_gnu", lambda: False)
    source, target = tmp_path / "source", tmp_path / "target"
    for place in (source, target):
        (place / "web/src").mkdir(parents=True)
        (place / "web/src/a.js").write_text("a")
    before = inventory.take(str(source))
    modules = source / "web/node_modules"
    (modules / ".bin").mkdir(parents=True)
    (modules / "tool.js").write_text("tool")
    (modules / "tool.js").chmod(0o755)
    os.link(modules / "tool.js", modules / "again.js")
    (modules / ".bin/tool").symlink_to("../tool.js")
    (modules / "outside").symlink_to("/wtman/work/app/src")
    (modules / "empty").mkdir(mode=0o700)
    (source / ".env").write_text("A=1")
    (source / "-rf").write_text("odd")
    (source / "web/out/deep").mkdir(parents=True)
    (source / "web/out/deep/x").write_text("x")
    os.utime(modules / "tool.js", ns=(10**18, 10**18 + 7))
    now = inventory.take(str(source))
    return source, target, [path for path in now if path not in before]


def seen(root: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for place, names, files in os.walk(root):
        for name in [*names, *files]:
            path = Path(place, name)
            facts = path.lstat()
            kind = os.readlink(path) if path.is_symlink() else path.is_dir() or path.read_bytes()
            time = facts.st_mtime_ns if stat.S_ISREG(facts.st_mode) else 0
            found[str(path.relative_to(root))] = (facts.st_mode, kind, time * (name == "tool.js"))
    return found


def test_all_of_it_is_there_as_it_was(checkouts: tuple[Path, Path, list[str]]) -> None:
    source, target, made = checkouts
    assert outermost(made) == ["-rf", ".env", "web/node_modules/", "web/out/"]
    carry(str(source), str(target), made)
    assert seen(target) == seen(source)


def test_nothing_has_a_second_name_elsewhere(checkouts: tuple[Path, Path, list[str]]) -> None:
    source, target, made = checkouts
    carry(str(source), str(target), made)
    inodes = [
        {path.lstat().st_ino for path in place.rglob("*") if path.is_file()}
        for place in (source, target)
    ]
    assert not inodes[0] & inodes[1]
    one, two = (target / "web/node_modules" / name for name in ("tool.js", "again.js"))
    if module._is_gnu():
        assert one.stat().st_ino == two.stat().st_ino and one.stat().st_nlink == 2
    (source / "web/node_modules/tool.js").write_text("changed")
    assert one.read_text() == two.read_text() == "tool"


def test_what_cannot_be_copied_is_an_error_that_says_so(
    checkouts: tuple[Path, Path, list[str]],
) -> None:
    source, target, made = checkouts
    (target / "web/node_modules").write_text("in the way")
    with pytest.raises(ExternalError, match="cannot copy what setup made into"):
        carry(str(source), str(target), made)


def test_pipes_and_sockets_are_no_result(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    assert is_plain(inventory.take(str(tmp_path)).values())
    os.mkfifo(tmp_path / "pipe")
    assert not is_plain(inventory.take(str(tmp_path)).values())
