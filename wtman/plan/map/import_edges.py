"""Which file of a repository uses which other, from what each says that it imports.

Every language names a module in its own way; what they share is that the last words of the name
are the last parts of a path. A name that could mean several files, or none, means nothing.
"""

import posixpath
import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from posixpath import basename, dirname

from wtman.formats.source_languages import language_of
from wtman.model.values import dataclass

_SPLIT = re.compile(r"[./\\:]+")
_OF_FOLDER = frozenset("__init__ index mod lib main package".split())
_NOTHING = frozenset("crate self super @ ~ src".split())
_ROOTS = frozenset("src lib python source include app".split())
_MOST_IN_FOLDER = 30  # files that an import of a whole folder stands for
_MOST_MEANT = 60  # files of one name; more say nothing


def import_edges(
    paths: Sequence[str], imports: Mapping[int, Sequence[str]]
) -> dict[int, tuple[int, ...]]:
    """By the number of a file, the numbers of those that it uses."""
    known = _Known(paths, imports)
    found = {}
    for number, names in imports.items():
        path = paths[number]
        language = language_of(path)
        used: dict[int, None] = {}
        for name in names:
            for other in known.meant(path, language.name if language else "", name):
                if other != number:
                    used[other] = None
        if used:
            found[number] = tuple(used)
    return found


def called(path: str) -> tuple[str, ...]:
    """The words of which one is in every import of this file, but for those that are dots only:
    these are below the folder of a file that stands for its folder."""
    folder, _, name = path.rpartition("/")
    if name.endswith(".go"):
        return (basename(folder),)
    stem = name.rpartition(".")[0] or name
    return (stem, basename(folder)) if stem in _OF_FOLDER else (stem,)


def stands_for_folder(path: str) -> bool:
    return (basename(path).rpartition(".")[0] or path) in _OF_FOLDER


def _words(imports: Mapping[int, Sequence[str]]) -> set[str]:
    """What a file that one of these names mean can be called."""
    found: set[str] = set()
    for name in {name for names in imports.values() for name in names}:
        last = name.rpartition("/")[2]
        found |= {last, last.rpartition(".")[0]}
        found.update(_SPLIT.split(name))
    return found


@dataclass(frozen=True, slots=True)
class _Called:
    """How files are called: of each its name and that without its ending; of those of Go also
    that of their folder. `fronts` stand for their folder, whatever that is called."""

    names: tuple[str, ...]
    stems: tuple[str, ...]
    folders: tuple[tuple[int, str], ...]
    fronts: tuple[int, ...]

    def by(self, words: Collection[str]) -> set[int]:
        """The numbers of the files that one of these words of an import can mean."""
        found = {number for number, stem in enumerate(self.stems) if stem in words}
        found.update(number for number, name in enumerate(self.names) if name in words)
        found.update(number for number, folder in self.folders if folder in words)
        return found.union(self.fronts)


@lru_cache(maxsize=2)  # of one map it is asked several times
def _called(paths: tuple[str, ...]) -> _Called:
    names = tuple(path.rpartition("/")[2] for path in paths)
    stems = tuple(name.rpartition(".")[0] or name for name in names)
    return _Called(
        names,
        stems,
        tuple(
            (number, path.rpartition("/")[0].rpartition("/")[2])
            for number, path in enumerate(paths)
            if path.endswith(".go")
        ),
        tuple(number for number, stem in enumerate(stems) if stem in _OF_FOLDER),
    )


