"""What git says of trees, commits and the differences between them, as values."""

from collections.abc import Iterator, Sequence
from posixpath import splitext

from wtman.model.ids import Sha
from wtman.model.plan import Identity
from wtman.model.values import dataclass

FOLDER = "040000"
_OPAQUE = frozenset(
    ".png .jpg .jpeg .gif .svg .ico .pdf .woff .woff2 .ttf .zip .gz .lock .snap .map .po".split()
)


@dataclass(frozen=True, slots=True)
class Commit:
    parents: tuple[Sha, ...]
    author: Identity
    text: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What a tree names; `mode` in six digits."""

    mode: str
    oid: str

    @property
    def regular(self) -> bool:
        return self.mode.startswith("100")

    @property
    def is_folder(self) -> bool:
        return self.mode == FOLDER


@dataclass(frozen=True, slots=True)
class Change:
    """One path of two trees; None where it is not there."""

    path: str
    old: Entry | None
    new: Entry | None

    @property
    def kind(self) -> str:
        """Git's letter for it: added, deleted, another type of file, modified."""
        if self.old is None or self.new is None:
            return "D" if self.new is None else "A"
        return "M" if self.old.mode[:2] == self.new.mode[:2] else "T"

    @property
    def inside(self) -> bool:
        """A folder in both: something below it changed."""
        return bool(self.old and self.new and self.old.is_folder and self.new.is_folder)


Changes = tuple[Change, ...]
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


@dataclass(frozen=True, slots=True)
class TrackedFile:
    """A tracked file of a commit and its size in bytes."""

    path: str
    size: int

    @property
    def ending(self) -> str:
        return splitext(self.path)[1].lower()

    @property
    def opaque(self) -> bool:
        """Whether nobody writes it by hand: its size says nothing of the work in it."""
        return self.ending in _OPAQUE


@dataclass(frozen=True, slots=True)
class Edit:
    """One path after the session; `mode` as in a tree of git, empty where it is gone."""

    path: str
    mode: str = ""
    content: bytes = b""


def meeting(groups: Sequence[Sequence[Changes]]) -> list[tuple[int, int]]:
    """Pairs of groups that change one path, or one a path above or below the other's.

    Folders count only where they came, went or turned into something else.
    """
    touched = [
        {change.path for part in group for change in part if not change.inside} for group in groups
    ]
    where: dict[str, list[int]] = {}
    for number, paths in enumerate(touched):
        for path in paths:
            where.setdefault(path, []).append(number)
    found: set[tuple[int, int]] = set()
    for number, paths in enumerate(touched):
        for place in {place for path in paths for place in (path, *above(path))}:
            for other in where.get(place, ()):
                if other != number:
                    found.add((min(number, other), max(number, other)))
    return sorted(found)


def above(path: str) -> Iterator[str]:
    """The folders that a path is in, the nearest first."""
    cut = path.rfind("/")
    while cut > 0:
        yield path[:cut]
        cut = path.rfind("/", 0, cut)
