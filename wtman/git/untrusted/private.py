"""A session's private git directory, which takes the place of the repository's.

A linked worktree is no boundary: who can write it reaches every ref, hook, setting and
object of the repository. So a session gets a common directory of its own, about ten small
files: its branch, the target, the tags and the remote branches, a configuration and an
index made for it, objects of its own and the repository's to read. What it commits there
comes back as data, through the gate, or not at all.

Where the sandbox can mount, it lies over the repository's own (`PrivateGit.binds`), and
nothing outside changes. Elsewhere the worktree's `.git` file names it while the session
lives (`enter`, `leave`). wtman itself never runs git there.

It keeps no secrets: every object of the repository can be read in every sandbox, also those
that no ref of it leads to (other branches, what was deleted and not yet collected).

Not in it: hooks, and of the remotes what may be a password in their addresses.
"""

import os
import shutil
import stat

from wtman import files
from wtman.git import config
from wtman.git.checkouts.worktrees import Worktree, point
from wtman.git.control_dir import Control, oid
from wtman.git.trees import remove_tree
from wtman.git.untrusted import inherited
from wtman.git.untrusted.git_dir import admin_files, write_git_dir, write_texts
from wtman.model.ids import Sha
from wtman.model.plan import Identity
from wtman.model.values import dataclass

_AT = "wtman-at"  # where the worktree stood when it was made
_SHARED = "shared"  # the mount points for what is the repository's
_LEFT_OUT = ("\tfsync", "\texcludesFile", "\tlogAllRefUpdates")
_ALTERNATES_CAP = 1 << 16
_DEEPEST = 5  # alternates of alternates, as git has it


@dataclass(frozen=True, slots=True)
class PrivateGit:
    """`path` is the private common directory, absolute; `branch` a short name.

    `mounted`: it is bound over `common`, the repository's own common directory. `binds`
    are (source, target, writable) in the order in which to mount; without mounts the
    sources alone say what the session may read or write. `seen` is where the session sees the
    worktree.
    """

    path: str
    common: str
    worktree: Worktree
    branch: str
    at: Sha
    mounted: bool
    binds: tuple[tuple[str, str, bool], ...]
    seen: str

    @property
    def name(self) -> str:
        """The worktree's administrative name, inside as outside."""
        return os.path.basename(self.worktree.admin)


def make(
    ctl: Control,
    worktree: Worktree,
    branch: str,
    at: Sha,
    folder: str,
    *,
    mounted: bool,
    seen: str = "",
    target: str = "",
    who: Identity | None = None,
    like: str = "",
    before: str = "",
) -> PrivateGit:
    """Make it anew in `folder`, for a worktree that stands at `at` on `branch`.

    `target` is the branch where the run lands, `who` the identity that commits there get
    (None: the user's). `seen` is where the session sees the worktree, "" where it is. What was
    written into the one at `like` is taken over, and the submodules of the one at `before`,
    which is used up.
    """
    made = describe(ctl, worktree, branch, at, folder, mounted=mounted, seen=seen)
    draft = files.beside(folder)
    try:
        _fill(ctl, made, draft, target, who or ctl.identity)
        if os.path.isdir(like):
            inherited.take_over(like, draft, made.name, branch)
            _take_index(made, like, draft)
        if before:
            inherited.move_submodules(before, draft, made.name)
        if os.path.lexists(folder):
            remove_tree(folder)
        os.rename(draft, folder)
    except BaseException:
        remove_tree(draft)
        raise
    if not mounted:
        inherited.point_submodules(folder, made.name, worktree.path)
    return made


def _take_index(git: PrivateGit, like: str, draft: str) -> None:
    """The index that setup left, with its bits, while the worktree stands where setup ran."""
    index = os.path.join("worktrees", git.name, "index")
    was = files.head(os.path.join(like, _AT), 128) or b""
    place = os.path.join(like, index)
    if was.strip() == git.at.encode() and stat.S_ISREG(os.lstat(place).st_mode):
        shutil.copy2(place, os.path.join(draft, index), follow_symlinks=False)


