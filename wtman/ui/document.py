"""A report as values: what it says, before it is Markdown, HTML or a line of a terminal.

Pure. A `Line` is made of pieces, whose text is foreign and not escaped: each printer does that
in its own way.
"""

from collections.abc import Iterable, Sequence

from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """Words in one style: plain, code, strong, good, bad, warn or badge.

    A badge has a `kind` of its own; `to` names the card that it leads to.
    """

    text: str
    style: str = ""
    kind: str = ""
    to: str = ""


Line = tuple[Words, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Lines that stand side by side."""

    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; the last `numbers` columns are numbers."""

    head: Sequence[str]
    rows: Sequence[Sequence[Line]]
    numbers: int = 0


@dataclass(frozen=True, slots=True)
class Verbatim:
    """The last lines of an output, or a command to copy (`runs`).

    With `telling` lines these are shown, and the rest is folded; `shown` is the command that
    prints all of it.
    """

    text: str
    runs: bool = False
    telling: Sequence[str] = ()
    shown: str = ""

    @property
    def folds(self) -> bool:
        """Whether there is more than the telling lines."""
        return bool(self.telling) and len(self.text.splitlines()) > len(self.telling)


@dataclass(frozen=True, slots=True)
class Card:
    """One of several things alike: a finding, a task, an excluded branch."""

    title: Line
    blocks: Sequence["Facts | Table | Verbatim"]
    kind: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    title: str
    blocks: Sequence[Facts | Table | Card]


def line(*parts: str | Words) -> Line:
    """A line of these words, without what is empty."""
    pieces = (part if isinstance(part, Words) else Words(part) for part in parts)
    return tuple(words for words in pieces if words.text)


def joined(lines: Iterable[Line], between: str = ", ") -> Line:
    """One line of several."""
    found: list[Words] = []
    for item in lines:
        found += [Words(between), *item] if found else item
    return tuple(found)


def spans(text: str) -> Line:
    """Words of a sentence in which commands and names stand between backticks, as in Markdown."""
    parts = text.split("`")
    if len(parts) % 2 == 0 or not all(part.strip() for part in parts[1::2]):
        return line(text)
    return line(*(code(part) if at % 2 else part for at, part in enumerate(parts)))


def code(text: str) -> Words:
    return Words(text, "code")


def plain(item: Line) -> str:
    """The words alone."""
    return "".join(words.text for words in item)
