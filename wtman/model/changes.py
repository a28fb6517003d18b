"""What git says of trees, commits and the differences between them, as values."""

from collections.abc import Sequence
from dataclasses import dataclass

from wtman.model.ids import Sha
from wtman.model.plan import Identity


@dataclass(frozen=True, slots=True)
class Commit:
    parents: tuple[Sha, ...]
    author: Identity
    text: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as a tree names it; `mode` in six digits."""

    mode: str
    oid: str

    @property
    def regular(self) -> bool:
        return self.mode.startswith("100")


@dataclass(frozen=True, slots=True)
class Change:
    """One path of two trees; None where it is not there."""

    path: str
    old: Entry | None
    new: Entry | None


Pair = tuple[str, str]  # names of two contents, "" for none


Lines = Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Span:
    """old[a0:a1] became new[b0:b1]."""

    a0: int
    a1: int
    b0: int
    b1: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """A file before and after, and the hunks between: in order, never touching each other."""

    old: Lines
    new: Lines
    spans: tuple[Span, ...]

    @property
    def turned(self) -> "Comparison":
        """The other way round."""
        spans = tuple(Span(item.b0, item.b1, item.a0, item.a1) for item in self.spans)
        return Comparison(self.new, self.old, spans)


@dataclass(frozen=True, slots=True)
class Edit:
    """One path after the session; `mode` as in a tree of git, empty where it is gone."""

    path: str
    mode: str = ""
    content: bytes = b""
