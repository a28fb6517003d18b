"""Which places there are in the base: what scouts and planners name is held against it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from posixpath import basename

from wtman.model.places import Place, place
from wtman.text.words import did_you_mean, quoted


@dataclass(frozen=True, slots=True)
class KnownPlaces:
    """The paths of the base, and what a file of it defines by qualified name.

    Where a file is known to define nothing, nothing can be said of a name in it.
    """

    paths: frozenset[str]
    names_of: Callable[[str], frozenset[str]]

    def flaw(self, wanted: Place, *, new_files: bool = False) -> str:
        """What of a place does not exist; empty: nothing. `new_files`: the file may be to come."""
        if wanted.path not in self.paths:
            if new_files and (not wanted.definition or wanted.insert == "at"):
                return ""
            return f"there is no file {quoted(wanted.path)}{self._elsewhere(wanted.path)}"
        if not wanted.definition or wanted.insert == "at":
            return ""
        names = self.names_of(wanted.path)
        if not names or wanted.definition in names:
            return ""
        near = did_you_mean(wanted.definition, names)
        return f"{wanted.path} defines no {quoted(wanted.definition)}{near}"

    def _elsewhere(self, path: str) -> str:
        """A file of the same name; the likeness of all paths is too much to ask for."""
        name = basename(path)
        found = min((other for other in self.paths if basename(other) == name), default="")
        return f"; did you mean {quoted(found)}?" if found else ""


def sound_places(
    texts: Iterable[str], known: KnownPlaces, *, new_files: bool = False
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The places of these that there are, each once, and what is wrong with the others.

    Of one whose file is there and whose definition is not, the file is kept.
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
        found.setdefault(str(wanted))
    return tuple(found), tuple(dict.fromkeys(wrong))
