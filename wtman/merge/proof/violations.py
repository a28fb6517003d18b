"""What is wrong with a file that came out otherwise than it must, line by line.

Pure. Names the line, whose it was, and in which step it happened; lines are compared as
a multiset, so that a lost or doubled copy of a common line is seen too.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator

from wtman.merge.proof.blame import ExpectedFile
from wtman.merge.proof.three_way import is_token
from wtman.model.changes import Lines
from wtman.model.ids import TaskId
from wtman.model.values import dataclass
from wtman.text.terminal import clean
from wtman.text.words import printable

_WIDEST = 160
_SAID = {
    "back": "is there although it was removed",
    "twice": "is there once more than anybody wrote it",
    "foreign": "was written by nobody",
    "order": "is not where it was put",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that nobody asked for. `task` is the member with which it happened.

    `kind`: lost, back, twice, foreign, order, mode, clash or tip. `line` is its text, empty
    where it is about the whole file; `owner` is the member whose line it was, empty for
    the target.
    """

    kind: str
    task: TaskId
    path: str
    line: str
    owner: str


def violation_text(item: Violation) -> str:
    """One violation as a sentence."""
    place = f"`{clean(item.path, 200).replace('`', chr(39))}`" if item.path else "the train"
    whose = f"of {item.owner}" if item.owner else "of the target"
    line = f"`{clean(item.line, 120).replace('`', chr(39))}`"
    if item.kind == "tip":
        return f"{item.task or 'the train'}: the commits are not those of the tree that was checked"
    if item.kind == "clash":
        return f"{item.task}: {place} was changed on both sides in one place, and one was chosen"
    if item.kind == "mode":
        return f"{item.task}: {place} has a mode that neither side gave it"
    if item.kind == "lost":
        what = f"line {line}" if item.line else "the file or an empty line of it,"
        return f"{item.task}: {place}: {what} {whose} is gone"
    what = f"line {line}" if item.line else "the file or an empty line of it"
    return f"{item.task}: {place}: {what} {_SAID[item.kind]}"


def shown(line: bytes) -> str:
    """A line of a file as text, cut, without its end."""
    return printable(line.rstrip(b"\r\n").decode("utf-8", "replace"), _WIDEST)


def line_faults(
    task: TaskId,
    path: str,
    wanted: ExpectedFile,
    found: Lines,
    owner: Callable[[int], str],
    removed: Collection[bytes],
) -> Iterator[Violation]:
    """Violations of a file that holds `found`; `removed` are lines that a member took away."""
    if is_token(wanted.lines) or is_token(found):
        yield Violation("foreign", task, path, "", "")
        return
    low, high_wanted, high_found = _differing(wanted.lines, found)
    must, has = wanted.lines[low:high_wanted], found[low:high_found]
    missing, extra = Counter(must), Counter(has)
    missing.subtract(Counter(has))
    extra.subtract(Counter(must))
    clean = True
    for at, line in enumerate(must, start=low):
        if missing[line] > 0:
            missing[line] -= 1
            clean = False
            yield Violation("lost", task, path, shown(line), owner(wanted.owner(at)))
    there = set(wanted.lines)
    for line in has:
        if extra[line] > 0:
            extra[line] -= 1
            clean = False
            kind = "back" if line in removed else "twice" if line in there else "foreign"
            yield Violation(kind, task, path, shown(line), "")
    if clean:
        line = next(iter(must), b"")
        yield Violation("order", task, path, shown(line), owner(wanted.owner(low)))


def _differing(one: Lines, two: Lines) -> tuple[int, int, int]:
    """Where they begin to differ, and behind where they end to, in each."""
    low, short = 0, min(len(one), len(two))
    while low < short and one[low] == two[low]:
        low += 1
    tail = 0
    while tail < short - low and one[-1 - tail] == two[-1 - tail]:
        tail += 1
    return low, len(one) - tail, len(two) - tail
