"""How a scout who knows the patch would name its places, in several ways of speaking."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wtman.model.places import Definition

# new code by its neighbour; by what it goes into; the definition around; git's own hunk headers
WAYS = ("anchor", "in", "enclosing", "header")
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)")
_HEAD = re.compile(
    r"(?:def|class|func|fn|function|struct|impl|trait|enum|interface)\s+(?:\([^)]*\)\s*)?(\w+)"
)
_CALLED = re.compile(r"(\w+)\s*[=(:]")
_NEW = re.compile(
    r"\s*(async def|def|class|func|pub fn|fn|function|export|struct|impl|interface|@)"
)


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines of the base that a patch replaces (none: it adds behind line `first`)."""

    first: int
    count: int
    new_count: int
    header: str
    added: tuple[str, ...] = ()

    @property
    def lines(self) -> str:
        last = self.first + max(self.count, 1) - 1
        return f"@{self.first}" + (f"-{last}" if last > self.first else "")


def hunks(diff: str) -> tuple[Hunk, ...]:
    """Those of a diff of one file without context."""
    found: list[Hunk] = []
    added: list[str] = []
    for line in [*diff.split("\n"), "@@ -0 +0 @@"]:
        if at := _HUNK.match(line):
            if found:
                last = found[-1]
                found[-1] = Hunk(last.first, last.count, last.new_count, last.header, tuple(added))
            added = []
            found.append(Hunk(int(at[1]), int(at[2] or 1), int(at[4] or 1), at[5]))
        elif line.startswith("+"):
            added.append(line[1:])
    return tuple(found[:-1])


def places(
    path: str,
    patch: Sequence[Hunk],
    defined: Sequence[Definition],
    base: Sequence[str],
    way: str,
    lines: bool,
) -> tuple[str, ...]:
    """The places of a patch to one file, as `touches` has them."""
    found: dict[str, None] = {}
    for hunk in patch:
        for where in _of_hunk(hunk, defined, base, way):
            at = hunk.lines if lines and hunk.first else ""
            found[f"{path}::{where}{at}" if where or at else path] = None
    return tuple(found) or (path,)


def _of_hunk(
    hunk: Hunk, defined: Sequence[Definition], base: Sequence[str], way: str
) -> Iterator[str]:
    if way == "header":
        name = _HEAD.search(hunk.header) or _CALLED.search(hunk.header)
        yield name[1] if name else ""
    elif hunk.count:
        around = [
            _around(defined, line, line)
            for line in range(hunk.first, hunk.first + hunk.count)
            if line <= len(base) and base[line - 1].strip()
        ]
        yield from dict.fromkeys(item.name for item in around if item)
        if not around or None in around:
            yield _of_module(hunk.first - 1, defined, way)
    else:
        yield _of_insertion(hunk, defined, base, way)


def _of_insertion(hunk: Hunk, defined: Sequence[Definition], base: Sequence[str], way: str) -> str:
    line = hunk.first
    inner, above = _around(defined, line, line + 1), _around(defined, line, line)
    if inner and not _holds(inner, defined):
        return inner.name
    added = hunk.added[0] if hunk.added else ""
    if above and above is not inner and not _holds(above, defined) and added.strip():
        head = base[above.first - 1]
        if not any(map(_NEW.match, hunk.added)) and _indent(added) > _indent(head):
            return above.name  # more of the function that ends here
    if way == "enclosing":
        return inner.name if inner else ""
    if way == "in" and inner:
        return f"in {inner.name}"
    before = _before(defined, line, inner)
    if way == "in" and before and not any(item.first > line for item in defined):
        return "at end"
    if before:
        return f"after {before.name}"
    return f"in {inner.name}" if inner else "at start"


def _of_module(line: int, defined: Sequence[Definition], way: str) -> str:
    before = _before(defined, line, None)
    if way == "enclosing":
        return ""
    if before is None:
        return "at start"
    if way == "anchor":
        return f"after {before.name}"
    return "" if any(item.first > line for item in defined) else "at end"


def _around(defined: Sequence[Definition], first: int, last: int) -> Definition | None:
    holding = [item for item in defined if item.first <= first and last <= item.last]
    return min(holding, key=lambda item: item.last - item.first) if holding else None


def _holds(item: Definition, defined: Sequence[Definition]) -> bool:
    kinds = ("class", "struct", "enum", "impl", "interface", "trait", "module", "namespace")
    inside = item.name + "."
    return item.kind in kinds or any(other.name.startswith(inside) for other in defined)


def _before(
    defined: Sequence[Definition], line: int, inner: Definition | None
) -> Definition | None:
    """What ends last above a line, the outermost of these."""
    inside = inner.name + "." if inner else ""
    ended = [item for item in defined if item.last <= line and item.name.startswith(inside)]
    return max(ended, key=lambda item: (item.last, item.last - item.first)) if ended else None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
