"""Which places there are in the base: what scouts and planners name is held against it."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from posixpath import basename, dirname

from wtman.model.places import Definition, Place, place
from wtman.model.values import dataclass
from wtman.text.words import did_you_mean, quoted

_MISSPELLED = 0.9  # so alike are the names of two files that one is meant for the other
_PATTERN = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class KnownPlaces:
    """The paths of the base, and what a file of it defines.

    Where a file is known to define nothing, nothing can be said of a name in it.
    """

    paths: frozenset[str]
    defined_in: Callable[[str], Sequence[Definition]]

    def flaw(self, wanted: Place, *, new_files: bool = False) -> str:
        """What of a place does not exist; empty: nothing. `new_files`: the file may be to come."""
        if wanted.path not in self.paths:
            if impossible := self._no_file(wanted.path):
                return impossible
            if new_files and (not wanted.definition or wanted.insert == "at"):
                return ""
            return f"there is no file {quoted(wanted.path)}{self._elsewhere(wanted.path)}"
        if not wanted.definition or wanted.insert == "at":
            return ""
        names = {item.name for item in self.defined_in(wanted.path)}
        if not names or wanted.definition in names:
            return ""
        near = did_you_mean(wanted.definition.rpartition(" ")[2].rstrip("()"), names)
        return f"{wanted.path} defines no {quoted(wanted.definition)}{near}"

    def doubt(self, text: str) -> str:
        """What is odd about a place of a plan that a person wrote; empty: nothing."""
        try:
            wanted = place(text)
        except ValueError as error:
            return str(error)
        if what := self.flaw(wanted, new_files=True) or self.misplaced(wanted):
            return what
        path, joint, where = text.strip().partition("::")
        if joint and not where.strip():
            return "names no definition behind `::`; without one it is just `path`"
        if wanted.path in self.paths:
            odd = path.strip().removeprefix("./") != wanted.path
            return f"is read as {quoted(wanted.path)}" if odd else ""
        if _PATTERN.search(wanted.path):
            return "is a pattern; a place is in one file"
        folder = dirname(wanted.path)
        beside = [other for other in self.paths if dirname(other) == folder]
        if beside:  # a new file, as it seems, or one that is misspelled
            near = did_you_mean(wanted.path, beside, like=_MISSPELLED)
            return f"there is no file {quoted(wanted.path)} yet{near}" if near else ""
        near = self._elsewhere(wanted.path)
        return f"there is no file {quoted(wanted.path)}{near}" if near else ""

    def misplaced(self, wanted: Place) -> str:
        """What is wrong with the lines of a definition that is there; empty: nothing."""
        if wanted.insert or not wanted.first or wanted.path not in self.paths:
            return ""
        there = [it for it in self.defined_in(wanted.path) if it.name == wanted.definition]
        if not there or any(wanted.first <= it.last and wanted.last >= it.first for it in there):
            return ""
        stands = " and ".join(f"{item.first}-{item.last}" for item in there)
        return f"{quoted(wanted.definition)} of {wanted.path} is in lines {stands}"

    def _no_file(self, path: str) -> str:
        """Why there can be no file at a path at which there is none; empty: it may come."""
        if path.lower().startswith(".git/"):
            return f"{quoted(path)} is git's own"
        if any(other.startswith(f"{path}/") for other in self.paths):
            return f"{quoted(path)} is a folder; a place is in one file"
        above = path.split("/")[:-1]
        folders = ("/".join(above[:depth]) for depth in range(1, len(above) + 1))
        file = next((folder for folder in folders if folder in self.paths), "")
        return f"{quoted(file)} is a file: nothing can be below it" if file else ""

    def _elsewhere(self, path: str) -> str:
        """A file of the same name; the likeness of all paths is too much to ask for."""
        name, folder = basename(path).lower(), dirname(path)
        found = min((other for other in self.paths if basename(other).lower() == name), default="")
        if found:
            return f"; did you mean {quoted(found)}?"
        return did_you_mean(path, (other for other in self.paths if dirname(other) == folder))


def sound_places(
    texts: Iterable[str], known: KnownPlaces, *, new_files: bool = False
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The places of these that there are, each once, and what is wrong with the others.

    Of one whose file is there and whose definition is not, the file is kept; of a definition that
    is elsewhere in its file, the definition: nobody is asked again for the number of a line.
    """
    found: dict[str, None] = {}
    wrong: list[str] = []
    for text in texts:
        try:
            wanted = place(text)
        except ValueError as error:
            wrong.append(f"{quoted(text)} {error}")
            continue
        if what := known.flaw(wanted, new_files=new_files):
            wrong.append(what)
            if wanted.path not in known.paths:
                continue
            wanted = replace(wanted, definition="", insert="", first=0, last=0)
        elif known.misplaced(wanted):
            wanted = replace(wanted, first=0, last=0)
        found.setdefault(str(wanted))
    return tuple(found), tuple(dict.fromkeys(wrong))
