"""Filters that a repository asks for, and which of them wtman runs.

`.gitattributes` names a filter for paths (`*.key filter=git-crypt`), a configuration says
what it is. wtman runs what the user's own configuration defines, git-lfs, and what the user
approved; nothing of it names a program in the checkout, which a session could change. What
is not run would let plain text into commits, so it is refused before anything begins.
Blocking.
"""

import os
import re
import shlex
import shutil
from collections.abc import Iterable, Iterator, Sequence, Set

from wtman import files
from wtman.errors import MissingError
from wtman.formats.git_output import tree_lines
from wtman.git import config
from wtman.git.control_dir import Control, call, oid
from wtman.git.objects.history import contents
from wtman.git.objects.history import files as paths_of
from wtman.text.words import listed

_CAP = 1 << 20
_NAME = ".gitattributes"
_ASSIGNED = re.compile(rb"(?:^|\s)filter=(\S+)")
# What these start is found in the checkout first.
_OF_PROJECT = frozenset("npx npm pnpm yarn bunx make uv poetry pdm hatch pipenv bundle".split())


def assigned(ctl: Control, treeish: str) -> frozenset[str]:
    """The filters that the attributes of a commit or tree name."""
    listing = call(ctl, ["ls-tree", "-r", "-z", "--full-tree", oid(treeish)]).out
    lines = b"\0".join(line for line in listing.split(b"\0") if line.endswith(_NAME.encode()))
    blobs = [
        entry.oid
        for path, entry, _ in tree_lines(lines)
        if entry.regular and path.rpartition("/")[2] == _NAME
    ]
    return frozenset(_names(contents(ctl, blobs, _CAP).values()))


def require_served(ctl: Control, commits: Sequence[str], *, always: bool) -> None:
    """Refuse filters that would be needed and are not run.

    `always`: also those that no attribute names yet, for a session may add one that does.
    """
    settings = config.entries(ctl.repo.git_dir)
    ours = _own_filters(settings)
    if not ours:
        return
    planted = config.planted_filters(settings, ctl.repo.approved)
    used = frozenset(ours) if always else _used(ctl, commits)
    if missing := sorted(planted & used):
        raise MissingError(
            f"the filter {listed(missing, 5)} is defined in this repository's own configuration, "
            "and wtman runs only what you approved: files would be committed unfiltered",
            hint="read and approve it: wtman trust",
            code="filter",
        )
    tracked = frozenset(path for commit in commits for path in paths_of(ctl, commit))
    for name in sorted(used & ours.keys()):
        for command in ours[name]:
            _require_outside(name, command, tracked)


def undefined(ctl: Control, names: Iterable[str]) -> tuple[str, ...]:
    """Of these filters those that nothing defines: git itself leaves their files as they are.

    MissingError where git-lfs is set up and its program is not there.
    """
    settings = config.entries(ctl.repo.git_dir)
    known = _own_filters(settings)
    scope = next((item.scope for item in settings if item.key.startswith("filter.lfs.")), "")
    is_lfs = bool(scope)
    if is_lfs and "lfs" in (names := tuple(names)) and not shutil.which("git-lfs"):
        raise MissingError(
            "files of this repository are in Git LFS, and git-lfs is not on PATH",
            hint="install git-lfs, or leave its files as git has them: "
            f"git config --{scope} --remove-section filter.lfs",
            code="filter",
        )
    return tuple(sorted(set(names) - known.keys() - ({"lfs"} if is_lfs else set())))


def _own_filters(settings: Iterable[config.ConfigEntry]) -> dict[str, list[str]]:
    """The commands of each filter but git-lfs."""
    found: dict[str, list[str]] = {}
    for item in settings:
        name, command = config.filter_of(item)
        if name and name != "lfs" and command:
            found.setdefault(name, []).append(command)
    return found


def _used(ctl: Control, commits: Iterable[str]) -> frozenset[str]:
    found = set(_names([_own(ctl)]))
    for commit in dict.fromkeys(commits):
        found |= assigned(ctl, commit)
    return frozenset(found)


def _own(ctl: Control) -> bytes:
    """What assigns filters outside of every tree."""
    path = os.path.join(ctl.path, "info", "attributes")
    return files.head(path, _CAP, follow=True) or b""


def _names(held: Iterable[bytes]) -> Iterator[str]:
    for content in held:
        for line in content.splitlines():
            if not line.lstrip().startswith(b"#"):
                for name in _ASSIGNED.findall(line):
                    yield name.decode("utf-8", "surrogateescape")


def _require_outside(name: str, command: str, tracked: Set[str]) -> None:
    """Refuse a program that lies in the checkout: there a session could change it."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    for at, word in enumerate(words):
        # A first word without a slash is looked for on PATH.
        named = bool(at) or "/" in word
        inside = (named and os.path.normpath(word) in tracked) or word.startswith(("./", "../"))
        if inside or os.path.basename(words[0]) in _OF_PROJECT:
            raise MissingError(
                f"the filter {name} runs {word if inside else words[0]} of the checkout, "
                "which a session could change",
                hint="have it run a program outside of the checkout: "
                f"git config filter.{name}.clean '/ABSOLUTE/PATH ...'",
                code="filter",
            )
