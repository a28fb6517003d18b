"""Operations of git that stand half-way in a checkout: a rebase, a bisect, a merge.

While one does, git itself will not move the branches that it holds (`git branch -f` is
refused), for ending it would take away again what came there meanwhile. Reads the files
that git keeps of it, those of linked worktrees too; starts no git.
"""

import os
import shlex
from collections.abc import Iterator

from wtman import files
from wtman.formats.git_output import text
from wtman.git.discovery import Repository
from wtman.model.values import dataclass

_CAP = 1 << 20
_HEADS = "refs/heads/"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. `path` is its checkout; `finish` and `abort` are what ends it ("" without)."""

    what: str  # "a rebase"
    path: str
    holds: frozenset[str]  # branches, by short name
    finish: str
    abort: str
    gone: bool = False  # the folder of the checkout is

    @property
    def ways_out(self) -> str:
        """What the user may type to end it."""
        if self.gone:
            return "its folder is gone: git worktree prune"
        ends = [command for command in (self.finish, self.abort) if command]
        return " or ".join(f"git -C {shlex.quote(self.path)} {command}" for command in ends)


def holding(repo: Repository, branch: str) -> Operation | None:
    """What holds the branch, in any checkout of the repository."""
    return next((item for item in _all(repo) if branch in item.holds), None)


def underway(repo: Repository) -> Operation | None:
    """What is half-way in the checkout that the user stands in."""
    return next(_at(repo.git_dir, repo.toplevel or repo.main), None)


def in_entry(git_dir: str, path: str) -> Operation | None:
    """What is half-way in the linked worktree at `path`, whose entry is `git_dir`."""
    return next(_at(git_dir, path), None)


def _all(repo: Repository) -> Iterator[Operation]:
    yield from _at(repo.common_dir, repo.main or repo.common_dir)
    linked = os.path.join(repo.common_dir, "worktrees")
    try:
        names = sorted(os.listdir(linked))
    except OSError:
        return
    for name in names:
        git_dir = os.path.join(linked, name)
        yield from _at(git_dir, os.path.dirname(_said(git_dir, "gitdir")))


def _at(git_dir: str, path: str) -> Iterator[Operation]:
    gone = not os.path.isdir(path)
    here = _branch(_said(git_dir, "HEAD").removeprefix("ref: "))
    for what, ends, name, found in _found(git_dir):
        holds = frozenset(branch for branch in (here, *found) if branch)
        finish, abort = (f"{name} --{end}" if end else "" for end in ends)
        if name == "bisect":
            finish, abort = "", "bisect reset"
        yield Operation(what, path, holds, finish, abort, gone)


_BOTH = ("continue", "abort")
_ONE_FILE = {"MERGE_HEAD": "merge", "CHERRY_PICK_HEAD": "cherry-pick", "REVERT_HEAD": "revert"}


def _found(git_dir: str) -> Iterator[tuple[str, tuple[str, str], str, list[str]]]:
    """What it is, how it ends, the command, and the branches that it names itself."""
    if os.path.isdir(os.path.join(git_dir, "rebase-merge")):
        # Three lines for each branch that --update-refs is going to move.
        others = _said(git_dir, "rebase-merge/update-refs").splitlines()[0::3]
        names = [_said(git_dir, "rebase-merge/head-name"), *others]
        yield "a rebase", _BOTH, "rebase", list(map(_branch, names))
    if os.path.isdir(os.path.join(git_dir, "rebase-apply")):
        applying = os.path.exists(os.path.join(git_dir, "rebase-apply", "applying"))
        name = "am" if applying else "rebase"
        what = "git am" if applying else "a rebase"
        yield what, _BOTH, name, [_branch(_said(git_dir, "rebase-apply/head-name"))]
    if os.path.exists(os.path.join(git_dir, "BISECT_LOG")):
        yield "a bisect", ("", ""), "bisect", [_short(_said(git_dir, "BISECT_START"))]
    for file, name in _ONE_FILE.items():
        if os.path.exists(os.path.join(git_dir, file)):
            yield f"a {name}", _BOTH, name, []
    todo = _said(git_dir, "sequencer/todo")
    if todo:
        name = "revert" if todo.startswith("revert") else "cherry-pick"
        yield f"a {name}", _BOTH, name, []


def _branch(ref: str) -> str:
    return ref.strip()[len(_HEADS) :] if ref.startswith(_HEADS) else ""


def _short(name: str) -> str:
    return name.removeprefix(_HEADS)


def _said(git_dir: str, name: str) -> str:
    return text(files.head(os.path.join(git_dir, name), _CAP) or b"").strip()
