"""What a private git directory takes over from one that was there before it.

`setup` writes in git directories (hooks, settings, bits of the index, submodules), and a
session initialises submodules, whose own git directories lie in it while their checkouts
stay in the worktree. What comes next has to find all of it. Plain files are copied as data;
no git runs here, and no link is followed.
"""

import os
import re
import shutil
import stat
from collections.abc import Iterator

from wtman import files
from wtman.formats.git_output import text
from wtman.git.trees import remove_tree

# Of a git directory's own maker: where it stands, what it borrows.
_MAKERS = ("HEAD", "packed-refs", "objects/info/alternates", "shared", "wtman", "wtman-at")
_MAKERS_OF_WORKTREE = ("HEAD", "commondir", "gitdir", "index", "logs")
_WORKTREE = re.compile(r"^\s*worktree\s*=\s*(.+?)\s*$", re.MULTILINE)
_CAP = 1 << 20


def take_over(before: str, draft: str, name: str, branch: str) -> None:
    """Put into `draft` what `before` holds beyond what its maker says anew.

    `name` is the worktree's administrative name, `branch` the one that it stands on.
    """
    left = {*_MAKERS, f"refs/heads/{branch}"}
    left |= {f"worktrees/{name}/{part}" for part in _MAKERS_OF_WORKTREE}
    _copy(before, draft, "", left)


def move_submodules(before: str, draft: str, name: str) -> None:
    """Put the submodules' git directories of an earlier attempt into `draft`."""
    source, target = (submodules_of(place, name) for place in (before, draft))
    if os.path.isdir(source) and not os.path.islink(source):
        if os.path.lexists(target):
            remove_tree(target)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.rename(source, target)


def copy_repository(source: str, target: str, commit: str) -> None:
    """Keep the objects of a repository at `target`, as a bare one whose branch is `commit`."""
    for part in ("objects", "refs/heads"):
        os.makedirs(os.path.join(target, part), mode=0o700)
    _copy(os.path.join(source, "objects"), os.path.join(target, "objects"), "", {"info/alternates"})
    version, more = (1, "[extensions]\n\tobjectFormat = sha256\n") if commit[40:] else (0, "")
    shallow = files.head(os.path.join(source, "shallow"), _CAP)
    if shallow is not None:
        files.replace(os.path.join(target, "shallow"), shallow)
    core = f"[core]\n\trepositoryformatversion = {version}\n\tbare = true\n"
    files.replace(os.path.join(target, "config"), (core + more).encode())
    files.replace(os.path.join(target, "HEAD"), b"ref: refs/heads/kept\n")
    files.replace(os.path.join(target, "refs/heads/kept"), f"{commit}\n".encode())


def submodules_of(place: str, name: str) -> str:
    """Where git keeps the git directories of a linked worktree's submodules."""
    return os.path.join(place, "worktrees", name, "modules")


def point_submodules(place: str, name: str, worktree: str) -> None:
    """Have the submodules' checkouts lead to their git directories in `place`."""
    root = os.path.realpath(worktree) + os.sep
    for module in git_dirs(submodules_of(place, name)):
        said = _WORKTREE.search(text(files.head(os.path.join(module, "config"), _CAP) or b""))
        checkout = os.path.join(module, said[1].strip('"')) if said else ""
        pointer = os.path.join(os.path.realpath(checkout), ".git") if checkout else ""
        if pointer.startswith(root) and files.head(pointer, _CAP, follow=False) is not None:
            files.replace(pointer, os.fsencode(f"gitdir: {module}\n"))


def git_dirs(folder: str) -> Iterator[str]:
    """The git directories of submodules below a folder, those within each other too."""
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        try:
            names = [item.name for item in os.scandir(place) if item.is_dir(follow_symlinks=False)]
        except OSError:
            continue
        if "objects" in names and os.path.isfile(os.path.join(place, "HEAD")):
            yield place
            names = [name for name in names if name == "modules"]
        waiting += [os.path.join(place, name) for name in names]


def _copy(source: str, target: str, below: str, left: set[str]) -> None:
    os.makedirs(os.path.join(target, below), mode=0o700, exist_ok=True)
    for item in os.scandir(os.path.join(source, below)):
        path = os.path.join(below, item.name) if below else item.name
        place = os.path.join(target, path)
        mode = item.stat(follow_symlinks=False).st_mode
        if path in left or path.endswith(".lock"):
            continue
        if stat.S_ISDIR(mode):
            _copy(source, target, path, left)
            continue
        if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
            continue
        if os.path.lexists(place):
            os.unlink(place)
        if stat.S_ISREG(mode) and f"/{path}".rpartition("/objects/")[1]:
            os.link(item.path, place)  # git never writes into an object again
        else:
            shutil.copy2(item.path, place, follow_symlinks=False)
