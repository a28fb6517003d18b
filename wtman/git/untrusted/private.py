"""A session's private git directory, which takes the place of the repository's.

A linked worktree is no boundary: who can write it reaches every ref, hook, setting and
object of the repository. So a session gets a common directory of its own, about ten small
files: its branch, the target, the tags and the remote branches, a configuration and an
index made for it, objects of its own and the repository's to read. What it commits there
comes back as data, through the gate, or not at all.

Where the sandbox can mount, it lies over the repository's own (`PrivateGit.binds`), and
nothing outside changes. Elsewhere the worktree's `.git` file names it while the session
lives (`enter`, `leave`). wtman itself never runs git there.

It is no secret-keeper: every object of the repository can be read in every sandbox, also those
that no ref of it leads to (other branches, what was deleted and not yet collected).

Not in it: hooks, and the remotes, whose addresses may hold passwords.
"""

import os
import secrets
import shutil
from dataclasses import dataclass

from wtman.git import config
from wtman.git.checkouts.worktrees import Worktree, point
from wtman.git.control_dir import Control, oid
from wtman.git.refs import listed
from wtman.git.trees import remove_tree
from wtman.model.ids import Sha
from wtman.model.plan import Identity

_SHARED = "shared"  # the mount points for what is the repository's
_LEFT_OUT = ("\tfsync", "\texcludesFile", "\tlogAllRefUpdates")
_ALTERNATES_CAP = 1 << 16
_DEEPEST = 5  # alternates of alternates, as git has it


@dataclass(frozen=True, slots=True)
class PrivateGit:
    """`path` is the private common directory, absolute; `branch` a short name.

    `mounted`: it is bound over `common`, the repository's own common directory. `binds`
    are (source, target, writable) in the order in which to mount; without mounts the
    sources alone say what the session may read or write.
    """

    path: str
    common: str
    worktree: Worktree
    branch: str
    at: Sha
    mounted: bool
    binds: tuple[tuple[str, str, bool], ...]

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
    target: str = "",
    who: Identity | None = None,
) -> PrivateGit:
    """Make it anew in `folder`, for a worktree that stands at `at` on `branch`.

    `target` is the branch where the run lands, `who` the identity that commits there get
    (None: the user's).
    """
    made = describe(ctl, worktree, branch, at, folder, mounted=mounted)
    draft = f"{folder}.{secrets.token_hex(4)}"
    try:
        _fill(ctl, made, draft, target, who or ctl.identity)
        if os.path.lexists(folder):
            remove_tree(folder)
        os.rename(draft, folder)
    except BaseException:
        remove_tree(draft)
        raise
    return made


def describe(
    ctl: Control, worktree: Worktree, branch: str, at: Sha, folder: str, *, mounted: bool
) -> PrivateGit:
    """The one that is, or was, in `folder`; nothing is made or looked at there."""
    common = ctl.repo.common_dir
    binds = _mounts(common, folder) if mounted else _plain(common, folder)
    return PrivateGit(folder, common, worktree, branch, at, mounted, binds)


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
    for part in ("objects/info", "objects/pack", "refs/heads", "refs/tags", "info", admin):
        os.makedirs(os.path.join(draft, part), mode=0o700)
    _write(draft, "HEAD", f"ref: refs/heads/{target or 'main'}\n")
    _write(draft, "config", _config(ctl, who))
    _write(draft, "packed-refs", _refs(ctl, target))
    _write(draft, f"refs/heads/{git.branch}", oid(git.at) + "\n")
    _write(draft, "objects/info/alternates", _alternates(git))
    for name in ("info/exclude", "shallow"):
        if os.path.exists(os.path.join(ctl.path, name)):
            shutil.copyfile(os.path.join(ctl.path, name), os.path.join(draft, name))
    _write(draft, f"{admin}/HEAD", f"ref: refs/heads/{git.branch}\n")
    _write(draft, f"{admin}/commondir", "../..\n")
    _write(draft, f"{admin}/gitdir", os.path.join(git.worktree.path, ".git") + "\n")
    if os.path.exists(git.worktree.index):
        # With its time, which git compares with those of the files.
        shutil.copy2(git.worktree.index, os.path.join(draft, admin, "index"))
    for _, place, writable in git.binds:
        below = os.path.relpath(place, git.common)
        if git.mounted and not writable and not below.startswith(os.pardir):
            os.makedirs(os.path.join(draft, below), exist_ok=True)


def _mounts(common: str, folder: str) -> tuple[tuple[str, str, bool], ...]:
    shared = os.path.join(common, _SHARED)
    found = [
        (folder, common, True),
        (os.path.join(common, "objects"), os.path.join(shared, "objects"), False),
    ]
    found += [(other, other, False) for other in alternates(os.path.join(common, "objects"))]
    for name, place in (("lfs", shared), ("modules", common)):
        if os.path.isdir(os.path.join(common, name)):
            found.append((os.path.join(common, name), os.path.join(place, name), False))
    return tuple(found)


def _plain(common: str, folder: str) -> tuple[tuple[str, str, bool], ...]:
    objects = os.path.join(common, "objects")
    read = [objects, *alternates(objects)]
    if os.path.isdir(os.path.join(common, "lfs")):
        read.append(os.path.join(common, "lfs"))
    return ((folder, folder, True), *((place, place, False) for place in read))


def alternates(objects: str, depth: int = _DEEPEST) -> tuple[str, ...]:
    """Absolute paths of the object folders that this one borrows from, and they in turn."""
    found: list[str] = []
    try:
        with open(os.path.join(objects, "info", "alternates"), "rb") as file:
            lines = os.fsdecode(file.read(_ALTERNATES_CAP)).splitlines()
    except OSError:
        return ()
    for line in lines:
        if not line or line.startswith("#"):
            continue
        place = os.path.realpath(os.path.join(objects, line.strip('"')))
        if os.path.isdir(place) and place not in found:
            found.append(place)
            more = alternates(place, depth - 1) if depth else ()
            found += [other for other in more if other not in found]
    return tuple(found)


def _alternates(git: PrivateGit) -> str:
    inside = os.path.join(git.common, _SHARED) if git.mounted else git.common
    places = [os.path.join(inside, "objects"), *alternates(os.path.join(git.common, "objects"))]
    return "".join(place + "\n" for place in places)


def _config(ctl: Control, who: Identity) -> str:
    """The control directory's own, less what only it needs, and whom commits are by."""
    with open(os.path.join(ctl.path, "config"), encoding="utf-8", errors="surrogateescape") as file:
        lines = [line for line in file if not line.startswith(_LEFT_OUT)]
    if who.name and who.email:
        lines += ["[user]\n", f"\tname = {config.quoted(who.name)}\n"]
        lines.append(f"\temail = {config.quoted(who.email)}\n")
    return "".join(lines) + "[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n"


def _refs(ctl: Control, target: str) -> str:
    wanted = ["refs/tags", "refs/remotes", *([f"refs/heads/{target}"] if target else [])]
    return "# pack-refs with: sorted \n" + os.fsdecode(listed(ctl.repo.common_dir, *wanted))


def _point(git: PrivateGit, admin: str) -> None:
    point(git.worktree.path, admin, os.path.join(git.common, "wtman"))


def _write(draft: str, name: str, content: str) -> None:
    path = os.path.join(draft, name)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with open(path, "wb") as file:
        file.write(os.fsencode(content))
