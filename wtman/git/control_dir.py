"""The control directory: a git directory that no session has ever written to.

It has its own configuration, exclude file, HEAD and indexes, and the repository's
objects. Every question about a session's work is asked through it, with the worktree
named explicitly, so nothing that a session wrote into the repository's configuration,
hooks, attributes or its own `.git` file is ever looked at.

Taken over from the user: line-ending and file-name settings, exclude patterns, attributes,
and the filters of their global configuration (of the repository's own, git-lfs as it
installs itself and what the user approved).
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import field
from functools import lru_cache
from hashlib import sha256

from wtman import files
from wtman.errors import MissingError, UsageError
from wtman.git import config
from wtman.git.discovery import Repository
from wtman.git.repo import identity
from wtman.git.run import GitAnswer, git
from wtman.git.scratch import scratch as scratch_in
from wtman.model.ids import Sha
from wtman.model.plan import Identity
from wtman.model.values import dataclass

_REVISION = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?(?:\^\{(?:tree|commit)\})?")
# A merge driver of somebody's own: not what git has built in.
OWN_DRIVER = re.compile(rb"(?<=\s)merge=(?!(?:text|union|binary)(?:\s|$))\S+")
_EXCLUDE_CAP = 1 << 20
# Files that agents keep for themselves in a checkout, whatever they are told (agents/aider.py).
_LEFT_BEHIND = b".aider.tags.cache.v*/\n.aider.chat.history.md\n.aider.input.history\n"
REMOTES = "remotes.config"  # for git directories of others: our git has no use for it


@dataclass(frozen=True, slots=True)
class Control:
    """`identity` is the user's; its name is empty where git does not know one.

    `aside` is a folder that takes new objects in place of the repository ("": none does).
    `trees` remembers which tree a commit has: names never change their meaning.
    """

    repo: Repository
    path: str
    identity: Identity
    aside: str = ""
    trees: dict[str, Sha] = field(default_factory=dict, compare=False, repr=False)

    @property
    def objects(self) -> str:
        return self.aside or os.path.join(self.repo.common_dir, "objects")


def prepare(repo: Repository) -> Control:
    """Make the control directory, or bring an existing one up to date."""
    path = os.path.join(repo.wtman_dir, "ctl")
    for part in ("objects", "refs/heads", "info", "index", "tmp"):
        os.makedirs(os.path.join(path, part), mode=0o700, exist_ok=True)
    settings = config.entries(repo.git_dir)
    _write(os.path.join(path, "HEAD"), b"ref: refs/heads/none\n")
    if not os.path.exists(os.path.join(path, "hEaD")):
        # Set where names of one case are two files, it would have git overlook new ones.
        settings = tuple(item for item in settings if item.key != "core.ignorecase")
    own = config.clean(settings, repo.approved)
    _write(os.path.join(path, "config"), own.encode("utf-8", "surrogateescape"))
    known = config.remotes(settings).encode("utf-8", "surrogateescape")
    _write(os.path.join(path, REMOTES), known)
    _write(os.path.join(path, "info", "exclude"), _excludes(repo, settings))
    _write(os.path.join(path, "info", "attributes"), _attributes(repo))
    _link_keys(repo, path)
    shallow = _content(os.path.join(repo.common_dir, "shallow"))
    if shallow:
        _write(os.path.join(path, "shallow"), shallow)
    else:
        _remove(os.path.join(path, "shallow"))
    try:
        who = identity(repo)
    except MissingError:
        who = Identity("", "")
    return Control(repo, path, who)


def environment_of(
    ctl: Control, worktree: str = "", index: str = "", objects: str = ""
) -> dict[str, str]:
    """What tells git to use the control directory."""
    surroundings = {
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_OBJECT_DIRECTORY": ctl.objects,
        "GIT_INDEX_FILE": index or os.path.join(ctl.path, "index", "none"),
    }
    if ctl.aside:
        # What only a trial has made may be lost: waiting for the disk is most of its cost.
        surroundings |= config.as_environment({"core.fsync": "none"})
    if worktree:
        surroundings["GIT_WORK_TREE"] = worktree
    others = [os.path.join(ctl.repo.common_dir, "objects")] if ctl.aside else []
    others += [objects] if objects else []
    if others:
        surroundings["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = os.pathsep.join(
            config.quoted(folder) for folder in others
        )
    return surroundings


def call(
    ctl: Control,
    args: list[str],
    *,
    worktree: str = "",
    index: str = "",
    objects: str = "",
    env: Mapping[str, str] | None = None,
    input: bytes = b"",
    ok: tuple[int, ...] = (0,),
) -> GitAnswer:
    """Run git with the control directory; `objects` is read besides the repository's."""
    surroundings = environment_of(ctl, worktree, index, objects)
    return git(
        args,
        git_dir=ctl.path,
        cwd=worktree or ctl.path,
        env=surroundings | dict(env or {}),
        input=input,
        ok=ok,
    )


