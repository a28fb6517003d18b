"""Trees, commits and planted files for the tests of git."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from wtman.formats.git_output import raw
from wtman.git import control_dir
from wtman.git.checkouts import snapshot
from wtman.git.objects import history
from wtman.git.run import git
from wtman.model.ids import Sha

WHEN = 1_700_000_000.0


def commit_of(
    ctl: control_dir.Control,
    place: Path,
    changes: Mapping[str, str | bytes | None],
    parent: str,
    message: str = "change",
) -> Sha:
    """A commit on `parent` with these files changed (None: removed), made through a worktree."""
    snapshot.checkout(ctl, str(place), "", parent)
    for name, content in changes.items():
        path = os.path.join(raw(str(place)), raw(name))
        if content is None:
            os.unlink(path)
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
    tree = snapshot.snapshot(ctl, str(place), "", parent).tree
    return history.commit(ctl, tree, (parent,), message, ctl.identity, WHEN)


def show(ctl: control_dir.Control, treeish: str, path: str) -> bytes | None:
    return history.blob(ctl, treeish, path, 1 << 20)


def is_whole(ctl: control_dir.Control, commit: str, known: Sequence[str] = ()) -> bool:
    """Whether every object that `commit` reaches, and no commit in `known` does, is there."""
    args = ["rev-list", "--objects", "--quiet", commit, *(f"^{item}" for item in known)]
    return control_dir.call(ctl, args, ok=(0, 1, 128)).code == 0


def fsck(ctl: control_dir.Control) -> str:
    answer = git(["fsck", "--strict"], git_dir=ctl.repo.common_dir, ok=(0, 1, 2, 4, 8))
    return answer.err if answer.code else ""
