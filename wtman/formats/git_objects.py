"""Git's objects as bytes: trees and commits written the way git writes them, and read.

Refuses trees that git reads but would not write again (`Unusual`): whoever meets one takes
the long way.
"""

import re
import struct
import zlib
from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence, Set

from wtman.model.changes import FOLDER, Entry

_KINDS = {"commit": 1, "tree": 2, "blob": 3}
_DELTA = 7  # of an object that is named
_DEEPEST = 50  # deltas in a line, as git has it
_MODES = frozenset({FOLDER, "100644", "100755", "120000", "160000"})
_NAMED = (b"tr", b"pa")  # the lines of a commit that name a tree or a parent
_LINES = {size: re.compile(rb"(\d+) ([^\0]+)\0(.{%d})" % size, re.DOTALL) for size in (20, 32)}
_NAMES = {size: re.compile(rb"\d+ [^\0]+\0(.{%d})" % size, re.DOTALL) for size in (20, 32)}


class Unusual(Exception):
    """A tree that is not in the form in which git writes trees."""


class TreeLines:
    """The lines of a tree as git stores them, in its order; changed one at a time.

    A line is named after its entry, a folder's with a slash behind: so git sorts them.
    """

    __slots__ = ("_lines", "_order")

    def __init__(self, lines: dict[bytes, bytes], order: list[bytes]) -> None:
        self._lines = lines
        self._order = order

    def copy(self) -> "TreeLines":
        return TreeLines(self._lines.copy(), self._order.copy())

    def __len__(self) -> int:
        return len(self._order)

    def at(self, name: bytes) -> Entry | None:
        line = self._lines.get(name) or self._lines.get(name + b"/")
        if line is None:
            return None
        at = line.index(b" ")
        return Entry(line[:at].decode().zfill(6), line[at + len(name) + 2 :].hex())

    def put(self, name: bytes, entry: Entry) -> None:
        """Have this entry under the name, whatever was there."""
        key, other = (name, name + b"/")[:: -1 if entry.is_folder else 1]
        self._drop(other)
        if key not in self._lines:
            insort(self._order, key)
        # In a tree a mode has no leading zero.
        mode = entry.mode.lstrip("0").encode()
        self._lines[key] = b"%s %s\0%s" % (mode, name, bytes.fromhex(entry.oid))

    def drop(self, name: bytes) -> None:
        self._drop(name)
        self._drop(name + b"/")

    def _drop(self, key: bytes) -> None:
        if self._lines.pop(key, None) is not None:
            del self._order[bisect_left(self._order, key)]

    def content(self) -> bytes:
        return b"".join(map(self._lines.__getitem__, self._order))


def tree_lines(content: bytes, size: int) -> TreeLines:
    """A tree read; `size` is the length of a name of an object in bytes."""
    lines: dict[bytes, bytes] = {}
    length = 0
    for found in _LINES[size].finditer(content):
        line, mode, name = found.group(0, 1, 2)
        length += len(line)
        text = mode.decode().zfill(6)
        if mode.startswith(b"0") or text not in _MODES or name in lines or name + b"/" in lines:
            raise Unusual(name)
        lines[name + b"/" if text == FOLDER else name] = line
    if length != len(content):
        raise Unusual
    return TreeLines(lines, sorted(lines))


def write_tree(entries: Mapping[bytes, Entry]) -> bytes:
    """A tree of these entries, in the order that git wants."""
    made = TreeLines({}, [])
    for name, entry in entries.items():
        made.put(name, entry)
    return made.content()


def write_commit(
    tree: str, parents: Sequence[str], message: bytes, author: bytes, committer: bytes
) -> bytes:
    lines = [b"tree " + tree.encode()]
    lines += [b"parent " + parent.encode() for parent in dict.fromkeys(parents)]
    lines += [b"author " + author, b"committer " + committer, b"", message]
    return b"\n".join(lines)


def named_in(kind: str, content: bytes, size: int) -> list[str]:
    """The objects that an object names, the tree of a commit first."""
    if kind == "commit":
        lines = content.partition(b"\n\n")[0].split(b"\n")
        return [line[line.index(b" ") + 1 :].decode() for line in lines if line[:2] in _NAMED]
    return [name.hex() for name in _NAMES[size].findall(content)] if kind == "tree" else []


def named_of(content: bytes, size: int, names: Set[bytes]) -> list[bytes]:
    """Those of the `names`, as bytes, that a tree has."""
    return [name for name in _NAMES[size].findall(content) if name in names]


def write_pack(
    objects: Mapping[str, tuple[str, bytes]], near: Mapping[str, str] | None = None
) -> bytes:
    """A pack of objects (name: kind, content), but for the digest at its end.

    `near` names for an object one of its kind that is much alike: if that is in the pack,
    only the difference is.
    """
    parts = [b"PACK", struct.pack(">II", 2, len(objects))]
    depth = _depths(objects, near or {})
    for name, (kind, content) in objects.items():
        if depth[name]:
            base = (near or {})[name]
            body = delta(objects[base][1], content)
            parts += [_pack_head(_DELTA, len(body)), bytes.fromhex(base), zlib.compress(body, 1)]
        else:
            parts += [_pack_head(_KINDS[kind], len(content)), zlib.compress(content, 1)]
    return b"".join(parts)


def _depths(objects: Mapping[str, tuple[str, bytes]], near: Mapping[str, str]) -> dict[str, int]:
    """How many differences lead to each object; it is whole where none does."""
    depth: dict[str, int] = {}
    for name in objects:
        line: dict[str, None] = {}
        at = name
        while at in objects and at not in depth and at not in line:
            line[at] = None
            at = near.get(at, "")
        known = depth.get(at, -1)  # also where the line leads back to itself
        for item in reversed(line):
            known = known + 1 if known < _DEEPEST else 0
            depth[item] = known
    return depth


def delta(old: bytes, new: bytes) -> bytes:
    """How `new` is made of `old`: what both begin and end with is copied, the rest is told."""
    head = _common(old, new, min(len(old), len(new)))
    most = min(len(old), len(new)) - head
    tail = _common(old[::-1], new[::-1], most)
    parts = [_varint(len(old)), _varint(len(new)), *_copied(0, head)]
    told = new[head : len(new) - tail]
    for at in range(0, len(told), 127):
        piece = told[at : at + 127]
        parts += [bytes((len(piece),)), piece]
    return b"".join([*parts, *_copied(len(old) - tail, tail)])


def _common(one: bytes, two: bytes, most: int) -> int:
    """How many bytes both begin with, at most so many."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == two[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _copied(start: int, size: int) -> Iterator[bytes]:
    """The instructions that copy so much from there; one takes at most 64 KiB."""
    for at in range(start, start + size, 0xFFFF):
        many = min(0xFFFF, start + size - at)
        told = at.to_bytes(4, "little") + many.to_bytes(2, "little")
        used = [number for number, byte in enumerate(told) if byte]
        yield bytes((0x80 | sum(1 << number for number in used), *(told[n] for n in used)))


def _varint(size: int) -> bytes:
    out = bytearray()
    while size > 0x7F:
        out.append(size & 0x7F | 0x80)
        size >>= 7
    out.append(size)
    return bytes(out)


def _pack_head(kind: int, size: int) -> bytes:
    """Type and size as a pack has them: 4 bits of the size, then 7 a byte."""
    first, size = (kind << 4) | (size & 15), size >> 4
    out = bytearray()
    while size:
        out.append(first | 0x80)
        first, size = size & 0x7F, size >> 7
    out.append(first)
    return bytes(out)