class _Known:
    """The files of a repository that these imports could mean, by what they could call them."""

    def __init__(self, paths: Sequence[str], imports: Mapping[int, Sequence[str]]) -> None:
        self.paths = paths
        self.at: dict[str, int] = {}  # path, and path without ending -> number
        self.named: dict[tuple[str, str], list[int]] = {}  # family, last word -> numbers
        self.folders: dict[str, list[str]] = {}  # last word of a folder with Go in it -> folders
        self.inside: dict[str, list[int]] = {}  # such a folder -> its files
        self.parts: dict[int, tuple[str, ...]] = {}
        self.memory: dict[tuple[str, str], tuple[bool, tuple[int, ...]]] = {}
        for number in sorted(_called(tuple(paths)).by(_words(imports))):
            self._add(number, paths[number])

    def _add(self, number: int, path: str) -> None:
        language = language_of(path)
        self.at.setdefault(path, number)
        if language is None:
            return
        stem = path[: path.rindex(".")] if "." in basename(path) else path
        words = stem.split("/")
        if words[-1] in _OF_FOLDER and len(words) > 1:
            self.at.setdefault("/".join(words[:-1]), number)
            words.pop()
        self.at.setdefault(stem, number)
        self.parts[number] = tuple(words)
        self.named.setdefault((language.name, words[-1]), []).append(number)
        if language.name == "go" and not path.endswith("_test.go"):
            folder = dirname(path)
            if folder not in self.inside:
                self.folders.setdefault(basename(folder), []).append(folder)
            self.inside.setdefault(folder, []).append(number)

    def meant(self, path: str, family: str, name: str) -> tuple[int, ...]:
        """The files that `name` means in the file `path`, of this family."""
        if family == "python" and name.startswith("."):
            up = len(name) - len(name.lstrip("."))
            folder = path.split("/")[:-1]
            if up - 1 > len(folder):
                return ()
            base = folder[: len(folder) - up + 1]
            return self._exactly("/".join([*base, *filter(None, name.split("."))]))
        if family in ("script", "c", "ruby", "shell") and (name[:1] == "." or family == "c"):
            near = posixpath.normpath(posixpath.join(dirname(path), name))
            if found := self._exactly(near):
                return found
            for ending in (".js", ".mjs", ".cjs"):
                if name.endswith(ending) and (found := self._exactly(near.removesuffix(ending))):
                    return found
            if name[:1] == ".":
                return ()
        key = (family, name)
        if key not in self.memory:
            self.memory[key] = self._anywhere(family, name)
        whole, found = self.memory[key]
        return found if whole else self._nearest(path, found)

    def _exactly(self, stem: str) -> tuple[int, ...]:
        number = self.at.get(stem)
        return () if number is None else (number,)

    def _anywhere(self, family: str, name: str) -> tuple[bool, tuple[int, ...]]:
        """The files that a name could mean, and whether it means all of them."""
        if family == "go":
            return True, self._folder(name)
        if family == "c":
            name = posixpath.splitext(name)[0]
        words = [word for word in _SPLIT.split(name) if word and word not in _NOTHING]
        # The last word may be a name inside of the module, and the one before too.
        for many in range(len(words), max(len(words) - 3, 0), -1):
            numbers = self.named.get((family, words[many - 1]), ())
            if not numbers or len(numbers) > _MOST_MEANT:
                continue
            above = words[: many - 1]
            scores = [_alike(above, self.parts[number][:-1]) for number in numbers]
            best = max(scores)
            if above and not best:
                continue
            meant = [number for number, score in zip(numbers, scores, strict=True) if score == best]
            # One word is that of a file close by: `os` is not the one of somebody else.
            return bool(above) and len(meant) == 1, tuple(meant)
        return False, ()

    def _nearest(self, path: str, numbers: Sequence[int]) -> tuple[int, ...]:
        """The one of these files that lies beside the file, or in front of its folders."""
        folder = path.split("/")[:-1]
        found: dict[int, list[int]] = {}
        for number in numbers:
            parts = self.parts[number][:-1]
            if parts[-1:] and parts[-1] in _ROOTS and tuple(folder[: len(parts)]) != parts:
                parts = parts[:-1]
            if tuple(folder[: len(parts)]) == parts:
                found.setdefault(len(parts), []).append(number)
        near = found[max(found)] if found else []
        return (near[0],) if len(near) == 1 else ()

    def _folder(self, name: str) -> tuple[int, ...]:
        words = name.split("/")
        folders = self.folders.get(words[-1], ())
        scores = [_alike(words, folder.split("/")) for folder in folders]
        best = max(scores, default=0)
        meant = [folder for folder, score in zip(folders, scores, strict=True) if score == best]
        if len(meant) != 1 or best < min(2, len(words), meant[0].count("/") + 1):
            return ()
        return tuple(self.inside[meant[0]][:_MOST_IN_FOLDER])


def _alike(words: Sequence[str], parts: Sequence[str]) -> int:
    """How many of the last words are the same."""
    count = 0
    for one, other in zip(reversed(words), reversed(parts), strict=False):
        if one != other:
            break
        count += 1
    return count
