"""The quick snapshot of what changed is the one that looks at every file, or there is none."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from wtman import inventory
from wtman.git import control_dir
from wtman.git.checkouts import snapshot
from wtman.git.checkouts.changed_files import changed_files
from wtman.git.checkouts.handouts import Handouts
from wtman.model.ids import Sha

CAP = 1 << 20
PLACES = ("a.txt", ":(top)x", "*.py", "src/new.py", "src/deep/er/f", "build/out/x.o", "build/y",
          "notes.log", "keep.log", "src/a.py", "src/b.py", "new dir/file", "src/é")  # fmt: skip
IGNORE = "*.log\n!keep.log\nbuild/\nsrc/deep/**/*.tmp\n"


def files_below(root: Path, paths: tuple[str, ...]) -> set[str]:
    """Single files, where a folder stands for all in it."""
    found = set()
    for path in paths:
        place = root / path
        if path.endswith("/"):
            found |= {str(it.relative_to(root)) for it in place.rglob("*") if not it.is_dir()}
        else:
            found.add(path)
    return found


def written(root: Path, path: str, text: str) -> None:
    place = root / path
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    for above in reversed(place.relative_to(root).parents[:-1]):
        if (root / above).is_symlink() or (root / above).is_file():
            (root / above).unlink()
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_symlink():
        place.unlink()
    place.write_text(text)


def gone(root: Path, path: str) -> None:
    place = root / path
    if place.is_symlink() or place.is_file():
        place.unlink()
    elif place.is_dir():
        shutil.rmtree(place)


def change(dice: random.Random, root: Path) -> None:
    path = dice.choice(PLACES)
    match dice.randrange(8):
        case 0 | 1 | 2:
            written(root, path, str(dice.random()))
        case 3:
            gone(root, path)
        case 4:
            gone(root, path.partition("/")[0])
        case 5:
            written(root, ".gitignore", dice.choice((IGNORE, "", "src/\n", "*\n!*/\n")))
        case 6:
            gone(root, path)
            written(root, f"{path}/inside", "x")
        case 7:
            gone(root, path)
            with_link = root / path
            if with_link.parent.is_dir() and not with_link.parent.is_symlink():
                os.symlink(dice.choice(("nowhere", "src", "/etc/passwd")), with_link)


@pytest.fixture
def handed(ctl: control_dir.Control, head: Sha, tmp_path: Path) -> tuple[Handouts, Path]:
    handouts, place = Handouts(str(tmp_path / "handouts")), tmp_path / "folder"
    snapshot.checkout(ctl, str(place), "", head)
    handouts.checked_out(ctl, str(place), "", head)
    handouts.hand_out(str(place), head)
    return handouts, place


@pytest.mark.parametrize("seed", range(40))
def test_both_ways_see_the_same(
    ctl: control_dir.Control, head: Sha, handed: tuple[Handouts, Path], seed: int
) -> None:
    handouts, place = handed
    dice = random.Random(seed)
    for _ in range(dice.randrange(1, 7)):
        change(dice, place)
    known = handouts.load(str(place))
    assert known is not None
    found = inventory.compare(str(place), known.inventory)
    quick = changed_files(ctl, str(place), "", known.inventory, found, CAP)
    if quick is None:
        # Only a folder that is something else now is left to the long way here.
        assert any(path.endswith("/") for path in found.changed)
        return
    base = handouts.index(str(place), head)
    made = snapshot.snapshot_changed(ctl, str(place), "", base, quick.taken)
    index = Path(control_dir.own_index(ctl, str(place), ""))
    assert snapshot.snapshot(ctl, str(place), "", head, largest=CAP).tree == made.tree
    ignored = tuple(snapshot.ignored(ctl, str(place), str(index)))
    assert files_below(place, quick.ignored) == files_below(place, ignored)


def a_repository(root: Path) -> None:
    (root / "inner/.git").mkdir(parents=True)
    (root / "inner/.git/HEAD").write_text("ref: refs/heads/main\n")


def a_repository_among_tracked_files(root: Path) -> None:
    (root / "src/.git").write_text("gitdir: elsewhere\n")


def a_pipe(root: Path) -> None:
    os.mkfifo(root / "pipe")


def a_file_that_nobody_reads(root: Path) -> None:
    (root / "shut").write_text("x")
    (root / "shut").chmod(0)


def a_large_file(root: Path) -> None:
    (root / "large").write_bytes(bytes(CAP + 1))


def submodules(root: Path) -> None:
    (root / ".gitmodules").write_text('[submodule "x"]\n\tpath = x\n\turl = ./x\n')


def a_folder_for_a_link(root: Path) -> None:
    (root / "src").rename(root / "old")
    (root / "src").symlink_to("old")


def very_many_files(root: Path) -> None:
    (root / "many").mkdir()
    for number in range(2001):
        (root / f"many/{number}").touch()


@pytest.mark.parametrize(
    "left",
    [a_repository, a_repository_among_tracked_files, a_pipe, a_file_that_nobody_reads,
     a_large_file, submodules, a_folder_for_a_link, very_many_files],
)  # fmt: skip
def test_what_is_not_plain_is_looked_at_the_long_way(
    ctl: control_dir.Control, handed: tuple[Handouts, Path], left: Callable[[Path], None]
) -> None:
    handouts, place = handed
    left(place)
    if left is a_file_that_nobody_reads and os.access(place / "shut", os.R_OK):
        pytest.skip("root reads every file")
    known = handouts.load(str(place))
    assert known is not None
    found = inventory.compare(str(place), known.inventory)
    assert changed_files(ctl, str(place), "", known.inventory, found, CAP) is None
