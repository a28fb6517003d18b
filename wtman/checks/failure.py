"""One failure that a program told of, and the ways to find where it begins and ends.

Pure. Lines are cleaned of colours and controls before they come here.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum

from wtman.model.values import dataclass
from wtman.text.late_pattern import late

Lines = Sequence[str]

_LONGEST = 80  # lines of one failure that are looked at
# Files that are a language's own or installed: nothing of them says what is wrong here.
FOREIGN = late(
    r"site-packages|dist-packages|/lib/python3|<frozen |node_modules|node:|/lib/go|/usr/lib/"
    r"|/rustc/|\.cargo/registry|/gems/|/vendor/|\bat (?:\w+//)?"
    r"(?:org\.(?:junit|gradle|apache|opentest4j|testng)|java\.base|java\.|jdk\.|sun\.|Xunit\.|NUnit\.|System\.|Microsoft\.)"
    r"|async Promise|process\.processT|new Promise|<internal:"
)
_RULER = late(r"[\s\^~=_\-⎯─|]*")
PLACE = late(
    r"(?<![\w])(?P<place>(?:[A-Za-z]:)?[\w@.+/\\-]*[\w@+-]\.\w+:(?:line )?\d+(?::\d+)?)(?![\w.])"
)


class Rank(IntEnum):
    """How much a kind of line says: where a better one is found the others are not shown."""

    FAILURE = 0  # a failed test, a compiler's error
    CRASH = 1  # what ended a program
    LIST = 2  # the name of what failed, without a reason
    ERROR = 3  # a line that calls itself an error
    WEAK = 4  # somebody who only passes it on


@dataclass(frozen=True, slots=True)
class Failure:
    """`lines` tell all of it, `why` is its reason; `name` is a test's, `place` a file's line."""

    at: int  # the number of the line where it begins
    lines: tuple[str, ...]
    why: str
    name: str = ""
    place: str = ""
    rank: Rank = Rank.FAILURE

    @property
    def line(self) -> str:
        """All of it on one line."""
        if self.place and self.place in self.why:
            return self.why
        said = self._said
        if self.place:
            return f"{said} ({self.place})"
        return f"{self.name}: {said}" if self.name and self.name not in said else said

    @property
    def named(self) -> str:
        """All of it on one line that begins with the test."""
        if not self.name or not self.place or self.name in self.why:
            return self.line
        if self.place in self.why:
            return f"{self.name}: {self.why}"
        return f"{self.name}: {self._said} ({self.place})"

    @property
    def _said(self) -> str:
        said = re.sub(r"^AssertionError: (?=assert )", "", self.why)
        return re.sub(r" // (?:Object\.is|deep) equality$", "", said)


def blocks(
    lines: Lines, begin: re.Pattern[str], end: re.Pattern[str]
) -> Iterator[tuple[int, re.Match[str], Lines]]:
    """From each line that `begin` matches to before the next one, or before `end`."""
    at = 0
    while at < len(lines):
        match = begin.match(lines[at])
        at += 1
        if match is None:
            continue
        start = at
        while at < len(lines) and not begin.match(lines[at]) and not end.match(lines[at]):
            at += 1
        yield start - 1, match, lines[start : min(at, start + _LONGEST)]


def telling(body: Iterable[str], noise: re.Pattern[str]) -> tuple[str, ...]:
    """The lines without rulers, `noise`, and places that are not of this repository."""
    return tuple(
        line
        for line in body
        if not _RULER.fullmatch(line) and not noise.search(line) and not FOREIGN.search(line)
    )


def place_of(lines: Iterable[str], last: bool = False) -> str:
    """The first (or last) place in a file that is of the repository; empty: none is named."""
    found = ""
    for line in lines:
        match = None if FOREIGN.search(line) else PLACE.search(line.replace("file://", " "))
        if match is not None:
            found = match["place"]
            if not last:
                break
    return found.replace(":line ", ":")