def oid(name: str) -> str:
    """`name` itself if it is the full name of an object: nothing else becomes an argument."""
    if not _REVISION.fullmatch(name):
        raise UsageError(f"{name!r} is not a full object name")
    return name


def own_index(ctl: Control, worktree: str, index: str) -> str:
    """The index to work with for `worktree`: `index`, or ours where a session can reach it.

    An index that a session can write may claim that a changed file is unchanged.
    """
    return _own_index(ctl.path, ctl.repo.common_dir, worktree, index)


@lru_cache(maxsize=256)  # asked again at every step
def _own_index(path: str, common: str, worktree: str, index: str) -> str:
    reachable = (os.path.join(common, "worktrees"), os.path.realpath(worktree))
    place = os.path.realpath(os.path.dirname(index)) if index else ""
    if place and not any((place + os.sep).startswith(root + os.sep) for root in reachable):
        return index
    key = sha256(os.fsencode(os.path.realpath(worktree))).hexdigest()[:24]
    return os.path.join(path, "index", key)


def move_index(ctl: Control, was: str, to: str) -> None:
    """Have the index of ours that is kept for a worktree follow it from one path to another."""
    with suppress(FileNotFoundError):
        os.replace(own_index(ctl, was, ""), own_index(ctl, to, ""))


@contextmanager
def scratch(ctl: Control) -> Iterator[str]:
    """A folder of one call's own, so that calls on one worktree do not meet."""
    with scratch_in(os.path.join(ctl.path, "tmp")) as folder:
        yield folder


@contextmanager
def scratch_file(ctl: Control) -> Iterator[str]:
    """Path of a file of one call's own, which need not come to exist."""
    with scratch(ctl) as folder:
        yield os.path.join(folder, "file")


def _excludes(repo: Repository, settings: tuple[config.ConfigEntry, ...]) -> bytes:
    """What agents leave for themselves, then the user's exclude patterns, then those of the
    repository: the later are stronger."""
    named = config.value_of(settings, "core.excludesfile", trusted=True)
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    users = _content(os.path.expanduser(named) if named else os.path.join(home, "git", "ignore"))
    own = _content(os.path.join(repo.common_dir, "info", "exclude"))
    return b"".join(part.rstrip(b"\n") + b"\n" for part in (_LEFT_BEHIND, users, own) if part)


def _attributes(repo: Repository) -> bytes:
    """What `info/attributes` says; a file with a merge driver of its own is merged as text."""
    content = _content(os.path.join(repo.common_dir, "info", "attributes"))
    return OWN_DRIVER.sub(b"merge=text", content)


def _link_keys(repo: Repository, path: str) -> None:
    """Let git-crypt, which looks in the git directory, find the keys of the repository."""
    keys, link = os.path.join(repo.common_dir, "git-crypt"), os.path.join(path, "git-crypt")
    if os.path.isdir(keys) and not os.path.lexists(link):
        os.symlink(keys, link)


def _content(path: str) -> bytes:
    """What the file holds, nothing if it is absent or not a regular file."""
    return files.head(path, _EXCLUDE_CAP, follow=True) or b""


def _write(path: str, content: bytes) -> None:
    if _content(path) != content or not os.path.exists(path):
        files.replace(path, content)  # another wtman may be reading it


def _remove(path: str) -> None:
    if os.path.lexists(path):
        os.unlink(path)