def describe(
    ctl: Control,
    worktree: Worktree,
    branch: str,
    at: Sha,
    folder: str,
    *,
    mounted: bool,
    seen: str = "",
) -> PrivateGit:
    """The one that is, or was, in `folder`; nothing is made or looked at there."""
    common = ctl.repo.common_dir
    binds = _binds(common, folder, mounted)
    return PrivateGit(folder, common, worktree, branch, at, mounted, binds, seen or worktree.path)


def enter(git: PrivateGit) -> None:
    """Have the worktree's `.git` file name the private directory, unless it is mounted."""
    if not git.mounted:
        _point(git, os.path.join(git.path, "worktrees", git.name))


def leave(git: PrivateGit) -> None:
    """Have the worktree's `.git` file name the repository again, whatever it says now."""
    if os.path.isdir(git.worktree.path):
        _point(git, git.worktree.admin)


def _fill(ctl: Control, git: PrivateGit, draft: str, target: str, who: Identity) -> None:
    admin = os.path.join("worktrees", git.name)
    inside = os.path.join(git.common, _SHARED) if git.mounted else git.common
    write_git_dir(
        ctl,
        draft,
        head=f"ref: refs/heads/{target or 'main'}",
        objects=(
            os.path.join(inside, "objects"),
            *alternates(os.path.join(git.common, "objects")),
        ),
        refs=("refs/tags", "refs/remotes", *((f"refs/heads/{target}",) if target else ())),
        without=_LEFT_OUT,
        settings=_settings(who),
    )
    write_texts(draft, {f"refs/heads/{git.branch}": f"{oid(git.at)}\n", _AT: f"{git.at}\n"})
    write_texts(os.path.join(draft, admin), admin_files(git.branch, git.seen))
    if os.path.exists(git.worktree.index):
        # With its time, which git compares with those of the files.
        shutil.copy2(git.worktree.index, os.path.join(draft, admin, "index"))
    for _, place, writable in git.binds:
        below = os.path.relpath(place, git.common)
        if git.mounted and not writable and not below.startswith(os.pardir):
            os.makedirs(os.path.join(draft, below), exist_ok=True)


def _binds(common: str, folder: str, mounted: bool) -> tuple[tuple[str, str, bool], ...]:
    shared = os.path.join(common, _SHARED) if mounted else common
    objects = os.path.join(common, "objects")
    found = [
        (folder, common if mounted else folder, True),
        (objects, os.path.join(shared, "objects"), False),
    ]
    found += [(other, other, False) for other in alternates(objects)]
    for name, place in (("lfs", shared), *((("modules", common),) if mounted else ())):
        if os.path.isdir(os.path.join(common, name)):
            found.append((os.path.join(common, name), os.path.join(place, name), False))
    return tuple(found)


def alternates(objects: str, depth: int = _DEEPEST) -> tuple[str, ...]:
    """Absolute paths of the object folders that this one borrows from, and they in turn."""
    found: list[str] = []
    listed = files.head(os.path.join(objects, "info", "alternates"), _ALTERNATES_CAP, follow=True)
    for line in os.fsdecode(listed or b"").splitlines():
        if not line or line.startswith("#"):
            continue
        place = os.path.realpath(os.path.join(objects, line.strip('"')))
        if os.path.isdir(place) and place not in found:
            found.append(place)
            more = alternates(place, depth - 1) if depth else ()
            found += [other for other in more if other not in found]
    return tuple(found)


def _settings(who: Identity) -> str:
    """Whom commits are by, and that nothing is tidied up behind our back."""
    quiet = "[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n"
    # As in a repository with one checkout, `git config --worktree` works.
    quiet += "[extensions]\n\tworktreeConfig = true\n"
    if not (who.name and who.email):
        return quiet
    name, email = config.quoted(who.name), config.quoted(who.email)
    return f"[user]\n\tname = {name}\n\temail = {email}\n{quiet}"


def _point(git: PrivateGit, admin: str) -> None:
    point(git.worktree.path, admin, os.path.join(git.common, "wtman"))
