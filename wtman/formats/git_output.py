"""What git prints, as values: paths, the records of diff-tree, and contents compared."""

import re
from collections.abc import Iterator, Sequence

from wtman.errors import ExternalError
from wtman.model.changes import Change, Changes, Comparison, Entry, Lines, Span
from wtman.model.values import dataclass

_PACKED = re.compile(rb"^([^#^\s]\S*) (refs/.*)$", re.MULTILINE)
_SIZED = re.compile(rb"(\d+) \w+ (\w+) +(\d+|-)\t([^\0]*)\0")
_HEAD = re.compile(rb"^diff --git a/(\d{8}) b/\d{8}\n", re.MULTILINE)
_HUNK = re.compile(rb"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@[^\n]*\n", re.MULTILINE)
_SIMPLE = re.compile(
    rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@[^\n]*\n"
    rb"( [^\n]*\n)?(?:-[^\n]*\n)*((?:\+[^\n]*\n)*)( [^\n]*\n)?(?=@@ |diff |\Z)"
)
_BINARY = re.compile(rb"^Binary files ", re.MULTILINE)
_LINE = re.compile(rb"[^\n]*\n")
_RUN = re.compile(rb"[-+\\]+")  # in the marks of lines: gone, came, or a note on its end
_GONE, _CAME = b"-+"


def text(raw: bytes) -> str:
    """A path as text that `raw` turns back into the very same bytes."""
    return raw.decode("utf-8", "surrogateescape")


def raw(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def packed_refs(content: bytes) -> dict[str, str]:
    """What a `packed-refs` file says of each ref; comments and what tags lead to left out."""
    return {text(ref): text(value) for value, ref in _PACKED.findall(content)}


def tree_lines(out: bytes) -> Iterator[tuple[str, Entry, int]]:
    """What `ls-tree -z` lists: path, entry, and the size in bytes where `-l` asked for it."""
    for line in out.split(b"\0"):
        facts, tab, path = line.partition(b"\t")
        if tab:
            mode, _, oid, *size = facts.decode().split()
            yield text(path), Entry(mode, oid), int(size[0]) if size and size[0].isdigit() else 0


def tree_sizes(out: bytes) -> Iterator[tuple[bytes, bytes, bytes, int]]:
    """What `ls-tree -l -z` lists, for many files quickly: path, mode, name and size in bytes."""
    for mode, oid, size, path in _SIZED.findall(out):
        yield path, mode, oid, int(size) if size != b"-" else 0


def raw_changes(out: bytes, headers: Sequence[bytes]) -> Iterator[Changes]:
    """The answers of `diff-tree --stdin --raw -z`, each behind the line that asked for it.

    A record is `:old-mode new-mode old new status NUL path NUL`.
    """
    at = 0
    for header in headers:
        if not out.startswith(header, at):
            raise ExternalError("git diff-tree answered in an order it was not asked in")
        at += len(header)
        found = []
        while out.startswith(b":", at):
            middle = out.index(b"\0", at)
            end = out.index(b"\0", middle + 1)
            old_mode, new_mode, old, new, _ = out[at + 1 : middle].decode().split(" ")
            path = text(out[middle + 1 : end])
            found.append(Change(path, _entry(old_mode, old), _entry(new_mode, new)))
            at = end + 1
        yield tuple(found)


def _entry(mode: str, oid: str) -> Entry | None:
    return Entry(mode, oid) if mode.strip("0") else None


@dataclass(frozen=True, slots=True)
class TextDiff:
    """The hunks between two texts, and the lines that each has in the second."""

    spans: tuple[Span, ...]
    added: tuple[Lines, ...]

    def applied(self, old: Lines) -> Comparison:
        """Both texts, of the first. ExternalError where it is not the one of the hunks."""
        new: list[bytes] = []
        at = 0
        for span, lines in zip(self.spans, self.added, strict=True):
            new += old[at : span.a0]
            if len(new) != span.b0 or span.a1 > len(old):
                raise ExternalError("git diff-tree compared another content than the one read")
            new += lines
            at = span.a1
        new += old[at:]
        return Comparison(old, new, self.spans)


def text_diffs(out: bytes) -> Iterator[tuple[int, TextDiff | None]]:
    """Files compared by `diff-tree -p`; None for one that is no text.

    Each comes with the number that it is called by.
    """
    # Every line of a content has a mark before it, so only a head can begin like one.
    heads = list(_HEAD.finditer(out))
    ends = [*(head.start() for head in heads[1:]), len(out)]
    for head, end in zip(heads, ends, strict=True):
        if _HUNK.search(out, head.end(), end) is None and _BINARY.search(out, head.end(), end):
            yield int(head[1]), None
        else:
            yield int(head[1]), _hunks(out, head.end(), end)


def lines_of(content: bytes) -> list[bytes]:
    """The lines of a text with their ends; the last may have none."""
    lines = content.split(b"\n")
    last = lines.pop()
    return [line + b"\n" for line in lines] + ([last] if last else [])


def _hunks(out: bytes, start: int, end: int) -> TextDiff:
    first = _HUNK.search(out, start, end)
    if first is None:
        return TextDiff((), ())
    return _simple_hunks(out, first.start(), end) or _any_hunks(out, first.start(), end)


def _simple_hunks(out: bytes, start: int, end: int) -> TextDiff | None:
    """Hunks with one change each between whole lines, which most are: quickly; else None."""
    spans: list[Span] = []
    added: list[Lines] = []
    at = start
    for hunk in _SIMPLE.finditer(out, start, end):
        if hunk.start() != at:
            return None
        at = hunk.end()
        a, many_old, b, many_new, before, came, behind = hunk.groups()
        context = (before is not None) + (behind is not None)
        gone = (int(many_old) if many_old else 1) - context
        new = (int(many_new) if many_new else 1) - context
        a0, b0 = int(a) - (gone + context > 0), int(b) - (new + context > 0)
        a0, b0 = a0 + (before is not None), b0 + (before is not None)
        spans.append(Span(a0, a0 + gone, b0, b0 + new))
        added.append([line[1:] for line in _LINE.findall(came)])
    return TextDiff(tuple(spans), tuple(added)) if at == end else None


def _any_hunks(out: bytes, start: int, end: int) -> TextDiff:
    spans: list[Span] = []
    added: list[Lines] = []
    heads = list(_HUNK.finditer(out, start, end))
    ends = [*(head.start() for head in heads[1:]), end]
    for head, stop in zip(heads, ends, strict=True):
        a, many_old, b, many_new = (int(word) if word else 1 for word in head.groups())
        # Of no lines git tells the one before.
        at, to = a - (many_old > 0), b - (many_new > 0)
        lines = _LINE.findall(out, head.end(), stop)
        marks = bytes([line[0] for line in lines])
        done = 0
        for run in _RUN.finditer(marks):
            at, to = at + run.start() - done, to + run.start() - done
            done = run.end()
            came = []
            gone = 0
            for number in range(run.start(), done):
                mark = marks[number]
                if mark == _CAME:
                    came.append(lines[number][1:])
                elif mark == _GONE:
                    gone += 1
                elif number and marks[number - 1] == _CAME:
                    came[-1] = came[-1][:-1]  # its end is none
            if gone or came:
                spans.append(Span(at, at + gone, to, to + len(came)))
                added.append(came)
            at, to = at + gone, to + len(came)
    return TextDiff(tuple(spans), tuple(added))
