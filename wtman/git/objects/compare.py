"""Trees and contents compared for a proof: two questions, two processes, however many members.

Promises to ask git about every object anew, and not the memory of whoever made it; and
to compare lines the way git merges them, so that the two agree on which lines changed.
"""

import os
import re
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from hashlib import sha1, sha256

from wtman.errors import ExternalError
from wtman.git.control_dir import Control, call, oid, scratch
from wtman.git.run import text
from wtman.model.changes import Change, Comparison, Entry, Pair, Span
from wtman.model.ids import Sha

# What merge-ort compares by. The context is all there is, so that both files can be read
# off the answer; with none git would cut common ends before it looks for the difference.
_LIKE_A_MERGE = ["--diff-algorithm=histogram", "--no-indent-heuristic", "-U999999999"]
_PLAIN = ["--no-renames", "--no-ext-diff", "--no-textconv", "--no-color", "--submodule=short"]
_HEAD = re.compile(rb"^diff --git a/(\d{8}) b/\d{8}\n", re.MULTILINE)
_HUNK = re.compile(rb"^@@ -[^\n]*\n", re.MULTILINE)
_BINARY = re.compile(rb"^Binary files ", re.MULTILINE)
_LINE = re.compile(rb"[^\n]*\n")
_RUN = re.compile(rb"[-+\\]+")  # in the marks of lines: gone, came, or a note on its end
_NOTE = re.compile(rb"\\")
_GONE, _CAME = b"-+"


def trees(ctl: Control, commits: Sequence[str]) -> tuple[Sha, ...]:
    """The trees of commits, as git has them now."""
    script = "".join(oid(item) + "^{tree}\n" for item in commits).encode()
    out = call(ctl, ["cat-file", "--batch-check=%(objectname) %(objecttype)"], input=script).out
    found = []
    for item, line in zip(commits, out.decode("ascii", "replace").splitlines(), strict=True):
        name, _, kind = line.partition(" ")
        if kind != "tree":
            raise ExternalError(f"{item} is no commit of this repository")
        found.append(Sha(name))
    return tuple(found)


def changes(ctl: Control, pairs: Collection[Pair]) -> dict[Pair, tuple[Change, ...]]:
    """Every path that differs between the two trees of each pair."""
    found: dict[Pair, tuple[Change, ...]] = dict.fromkeys(pairs, ())
    asked = [pair for pair in found if pair[0] != pair[1]]
    if not asked:
        return found
    headers = [f"{oid(a)} {oid(b)}\n".encode() for a, b in asked]
    args = ["diff-tree", "--stdin", "-r", "-z", "--raw", "--no-renames", "--no-abbrev"]
    out = call(ctl, args, input=b"".join(headers)).out
    at = 0
    for pair, header in zip(asked, headers, strict=True):
        if not out.startswith(header, at):
            raise ExternalError("git diff-tree answered in an order it was not asked in")
        found[pair], at = _records(out, at + len(header))
    return found


def _records(out: bytes, at: int) -> tuple[tuple[Change, ...], int]:
    """The records from `at` on: `:old-mode new-mode old new status NUL path NUL`."""
    found = []
    while out.startswith(b":", at):
        middle = out.index(b"\0", at)
        end = out.index(b"\0", middle + 1)
        old_mode, new_mode, old, new, _ = out[at + 1 : middle].decode().split(" ")
        path = text(out[middle + 1 : end])
        found.append(Change(path, _entry(old_mode, old), _entry(new_mode, new)))
        at = end + 1
    return tuple(found), at


def _entry(mode: str, name: str) -> Entry | None:
    return Entry(mode, name) if mode.strip("0") else None


def contents(ctl: Control, pairs: Collection[Pair]) -> Mapping[Pair, Comparison | None]:
    """Each pair of blobs (or "" for no file), line by line; None where one is no text."""
    ordered = sorted(pairs)
    if not ordered:
        return {}
    with scratch(ctl) as objects:
        # Of one side there may be nothing, so both say which names this repository has.
        size = max(len(name) for pair in ordered for name in pair)
        old = _tree(objects, [pair[0] for pair in ordered], size)
        new = _tree(objects, [pair[1] for pair in ordered], size)
        args = ["-c", "core.attributesFile=/dev/null", "-c", "diff.suppressBlankEmpty=false"]
        args += ["diff-tree", "-r", "-p", "--full-index", *_LIKE_A_MERGE, *_PLAIN, old, new]
        out = call(ctl, args, objects=objects).out
    found = {ordered[number]: compared for number, compared in _compared(out)}
    if len(found) != len(ordered):
        raise ExternalError(f"git diff-tree compared {len(found)} of {len(ordered)} contents")
    return found


def _tree(folder: str, names: Sequence[str], size: int) -> str:
    """The name of a tree, written into `folder`, that has these blobs as its files."""
    entries = [
        b"100644 %08d\0" % number + bytes.fromhex(name) for number, name in enumerate(names) if name
    ]
    body = b"".join(entries)
    content = b"tree %d\0" % len(body) + body
    digest = sha256 if size == 64 else sha1
    made = digest(content, usedforsecurity=False).hexdigest()
    place = os.path.join(folder, made[:2])
    os.makedirs(place, exist_ok=True)
    with open(os.path.join(place, made[2:]), "wb") as file:
        file.write(zlib.compress(content, 1))
    return made


def _compared(out: bytes) -> Iterator[tuple[int, Comparison | None]]:
    """Number and comparison of each file; with full context it has one hunk at most."""
    # Every line of a content has a mark before it, so only a head can begin like one.
    heads = list(_HEAD.finditer(out))
    ends = [*(head.start() for head in heads[1:]), len(out)]
    for head, end in zip(heads, ends, strict=True):
        start = _HUNK.search(out, head.end(), end)
        if start is not None:
            yield int(head[1]), _read(out[start.end() : end])
        elif _BINARY.search(out, head.end(), end):
            yield int(head[1]), None
        else:
            yield int(head[1]), Comparison([], [], ())


def _read(body: bytes) -> Comparison:
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
