"""Two insertions at one place, both kept: a candidate that the checks have to judge.

Promises a text only where every clash of the file is two pure insertions: each is in it
whole, ours first, and nothing that either side removed or edited. Refuses binary
files, files whose last line has no end, what `.gitattributes` of the target
keeps from being merged as text (`-merge`, `binary`, a driver of its own), and Python,
JSON or TOML that would not parse although both sides do.
"""

import os
import warnings
from collections.abc import Callable, Iterable, Sequence

from wtman.git.changes import Change, Entry
from wtman.git.control_dir import call, oid, scratch, scratch_file
from wtman.git.draft import Draft
from wtman.git.merging import Merged, Torn
from wtman.git.objects import Objects, Unusual

_CAP = 1 << 20
_WIDTH = 61  # of a conflict marker: no line of a file looks like one by chance
_TEXT = (b"unspecified", b"set", b"text", b"union")


class Union:
    """The rung for one assembly; `on` is the target, whose attributes count."""

    def __init__(self, objects: Objects, on: str) -> None:
        self._objects = objects
        self._ctl = objects.ctl
        self._on = on
        self._allowed: dict[bytes, bool] = {}
        self._texts: dict[tuple[str, str, str, str], bytes | None] = {}

    def join_many(self, several: Sequence[Merged]) -> tuple[tuple[Merged, tuple[bytes, ...]], ...]:
        """Each merge, with the paths where both insertions were kept if that made it clean."""
        self._look(dict.fromkeys(torn.path for merged in several for torn in merged.torn))
        return tuple(self._joined(merged) for merged in several)

    def _joined(self, merged: Merged) -> tuple[Merged, tuple[bytes, ...]]:
        texts: list[tuple[Torn, bytes]] = []
        for torn in merged.torn:
            text = self._text(torn) if self._allowed[torn.path] else None
            if text is None:
                return merged, ()
            texts.append((torn, text))
        if not texts:
            return merged, ()
        try:
            draft = Draft(merged.marked, self._objects)
            draft.apply(
                [
                    Change(torn.path, None, Entry(torn.mode, self._objects.add("blob", text)))
                    for torn, text in texts
                ]
            )
        except Unusual:
            return merged, ()
        return Merged(draft.tree()), tuple(torn.path for torn, _ in texts)

    def _look(self, paths: Iterable[bytes]) -> None:
        """Ask git what the target's attributes say of these paths."""
        new = [path for path in paths if path not in self._allowed]
        if not new:
            return
        with scratch_file(self._ctl) as index:
            call(self._ctl, ["read-tree", oid(self._on)], index=index)
            args = ["check-attr", "--cached", "-z", "--stdin", "merge"]
            out = call(self._ctl, args, index=index, input=b"".join(p + b"\0" for p in new)).out
        words = out.split(b"\0")
        for path, value in zip(words[0:-1:3], words[2:-1:3], strict=True):
            self._allowed[path] = value in _TEXT

    def _text(self, torn: Torn) -> bytes | None:
        suffix = os.path.splitext(torn.path)[1].decode("ascii", "replace").lower()
        key = (*torn.sides, suffix)
        if key not in self._texts:
            base, ours, theirs = self._blobs(torn.sides)
            joined = self._merged(base, ours, theirs)
            if joined is not None and not parses(suffix, joined, (ours, theirs)):
                joined = None
            self._texts[key] = joined
        return self._texts[key]

    def _blobs(self, names: tuple[str, str, str]) -> tuple[bytes, bytes, bytes]:
        self._objects.spill()
        script = "".join(f"{name}\n" for name in names).encode()
        asked = call(self._ctl, ["cat-file", "--batch-check=%(objectsize)"], input=script).out
        if any(int(size) > _CAP for size in asked.split()):
            return b"\0", b"\0", b"\0"
        out = call(self._ctl, ["cat-file", "--batch=%(objectsize)"], input=script).out
        found, at = [], 0
        for _ in names:
            end = out.index(b"\n", at)
            size = int(out[at:end])
            found.append(out[end + 1 : end + 1 + size])
            at = end + 2 + size
        base, ours, theirs = found
        return base, ours, theirs

    def _merged(self, base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
        sides = (ours, base, theirs)
        marks = tuple(bytes((sign,)) * _WIDTH for sign in b"<|=>")
        for side in sides:
            if b"\0" in side or not side.endswith(b"\n") or any(mark in side for mark in marks):
                return None
        args = ["merge-file", "-p", "--diff3", f"--marker-size={_WIDTH}"]
        with scratch(self._ctl) as folder:
            for name, side in zip(("ours", "base", "theirs"), sides, strict=True):
                path = os.path.join(folder, name)
                with open(path, "wb") as file:
                    file.write(side)
                args.append(path)
            answer = call(self._ctl, args, ok=tuple(range(128)))
        return both(answer.out, marks)


def both(marked: bytes, marks: Sequence[bytes]) -> bytes | None:
    """The text with the insertions of both sides, None where a clash is anything else.

    `marks` begin the lines that open ours, the base, theirs, and that end the clash.
    """
    out: list[bytes] = []
    base: list[bytes] = []
    place = out
    for line in marked.splitlines(keepends=True):
        head = next((mark for mark in marks if line.startswith(mark)), b"")
        if not head:
            place.append(line)
        elif head == marks[1]:
            place = base
        else:
            place = out
        if base:
            return None
    return b"".join(out)


def parses(suffix: str, joined: bytes, sides: Sequence[bytes]) -> bool:
    """Whether the joined text is as well-formed as the sides are."""
    read = _READERS.get(suffix)
    return read is None or _reads(read, joined) or not all(_reads(read, side) for side in sides)


def _reads(read: Callable[[bytes], object], content: bytes) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _python(content: bytes) -> object:
    import ast

    return ast.parse(content)


def _json(content: bytes) -> object:
    import json

    return json.loads(content)


def _toml(content: bytes) -> object:
    import tomllib

    return tomllib.loads(content.decode())


_READERS: dict[str, Callable[[bytes], object]] = {
    ".py": _python,
    ".pyi": _python,
    ".json": _json,
    ".toml": _toml,
}
