"""What setup wrote in the git directory of a checkout, as data that another one can be given.

Hooks, `info/` and settings, as installers of hooks write them. They are meant for sessions and
checks alone, which run confined; wtman's own git runs none of it. What else setup changed there
(refs, submodules, the index, the state of one worktree) cannot be given to another. Objects
that nothing leads to do not count. Blocking; no git runs here, and no link is followed.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import field
from hashlib import sha256

from wtman import files
from wtman.model.values import dataclass

_CAP = 1 << 20  # bytes of one file
_MOST = 200  # files
_CONFIG = "config"
_GIVEN = ("hooks/", "info/")
# What programs note in passing, and says nothing of what comes after.
_PASSING = ("COMMIT_EDITMSG", "FETCH_HEAD", "ORIG_HEAD", "gc.log")


@dataclass(frozen=True, slots=True)
class GitAdditions:
    """`files` are (path, mode, content) below the git directory, `config` lines to add there."""

    files: tuple[tuple[str, int, bytes], ...] = ()
    config: str = ""

    @property
    def is_empty(self) -> bool:
        return not self.files and not self.config


@dataclass(frozen=True, slots=True)
class GitState:
    """What was in a git directory: path -> what tells one content and mode from another."""

    marks: Mapping[str, str] = field(default_factory=dict)
    config: str = ""


def state_of(git_dir: str) -> GitState:
    """What is in a git directory now, objects apart."""
    marks: dict[str, str] = {}
    waiting = [""]
    while waiting:
        below = waiting.pop()
        for entry in os.scandir(os.path.join(git_dir, below)):
            name = below + entry.name
            if entry.is_dir(follow_symlinks=False):
                if name not in ("objects", "shared"):
                    waiting.append(f"{name}/")
            elif entry.name not in _PASSING:
                marks[name] = _mark(entry.path)
    return GitState(marks, _config(git_dir))


def added(git_dir: str, before: GitState) -> GitAdditions | str:
    """What was written since; a text says what of it cannot be given to another."""
    now = state_of(git_dir)
    gone = before.marks.keys() - now.marks.keys()
    if gone:
        return f"it removed {min(gone)} in the git directory"
    found: list[tuple[str, int, bytes]] = []
    for path, mark in sorted(now.marks.items()):
        if before.marks.get(path) == mark or path == _CONFIG:
            continue
        place = os.path.join(git_dir, path)
        content = files.head(place, _CAP + 1)
        if not path.startswith(_GIVEN) or content is None or len(content) > _CAP:
            return f"it wrote {path} in the git directory"
        found.append((path, stat.S_IMODE(os.lstat(place).st_mode), content))
    if len(found) > _MOST:
        return f"it wrote {len(found)} files in the git directory"
    config = _more(before.config, now.config)
    if config is None:
        return "it changed settings of the git directory"
    return GitAdditions(tuple(found), config)


def add(git_dir: str, additions: GitAdditions) -> None:
    """Write them into a git directory that nobody uses yet."""
    for path, mode, content in additions.files:
        place = os.path.join(git_dir, path)
        os.makedirs(os.path.dirname(place), mode=0o700, exist_ok=True)
        files.replace(place, content, mode=mode)
        os.chmod(place, mode)
    if additions.config:
        place = os.path.join(git_dir, _CONFIG)
        content = (files.head(place, _CAP) or b"").rstrip(b"\n")
        text = additions.config.encode("utf-8", "surrogateescape")
        files.replace(place, content + b"\n" + text, mode=0o644)


def _mark(path: str) -> str:
    facts = os.lstat(path)
    if stat.S_ISLNK(facts.st_mode):
        return f"link {os.readlink(path)}"
    content = files.head(path, -1)
    told = "" if content is None else sha256(content).hexdigest()
    return f"{facts.st_mode:o} {facts.st_size} {told}"


def _config(git_dir: str) -> str:
    content = files.head(os.path.join(git_dir, _CONFIG), _CAP) or b""
    return content.decode("utf-8", "surrogateescape")


def _more(before: str, now: str) -> str | None:
    """The lines that are new, below their sections; None where a line is gone."""
    old, new = list(_lines(before)), list(_lines(now))
    for line in old:
        if line not in new:
            return None
        new.remove(line)
    return "".join(f"{section}\n{line}\n" for section, line in new)


def _lines(config: str) -> list[tuple[str, str]]:
    """Every setting of a config file with its section; both as they are written."""
    section, found, held = "", list[tuple[str, str]](), ""
    for line in config.split("\n"):
        if held:
            held = f"{held}\n{line}"
        elif line.lstrip().startswith("["):
            section = line.strip()
            continue
        elif line.strip():
            held = line
        if held and not held.endswith("\\"):
            found.append((section, held))
            held = ""
    return found
