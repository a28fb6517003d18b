"""Which files of a worktree a commit has to take, where it is known what was handed out.

Costs what changed: nothing else is looked at again. Answers None for whatever is not plain
(a repository inside, a pipe, a folder that is another now, too much or too large): then the
whole worktree is looked at, and whoever does that says what is wrong. Blocking.
"""

import os
import stat
from collections.abc import Mapping, Sequence

from wtman.formats.git_output import raw, text
from wtman.git.control_dir import Control, call, own_index
from wtman.git.trees import folders_of
from wtman.inventory import Difference, Inventory, ListedFolder, Listing
from wtman.model.values import dataclass

_MOST = 2000  # files that are looked at one by one


@dataclass(frozen=True, slots=True)
class ChangedFiles:
    """`taken` is what git is to have, what is gone included; `ignored` what it does not see.

    A folder of which all is ignored is one path, which ends with `/`.
    """

    taken: tuple[str, ...]
    ignored: tuple[str, ...]


def changed_files(
    ctl: Control, worktree: str, index: str, known: Inventory, found: Difference, largest: int
) -> ChangedFiles | None:
    """What `found`, the difference from an inventory, means for git; None: not known.

    `largest` are the bytes that one file may have.
    """
    if _holds_repository(Listing.of(known).folders) or any(
        path.endswith("/") for path in found.changed
    ):
        return None
    new = _files_of(worktree, found.new)
    if new is None or len(new) + len(found.changed) > _MOST:
        return None
    if any(".git" in path.lower().split("/") for path in (*new, *found.changed, *found.gone)):
        return None
    if os.path.lexists(os.path.join(worktree, ".gitmodules")):
        return None
    if not all(_is_plain(os.path.join(worktree, path), largest) for path in found.changed):
        return None
    hidden = _hidden(ctl, worktree, index, new)
    seen = [path for path in new if path not in hidden]
    if not all(_is_plain(os.path.join(worktree, path), largest) for path in seen):
        return None
    gone = [path for path in found.gone if not path.endswith("/")]
    if not folders_of(gone, "/").isdisjoint(new):
        return None  # a folder is a file or a link now
    folders = [path for path in found.new if path.endswith("/")]
    return ChangedFiles((*gone, *found.changed, *seen), _outermost(folders, new, hidden))


def _holds_repository(folders: Mapping[str, ListedFolder]) -> bool:
    """Whether what was handed out has a repository in it, or the empty place of one."""
    above = {f"{path.rstrip('/').rpartition('/')[0]}/" for path in folders}
    return any(path.endswith(".git/") for path in folders) or any(
        path not in above and path != "/" and not listed.names for path, listed in folders.items()
    )


def _files_of(worktree: str, paths: Sequence[str]) -> list[str] | None:
    """The files at and below these paths; None for more than are looked at."""
    found = [path for path in paths if not path.endswith("/")]
    for top in paths:
        if not top.endswith("/"):
            continue
        for folder, inner, names in os.walk(os.path.join(worktree, top)):
            place = os.path.relpath(folder, worktree)
            links = [name for name in inner if os.path.islink(os.path.join(folder, name))]
            found += [f"{place}/{name}" for name in (*names, *links)]
            if ".git" in inner or len(found) > _MOST:
                return None
    return found


def _is_plain(path: str, largest: int) -> bool:
    """Whether it is a link or a file that can be read and is no larger than that."""
    try:
        facts = os.lstat(path)
    except OSError:
        return False
    if stat.S_ISLNK(facts.st_mode):
        return True
    return stat.S_ISREG(facts.st_mode) and facts.st_size <= largest and os.access(path, os.R_OK)


def _hidden(ctl: Control, worktree: str, index: str, paths: Sequence[str]) -> frozenset[str]:
    """Those of the paths, none of them tracked, that git ignores."""
    if not paths:
        return frozenset()
    args = ["check-ignore", "-z", "-v", "-n", "--no-index", "--stdin"]
    # It takes no literal paths: with this before it, none begins like magic.
    script = b"".join(b"./" + raw(path) + b"\0" for path in paths)
    kept, env = own_index(ctl, worktree, index), {"GIT_LITERAL_PATHSPECS": "0"}
    answer = call(ctl, args, worktree=worktree, index=kept, env=env, input=script, ok=(0, 1))
    # For each path: where the pattern is from, its line, the pattern, the path.
    fields = answer.out.split(b"\0")
    each = zip(fields[0::4], fields[2::4], fields[3::4], strict=False)
    return frozenset(
        text(path[2:]) for source, pattern, path in each if source and pattern[:1] != b"!"
    )


def _outermost(
    folders: Sequence[str], new: Sequence[str], hidden: frozenset[str]
) -> tuple[str, ...]:
    """The hidden files, or in their place the largest new folders that hold nothing else."""
    visible: set[str] = set()
    for path in new:
        if path not in hidden:
            place = path
            while place := place.rpartition("/")[0]:
                visible.add(f"{place}/")
    found: dict[str, None] = {}
    for path in new:
        if path in hidden:
            top = next((folder for folder in folders if path.startswith(folder)), "")
            found[_whole(path, top, visible) if top else path] = None
    return tuple(found)


def _whole(path: str, top: str, visible: set[str]) -> str:
    """The outermost folder at or below `top` around this path that has nothing visible."""
    at = len(top)
    while at > 0 and path[:at] in visible:
        at = path.find("/", at) + 1
    return path[:at] or path
