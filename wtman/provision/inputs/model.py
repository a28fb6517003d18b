"""What a setup command follows from, and the tree that it is looked for in, as values."""

import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from wtman.model.values import dataclass

Read = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Inputs:
    """`paths` are files of the tree, for what they hold; `names` are files and folders for
    their being there.

    `whole` says why it is all of the tree; "": it is these alone. `fetches`: what is made is in
    a package cache.
    """

    paths: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    whole: str = ""
    fetches: bool = False

    def __or__(self, other: "Inputs") -> "Inputs":
        return Inputs(
            self.paths | other.paths,
            self.names | other.names,
            self.whole or other.whole,
            self.fetches or other.fetches,
        )


NOTHING = Inputs()


def whole(why: str) -> Inputs:
    """All of the tree."""
    return Inputs(whole=why)


def files_of(paths: Iterable[str]) -> Inputs:
    """These files."""
    return Inputs(frozenset(paths))


def all_of(found: Iterable[Inputs]) -> Inputs:
    """What any of them is."""
    total = NOTHING
    for one in found:
        total |= one
    return total


class TreeFiles:
    """The tracked files of a tree; `read` gives what one says, "" where there is no such file."""

    def __init__(self, paths: Iterable[str], read: Read) -> None:
        self.paths = frozenset(paths)
        self.read = read

    @cached_property
    def folders(self) -> frozenset[str]:
        """Those with tracked files in them, without the root."""
        found: set[str] = set()
        for path in self.paths:
            place = folder_of(path)
            while place and place not in found:
                found.add(place)
                place = folder_of(place)
        return frozenset(found)

    @cached_property
    def _by_name(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for path in self.paths:
            found.setdefault(path.rpartition("/")[2], []).append(path)
        return found

    def called(self, *patterns: str) -> frozenset[str]:
        """The files of such names, in whatever folder; `*` and `?` may stand in a name."""
        found: set[str] = set()
        for pattern in patterns:
            if not set(pattern) & set("*?["):
                found.update(self._by_name.get(pattern, ()))
                continue
            for name, paths in self._by_name.items():
                if fnmatchcase(name, pattern):
                    found.update(paths)
        return frozenset(found)

    def below(self, *folders: str) -> frozenset[str]:
        """The files in these folders."""
        starts = tuple(f"{folder}/" for folder in folders)
        return frozenset(path for path in self.paths if path.startswith(starts))

    def has(self, path: str) -> bool:
        """Whether it is a tracked file, or a folder of some."""
        return path in self.paths or path in self.folders

    def toml(self, path: str) -> Mapping[str, Any] | None:
        """What a file says; None where it is no TOML."""
        try:
            return tomllib.loads(self.read(path))
        except (ValueError, RecursionError):
            return None

    def json(self, path: str) -> Mapping[str, Any] | None:
        """What a file says; None where it is no JSON object."""
        try:
            found = json.loads(self.read(path))
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None


def table(data: Mapping[str, Any] | None, *path: str) -> Mapping[str, Any]:
    """A table within a document; empty where none is."""
    found: Any = data
    for part in path:
        found = found.get(part) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def folder_of(path: str) -> str:
    """The folder of a path; "" is the root."""
    return path.rpartition("/")[0]


def within(folder: str, name: str) -> str:
    """The path of a file in a folder, where "" is the root."""
    return f"{folder}/{name}" if folder else name
