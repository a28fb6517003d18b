"""What differs from an inventory is told, and an inventory is kept as it was."""

import os
import shutil
from pathlib import Path

import pytest

from wtman import inventory
from wtman.git.checkouts.handouts import Handout, Handouts
from wtman.inventory import Difference, Listing
from wtman.model.ids import Sha


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "folder"
    (place / "src/deep").mkdir(parents=True)
    (place / "empty").mkdir()
    for name in ("top", "src/a", "src/b", "src/deep/c", "src/new\nline", "src/\udcff"):
        (place / name).write_text(name.encode("utf-8", "surrogateescape").hex())
    (place / "src/link").symlink_to("a")
    (place / ".git").write_text("gitdir: nowhere\n")
    return place


def differs(folder: Path, known: inventory.Inventory) -> Difference:
    found = inventory.compare(str(folder), known)
    return Difference(*(tuple(sorted(paths)) for paths in (found.new, found.changed, found.gone)))


def test_each_kind_of_difference_is_told(folder: Path) -> None:
    known = inventory.take(str(folder))
    assert differs(folder, known) == Difference()
    assert ".git" not in known
    (folder / "src/.git").mkdir()
    (folder / "src/d").write_text("")
    (folder / "src/a").chmod(0o755)
    (folder / "src/b").unlink()
    (folder / "empty").chmod(0o700)
    assert differs(folder, known) == Difference(
        ("src/.git/", "src/d"), ("empty/", "src/a"), ("src/b",)
    )


def test_a_file_and_a_folder_that_change_places_are_new_and_gone(folder: Path) -> None:
    known = inventory.take(str(folder))
    (folder / "src/a").unlink()
    (folder / "src/a").mkdir()
    shutil.rmtree(folder / "src/deep")
    (folder / "src/deep").write_text("")
    assert differs(folder, known) == Difference(
        ("src/a/", "src/deep"), (), ("src/a", "src/deep/", "src/deep/c")
    )


def test_of_a_folder_that_is_another_nothing_counts_as_there(folder: Path) -> None:
    known = inventory.take(str(folder))
    os.rename(folder / "src/deep", folder / "aside")
    (folder / "src/deep").mkdir()
    os.rename(folder / "aside/c", folder / "src/deep/c")
    (folder / "aside").rmdir()
    assert differs(folder, known) == Difference((), ("src/deep/",), ("src/deep/c",))
    folder.chmod(0o711)
    assert differs(folder, known) == Difference(changed=("/",))


def test_the_order_of_what_is_listed_counts_for_nothing(folder: Path) -> None:
    known = inventory.take(str(folder))
    turned = dict(reversed(dict(known).items()))
    assert Listing.of(turned) == known
    assert differs(folder, turned) == Difference()
    less = {path: state for path, state in turned.items() if path != "src/a"}
    assert differs(folder, less) == Difference(new=("src/a",))


def test_an_inventory_is_kept_with_whatever_names(folder: Path, tmp_path: Path) -> None:
    known, handouts = inventory.take(str(folder)), Handouts(str(tmp_path / "handouts"))
    handout = Handout(Sha("a" * 40), known, "key", ("src/new\nline", "src/\udcff"), ("top",))
    handouts.store(str(folder), handout)
    assert handouts.load(str(folder)) == handout
    bare = handout.bare
    assert "top" not in bare.inventory
    handouts.store(str(folder), bare)
    assert handouts.load(str(folder)) == bare
    record = next((tmp_path / "handouts").rglob("handout"))
    record.write_bytes(record.read_bytes()[:-8])
    assert handouts.load(str(folder)) is None


def test_what_has_been_written_is_looked_at_again(folder: Path) -> None:
    known = inventory.take(str(folder))
    (folder / "src/a").write_text("other")
    (folder / "src/b").unlink()
    (folder / "top").unlink()
    (folder / "top").mkdir()
    (folder / "top/inside").write_text("")
    shutil.rmtree(folder / "src/deep")
    (folder / "src/deep").symlink_to("..")
    paths = ["src/a", "src/b", "top", "top/inside", "src/deep", "src/deep/c"]
    now = inventory.again(str(folder), known, paths)
    assert now == inventory.take(str(folder))
    assert "src/a" in now
    assert all(path not in now for path in ("src/b", "top", "src/deep/", "src/deep/c", "", "a"))
