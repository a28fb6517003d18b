"""Repositories inside a worktree after a session: what of their commits nobody else has.

A commit of the task names only the commit that a submodule stands at. Made by the session
itself, that is in the session's own clone of the submodule and nowhere else: landed, it
could be checked out by nobody. So it is refused, kept beside the evidence, and told with
the command that brings it back. Blocking; what a session could write is read as data.
"""

import os
import re
import shlex
from collections.abc import Iterator, Sequence

from wtman import files
from wtman.errors import ExternalError
from wtman.formats.git_output import packed_refs, text
from wtman.git.control_dir import Control, call
from wtman.git.objects import history
from wtman.git.untrusted import inherited
from wtman.git.untrusted.private import PrivateGit
from wtman.model.ids import Sha
from wtman.model.values import dataclass

_OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_GITLINK = "160000"
_CAP = 1 << 20
_MOST = 1000  # refs of one submodule
_BOUNDED = {"GIT_ALLOC_LIMIT": str(256 << 20)}


@dataclass(frozen=True, slots=True)
class Inside:
    """One repository inside: where it stands, where the task's commit says, if it does.

    `kept` is the command that brings back what only the session has, "" where there is none.
    """

    path: str
    at: str
    recorded: str
    moved: bool  # the task's commits name another one than before
    kept: str = ""

    @property
    def refusal(self) -> str:
        """Why the task's commits cannot count; "" where they can."""
        if not (self.moved and self.kept and self.at == self.recorded):
            return ""
        return (
            f"it moved {self.path} to {self.at[:12]}, a commit that only its own clone of that "
            f"repository has; to bring it back: {self.kept}"
        )

    @property
    def note(self) -> str:
        """What is not collected of it."""
        if not self.recorded:
            return f"left a nested repository at {self.path}, which is not collected"
        if self.kept:
            return f"commits in the submodule {self.path} are not collected, see: {self.kept}"
        if self.at and self.at != self.recorded:
            return f"the submodule {self.path} stands at {self.at[:12]}, which was not committed"
        return ""


def look(
    ctl: Control, git: PrivateGit, tip: Sha, nested: Sequence[str], keep: str
) -> tuple[Inside, ...]:
    """The repositories at `nested` in the worktree of a session whose work ends in `tip`.

    What only the session has is copied below the folder `keep`.
    """
    before, now = _gitlinks(ctl, git.at, nested), _gitlinks(ctl, tip, nested)
    found = []
    for path in nested:
        place = _git_dir(git, path)
        at = _head(place) if place else ""
        recorded = now.get(path, "")
        known = {before.get(path, ""), recorded if before.get(path) == recorded else ""}
        kept = ""
        if recorded and at and at not in known and not _is_published(ctl, place, at):
            kept = _kept(place, path, at, keep)
        found.append(Inside(path, at, recorded, recorded != before.get(path, ""), kept))
    return tuple(found)


def _gitlinks(ctl: Control, commit: Sha, paths: Sequence[str]) -> dict[str, str]:
    return {
        path: entry.oid
        for path, entry in history.entries_at(ctl, commit, paths).items()
        if entry.mode == _GITLINK
    }


def _git_dir(git: PrivateGit, path: str) -> str:
    """The git directory of a repository inside; "" for one that is elsewhere."""
    dot_git = os.path.join(git.worktree.path, path, ".git")
    place = dot_git
    if not os.path.isdir(dot_git):
        said = os.fsdecode((files.head(dot_git, _CAP) or b"").rstrip(b"\r\n"))
        # It is written from where the session stood.
        at = os.path.join(git.seen, path)
        place = os.path.normpath(os.path.join(at, said[len("gitdir: ") :]))
        admin = os.path.join("worktrees", git.name)
        inside = os.path.join(os.path.realpath(git.common), admin) + os.sep
        if git.mounted and place.startswith(inside):
            place = os.path.join(git.path, admin, place.removeprefix(inside))
        elif place.startswith(git.seen + os.sep):
            place = git.worktree.path + place.removeprefix(git.seen)
    real = os.path.realpath(place) + os.sep
    roots = (os.path.realpath(root) + os.sep for root in (git.path, git.worktree.path))
    is_ours = os.path.isdir(os.path.join(place, "objects")) and any(map(real.startswith, roots))
    return real.rstrip(os.sep) if is_ours else ""


def _head(place: str) -> str:
    said = text(files.head(os.path.join(place, "HEAD"), 4096) or b"").strip()
    if said.startswith("ref: refs/heads/"):
        ref = said.removeprefix("ref: ")
        loose = text(files.head(os.path.join(place, ref), 4096) or b"").strip()
        said = loose or _packed(place).get(ref, "")
    return said if _OID.fullmatch(said) else ""


def _packed(place: str) -> dict[str, str]:
    return packed_refs(files.head(os.path.join(place, "packed-refs"), _CAP) or b"")


def _remotes(place: str) -> Iterator[str]:
    """What its remote was seen to have."""
    for ref, oid in _packed(place).items():
        if ref.startswith(("refs/remotes/", "refs/tags/")):
            yield oid
    for folder, _, names in os.walk(os.path.join(place, "refs", "remotes")):
        for name in names:
            yield text(files.head(os.path.join(folder, name), 4096) or b"").strip()


def _is_published(ctl: Control, place: str, commit: str) -> bool:
    tips = [tip for tip in _remotes(place) if _OID.fullmatch(tip)][:_MOST]
    if commit in tips:
        return True
    script = "".join(f"{name}\n" for name in (commit, *(f"^{tip}" for tip in tips)))
    args = ["rev-list", "--max-count=1", "--stdin"]
    try:
        objects = os.path.join(place, "objects")
        said = call(ctl, args, objects=objects, env=_BOUNDED, input=script.encode()).out
    except ExternalError:
        return False  # a shallow clone: what was seen of the remote is all there is
    return not said.strip()


def _kept(place: str, path: str, commit: str, keep: str) -> str:
    """The command that brings `commit` back, from a copy of its repository."""
    name = f"{os.path.basename(path)}-{commit[:12]}"
    target = os.path.join(keep, name)
    if not os.path.isdir(target):
        inherited.copy_repository(place, target, commit)
    return f"git clone {shlex.quote(target)} {shlex.quote(name)}"
