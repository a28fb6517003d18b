"""Files of a commit, for a script that looks for its work: found by pattern, and read."""

import re
from functools import lru_cache

from wtman.git.control_dir import Control
from wtman.git.objects.contents import texts
from wtman.git.objects.history import blob, files
from wtman.model.ids import Sha

_LARGEST = 1 << 19  # bytes of a file that is read
_MOST_LOOKED_IN = 20_000  # files whose text is searched
_MOST_TREES = 64


class NoFile(Exception):
    """The commit has no such file, or none that can be handed over."""


class FileTrees:
    """The files of commits, listed once each."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._listed: dict[Sha, tuple[str, ...]] = {}

    def text(self, commit: Sha, path: str) -> str:
        """A file of the commit as text. Blocking. Raises NoFile."""
        if path not in self._files(commit):
            raise NoFile(f"there is no file {path} in {commit[:12]}")
        raw = blob(self._control, commit, path, _LARGEST)
        if raw is None:
            raise NoFile(f"{path} is no text, or larger than {_LARGEST >> 10} KiB")
        return raw.decode("utf-8", "replace")

    def search(self, commit: Sha, pattern: str, containing: str | None) -> tuple[str, ...]:
        """The paths of the commit that a glob names, in order; `containing` is looked for in
        them. Blocking."""
        wanted = glob(pattern)
        found = [path for path in self._files(commit) if wanted.fullmatch(path)]
        if not containing:
            return tuple(found)
        if len(found) > _MOST_LOOKED_IN:
            raise NoFile(f"{pattern} names {len(found)} files: too many to look into")
        read = texts(self._control, commit, set(found), _LARGEST)
        return tuple(path for path in found if containing in read.get(path, ""))

    def _files(self, commit: Sha) -> tuple[str, ...]:
        if commit not in self._listed:
            if len(self._listed) >= _MOST_TREES:
                self._listed.clear()
            self._listed[commit] = tuple(sorted(files(self._control, commit)))
        return self._listed[commit]


@lru_cache(maxsize=256)
def glob(pattern: str) -> re.Pattern[str]:
    """A glob over paths from the root: `**` stands for any folders, `*` stays in one."""
    out = ""
    for part in pattern.strip("/").split("/"):
        if out and not out.endswith("/)*"):
            out += "/"
        if part == "**":
            out += "(?:[^/]+/)*"
        else:
            out += _segment(part)
    return re.compile(out + "[^/]+" if out.endswith("/)*") else out)


def _segment(text: str) -> str:
    out = ""
    for piece in re.findall(r"\[[^\]/]+\]|.", text):
        if piece == "*":
            out += "[^/]*"
        elif piece == "?":
            out += "[^/]"
        elif len(piece) > 1:
            inner = piece[1:-1].replace("\\", "\\\\")
            out += f"[^{inner[1:]}]" if inner[0] == "!" else f"[{inner}]"
        else:
            out += re.escape(piece)
    return out
