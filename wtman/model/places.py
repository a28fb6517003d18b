"""Places in code: what a text defines, and where a task will change it.

A place is written as `path`, or `path::WHERE`, WHERE being

    Session.close              this definition is changed
    after Session.close        new code goes right behind it
    before Session.close       new code goes right in front of it
    in Session                 a new member goes into it, its author says where
    at start, at end           new code goes there in the file

and may end with the lines of the base that are meant: `@120` (for new code: it follows that line)
or `@120-131`. Names are qualified by what they stand in, with a dot between, in every language.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from wtman.model.values import dataclass

INSERTS = ("after", "before", "in", "at")
_GAP = 5  # lines from the end of one definition to the next: there is no code between them
_LINES = re.compile(r"@(\d{1,18})(?:-(\d{1,18}))?$")


@dataclass(frozen=True, slots=True)
class Definition:
    """Something that a text defines: its qualified name, and its lines, from 1, both included."""

    name: str
    kind: str  # class, function, or another word of its language
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a task changes a file. Without `definition`: somewhere in it.

    `insert` empty: the definition itself is changed; else one of `INSERTS`, and for `at` the
    definition is `start` or `end`. Lines are of the base, from 1; 0: not said.
    """

    path: str
    definition: str = ""
    insert: str = ""
    first: int = 0
    last: int = 0

    def __str__(self) -> str:
        where = f"{self.insert} {self.definition}" if self.insert else self.definition
        lines = f"@{self.first}" if self.first else ""
        lines += f"-{self.last}" if self.first and self.last > self.first else ""
        return f"{self.path}::{where}{lines}" if where or lines else self.path


def place(text: str) -> Place:
    """The place that a text names. Raises ValueError, which says what is wrong, for one that is
    none."""
    path, _, where = text.strip().partition("::")
    path = path.strip().removeprefix("./")
    if not path or path.startswith("/") or ".." in path.split("/") or "\n" in text:
        raise ValueError("is not a path of the repository, with `::` and a definition")
    path = "/".join(part for part in path.split("/") if part not in ("", "."))
    lines = _LINES.search(where)
    where = where[: lines.start()] if lines else where
    first, last = (int(lines[1]), int(lines[2] or lines[1])) if lines else (0, 0)
    insert, _, definition = where.strip().partition(" ")
    if insert not in INSERTS or not definition.strip():
        insert, definition = "", where
    definition = definition.strip()
    if last < first:
        raise ValueError("has lines that end before they begin")
    if insert == "at" and definition not in ("start", "end"):
        raise ValueError("says `at` of neither `start` nor `end`")
    return Place(path, definition, insert, first, max(first, last))


def in_gap(where: Place, defined: Sequence[Definition]) -> Place:
    """The place as all name it who put code into the same gap between two definitions: behind
    the upper one, where a place says in front of the lower one, and behind the whole, where it
    says behind its last part."""
    if where.insert == "after":
        return _behind_whole(where, defined)
    if where.insert != "before":
        return where
    owner = where.definition.rpartition(".")[0]
    beside = [item for item in defined if item.name.rpartition(".")[0] == owner]
    below = [item for item in beside if item.name == where.definition]
    if len(below) != 1:
        return where
    at = below[0].first
    above = max((item for item in beside if item.last < at), key=lambda it: it.last, default=None)
    if above is None or at - above.last > _GAP or sum(it.name == above.name for it in beside) > 1:
        return where
    return _behind_whole(replace(where, insert="after", definition=above.name), defined)


def _behind_whole(where: Place, defined: Sequence[Definition]) -> Place:
    ends = {item.name: item.last for item in defined}
    name = where.definition
    while (owner := name.rpartition(".")[0]) in ends and ends[owner] == ends.get(name):
        name = owner
    return replace(where, definition=name)
