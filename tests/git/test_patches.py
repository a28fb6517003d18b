"""Patches, mails and bundles give the very same tree again, also to plain git."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.git.world import commit_of
from wtman.errors import ExternalError, UsageError
from wtman.git import control_dir, repo
from wtman.git.discovery import discover
from wtman.git.objects import history
from wtman.git.patches import series as patches
from wtman.git.patches.apply import overlaid, patched
from wtman.model.ids import Sha

Git = Callable[..., str]

NAMES = ["with space", "quo\"te'", "new\nline", "tab\t", "ünï", "raw\udcff\udcfe", "-dash", "b/a/b"]
CONTENTS: dict[str, bytes] = {
    "binary": bytes(range(256)) * 40,
    "crlf": b"a\r\nb\r\nc\r\n",
    "mixed": b"a\r\nb\nc\r",
    "no newline": b"a\nb",
    "empty": b"",
    "latin1": b"caf\xe9\n",
    "From lines": b"From 0000 Mon Sep 17 00:00:00 2001\n>From x\n-- \n---\ndiff --git a/x b/x\n",
}


@pytest.fixture
def series(ctl: control_dir.Control, head: Sha, tmp_path: Path) -> list[Sha]:
    """Three commits that make, change, rename and remove every kind of file."""
    work = tmp_path / "work"
    first: dict[str, str | bytes | None] = {
        **dict.fromkeys(NAMES, "x\ny\nz\n" * 9),
        **CONTENTS,
        "src/a.py": "one\n",
    }
    one = commit_of(ctl, work, first, head, "feat: Zoë's first\n\nBody\nwith two lines\n")
    (work / "link").symlink_to("src/a.py")
    (work / "src/b.py").chmod(0o755)
    os.rename(work / "with space", work / "moved name")
    second: dict[str, str | bytes | None] = {
        name: text + b"more\r\n" for name, text in CONTENTS.items()
    }
    two = commit_of(ctl, work, second, one, "second")
    (work / "link").unlink()
    third: dict[str, str | bytes | None] = dict.fromkeys(NAMES[1:4])
    third |= {"no newline": b"a\nb\nc", "crlf": b"a\nb\r\n", "link": "now a file\n"}
    three = commit_of(ctl, work, third, two, "third\n\nUmlaut: ä\n")
    return [one, two, three]


def test_a_diff_applies_to_the_same_tree(
    ctl: control_dir.Control, head: Sha, series: list[Sha]
) -> None:
    points = [head, *series]
    for a in points:
        for b in points:
            base = history.tree_of(ctl, a)
            assert patches.apply(ctl, base, patches.diff(ctl, a, b)) == history.tree_of(ctl, b)


def test_plain_git_applies_it_too(
    project: Path, ctl: control_dir.Control, head: Sha, series: list[Sha], tmp_path: Path, git: Git
) -> None:
    (tmp_path / "all.patch").write_bytes(patches.diff(ctl, head, series[-1]))
    git(project, "apply", "--index", str(tmp_path / "all.patch"))
    assert git(project, "write-tree") == history.tree_of(ctl, series[-1])


def test_a_part_of_a_diff(ctl: control_dir.Control, head: Sha, series: list[Sha]) -> None:
    part = patches.diff(ctl, head, series[0], "src/a.py", "tab\t")
    tree = patches.apply(ctl, history.tree_of(ctl, head), part)
    assert history.paths_changed(ctl, head, tree) == ("src/a.py", "tab\t")
    assert patches.diff(ctl, head, head) == b""
    assert b"\x1b[" in patches.diff(ctl, head, series[0], color=True)
    stat = patches.diff(ctl, head, series[0], stat=True)
    assert " ünï ".encode() in stat and b"diff --git" not in stat


def test_mails(
    project: Path, ctl: control_dir.Control, head: Sha, series: list[Sha], tmp_path: Path, git: Git
) -> None:
    box = patches.mbox(ctl, series)
    assert b"Subject: [PATCH 2/3] second\n" in box
    (second,) = patches.format_patches(ctl, series[1:2])
    assert b"Subject: [PATCH] second\n" in second
    assert patches.am(ctl, head, box) == history.tree_of(ctl, series[-1])
    (tmp_path / "series.mbox").write_bytes(box)
    git(project, "am", "-q", "--keep-cr", str(tmp_path / "series.mbox"))
    assert git(project, "rev-parse", "HEAD^{tree}") == history.tree_of(ctl, series[-1])
    said = "--format=%an %ae %at %s%n%b"
    assert git(project, "log", said, "-3") == git(project, "log", said, "-3", series[-1])


def test_a_merge_has_no_mail(ctl: control_dir.Control, head: Sha, series: list[Sha]) -> None:
    tree = history.tree_of(ctl, head)
    merge = history.commit(ctl, tree, (head, series[0]), "m", ctl.identity, 1.0)
    with pytest.raises(UsageError, match="is a merge"):
        patches.format_patches(ctl, [merge])
    with pytest.raises(UsageError, match=f"{merge[:12]} is a merge"):
        patches.format_patches(ctl, [series[0], merge])


def test_a_patch_that_does_not_fit(ctl: control_dir.Control, head: Sha, series: list[Sha]) -> None:
    patch = patches.diff(ctl, series[0], series[1])
    with pytest.raises(ExternalError) as caught:
        patches.apply(ctl, history.tree_of(ctl, head), patch)
    assert "another tree" in caught.value.hint
    with pytest.raises(ExternalError):
        patches.apply(
            ctl, history.tree_of(ctl, head), b"--- a/../out\n+++ b/../out\n@@ -0,0 +1 @@\n+x\n"
        )


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("form", ["sha1", "sha256"])
def test_bundles(tmp_path: Path, git: Git, form: str) -> None:
    place, other = tmp_path / "r", tmp_path / "other"
    git(tmp_path, "init", "-q", f"--object-format={form}", "-b", "main", str(place))
    (place / "f").write_text("1\n" * 500)
    git(place, "add", ".")
    git(place, "commit", "-qm", "first")
    git(tmp_path, "clone", "-q", str(place), str(other))
    ctl = control_dir.prepare(discover(str(place)))
    head = repo.resolve(ctl.repo, "HEAD")
    tip = commit_of(ctl, tmp_path / "w", {"f": "1\n" * 500 + "2\n", "g": b"\0"}, head)
    path = str(tmp_path / "x.bundle")
    Path(path).write_bytes(patches.bundle(ctl, head, tip, "refs/heads/wtman/x"))
    git(other, "bundle", "verify", "-q", path)
    git(other, "fetch", "-q", path, "refs/heads/wtman/x:refs/heads/got")
    assert git(other, "rev-parse", "got") == tip
    git(other, "fsck", "--strict")
    empty = tmp_path / "empty"
    git(tmp_path, "init", "-q", f"--object-format={form}", str(empty))
    refused = subprocess.run(
        ["git", "bundle", "verify", path], cwd=empty, capture_output=True, check=False
    )
    assert refused.returncode != 0
    Path(path).write_bytes(patches.bundle(ctl, None, tip, "refs/heads/all"))
    git(empty, "fetch", "-q", path, "refs/heads/all")
    with pytest.raises(UsageError):
        patches.bundle(ctl, head, tip, "x y")


def test_a_test_that_a_tree_has_otherwise_is_laid_over_it(
    ctl: control_dir.Control, head: Sha
) -> None:
    """Of the tree that is judged all else stays as it is."""
    patch = (
        "diff --git a/t/test_a.py b/t/test_a.py\nnew file mode 100644\n--- /dev/null\n"
        "+++ b/t/test_a.py\n@@ -0,0 +1 @@\n+{}\n"
    )
    donor, bent = (patched(ctl, head, patch.format(word)).commit for word in ("true", "bent"))
    assert patched(ctl, bent, patch.format("true")).commit == ""
    for tree in (head, bent):
        assert history.tree_of(ctl, overlaid(ctl, tree, donor)) == history.tree_of(ctl, donor)
