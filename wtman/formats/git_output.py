"""What git prints, as values: paths, the records of diff-tree, and contents compared."""

import re
from collections.abc import Iterator, Sequence

from wtman.errors import ExternalError
from wtman.model.changes import Change, Changes, Comparison, Entry, Span

_PACKED = re.compile(rb"^([^#^\s]\S*) (refs/.*)$", re.MULTILINE)
_SIZED = re.compile(rb"(\d+) \w+ (\w+) +(\d+|-)\t([^\0]*)\0")
_HEAD = re.compile(rb"^diff --git a/(\d{8}) b/\d{8}\n", re.MULTILINE)
_HUNK = re.compile(rb"^@@ -[^\n]*\n", re.MULTILINE)
_BINARY = re.compile(rb"^Binary files ", re.MULTILINE)
_LINE = re.compile(rb"[^\n]*\n")
_RUN = re.compile(rb"[-+\\]+")  # in the marks of lines: gone, came, or a note on its end
_NOTE = re.compile(rb"\\")
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


def comparisons(out: bytes) -> Iterator[tuple[int, Comparison | None]]:
    """Files compared by `diff-tree -p` with all their context; None for one that is no text.

    Each comes with the number that it is called by. With full context it has one hunk at most.
    """
    # Every line of a content has a mark before it, so only a head can begin like one.
    heads = list(_HEAD.finditer(out))
    ends = [*(head.start() for head in heads[1:]), len(out)]
    for head, end in zip(heads, ends, strict=True):
        start = _HUNK.search(out, head.end(), end)
        if start is not None:
            yield int(head[1]), _compared(out[start.end() : end])
        elif _BINARY.search(out, head.end(), end):
            yield int(head[1]), None
        else:
            yield int(head[1]), Comparison([], [], ())


def _compared(body: bytes) -> Comparison:
    """Both files, and where they differ, from the lines of a hunk."""
    lines = _LINE.findall(body)
    marks = bytes([line[0] for line in lines])
    texts = [line[1:] for line in lines]
    for note in _NOTE.finditer(marks):
        texts[note.start() - 1] = texts[note.start() - 1][:-1]
    old: list[bytes] = []
    new: list[bytes] = []
    spans: list[Span] = []
    at = 0
    for run in _RUN.finditer(marks):
        old += texts[at : run.start()]
        new += texts[at : run.start()]
        at = run.end()
        where = (len(old), len(new))
        for number in range(run.start(), at):
            if marks[number] == _GONE:
                old.append(texts[number])
            elif marks[number] == _CAME:
                new.append(texts[number])
        if where != (len(old), len(new)):
            spans.append(Span(where[0], len(old), where[1], len(new)))
    old += texts[at:]
    new += texts[at:]
    return Comparison(old, new, tuple(spans))
