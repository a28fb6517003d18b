"""Check checkouts: folders at one commit with a private, stand-alone `.git`.

Checks may use git there as they like: the `.git` is theirs alone, reads the repository's
objects and writes its own, knows the user's tags (versions are made from them) and
nothing of their configuration. Because a check can write it, wtman never uses it: its
own git runs through the control directory with an index kept there, and a reused
checkout gets a fresh `.git`.
"""

import os
import shutil
from collections.abc import Container

from wtman import files
from wtman.errors import ExternalError, OutsideError
from wtman.formats.git_output import raw, tree_lines
from wtman.git.checkouts.handouts import Handout, Handouts
from wtman.git.checkouts.reset import reset as checkouts_reset
from wtman.git.checkouts.snapshot import checkout
from wtman.git.control_dir import Control, call, oid, own_index
from wtman.git.trees import folders_of, purge, remove_tree, strays
from wtman.git.untrusted.git_dir import write_git_dir
from wtman.model.ids import Sha

_GITLINK = "160000"
_LEFT_OUT = ("\tfsync", "\texcludesFile")  # settings that only make a check slower


def make(ctl: Control, folder: str, commit: str) -> None:
    """Check `commit` out into `folder`, with a `.git` of its own."""
    os.makedirs(folder, exist_ok=True)
    _put_aside(folder)
    checkout(ctl, folder, "", commit)
    _give_git(ctl, folder, commit)


def reuse(ctl: Control, folder: str, commit: str) -> bool:
    """Bring an existing check checkout to `commit`, as if it were new.

    False where it could not be made pristine: then it must not be used.
    """
    if os.path.islink(folder) or not os.path.isdir(folder):
        return False
    try:
        files, links = _expected(ctl, commit)
        folders = folders_of(files | links, b"/") | links
        _put_aside(folder)
        if not purge(folder, files, folders):
            return False
        checkout(ctl, folder, "", commit)
        if not _pristine(ctl, folder, files, folders):
            return False
        _give_git(ctl, folder, commit)
    except OutsideError:
        raise
    except (ExternalError, OSError):
        return False
    return True


def reset(
    ctl: Control, handouts: Handouts, folder: str, commit: Sha, keys: Container[str]
) -> Handout | None:
    """The same by what its record says; what setup made for one of `keys` may stay.

    None where it could not be made pristine: then it must not be used.
    """
    if os.path.islink(folder) or not os.path.isdir(folder):
        return None
    try:
        _put_aside(folder)
        found = checkouts_reset(ctl, handouts, folder, "", commit, keys)
        if found is not None:
            _give_git(ctl, folder, commit)
    except OutsideError:
        raise
    except (ExternalError, OSError):
        return None
    return found


def _expected(ctl: Control, commit: str) -> tuple[set[bytes], set[bytes]]:
    """Paths of the files, and of the submodules, whose folders stay empty."""
    listed = call(ctl, ["ls-tree", "-r", "-z", "--full-tree", oid(commit)]).out
    files: set[bytes] = set()
    links: set[bytes] = set()
    for path, entry, _ in tree_lines(listed):
        (links if entry.mode == _GITLINK else files).add(raw(path))
    return files, links


def _pristine(ctl: Control, folder: str, files: set[bytes], folders: set[bytes]) -> bool:
    if next(strays(folder, files, folders), None) is not None:
        return False
    args = ["diff-files", "--quiet", "--ignore-submodules=all"]
    index = own_index(ctl, folder, "")
    return call(ctl, args, worktree=folder, index=index, ok=(0, 1)).code == 0


def _put_aside(folder: str) -> None:
    """Take the old `.git` away in one step; git must never see half of one."""
    dot_git = os.path.join(folder, ".git")
    if os.path.islink(dot_git) or os.path.isfile(dot_git):
        os.unlink(dot_git)
    elif os.path.lexists(dot_git):
        old = files.beside(folder)
        os.chmod(dot_git, 0o700)
        os.rename(dot_git, old)
        remove_tree(old)


def _give_git(ctl: Control, folder: str, commit: str) -> None:
    draft = files.beside(folder)
    try:
        write_git_dir(
            ctl,
            draft,
            head=oid(commit),
            objects=(ctl.objects,),
            refs=("refs/tags",),
            without=_LEFT_OUT,
        )
        # With its time, which git compares with those of the files.
        shutil.copy2(own_index(ctl, folder, ""), os.path.join(draft, "index"))
        os.rename(draft, os.path.join(folder, ".git"))
    except BaseException:
        remove_tree(draft)
        raise
