"""Git's objects as bytes: trees and commits written the way git writes them, and read.

Refuses trees that git reads but would not write again (`Unusual`): whoever meets one takes
the long way.
"""

import struct
import zlib
from collections.abc import Mapping, Sequence

from wtman.model.changes import FOLDER, Entry

_KINDS = {"commit": 1, "tree": 2, "blob": 3}
_MODES = frozenset({FOLDER, "100644", "100755", "120000", "160000"})
_NAMED = (b"tr", b"pa")  # the lines of a commit that name a tree or a parent


class Unusual(Exception):
    """A tree that is not in the form in which git writes trees."""


def write_tree(entries: Mapping[bytes, Entry]) -> bytes:
    """A tree of these entries, in the order that git wants."""
    names = sorted(entries, key=lambda name: name + b"/" * entries[name].is_folder)
    return b"".join(
        # In a tree a mode has no leading zero.
        b"%s %s\0" % (entries[name].mode.lstrip("0").encode(), name)
        + bytes.fromhex(entries[name].oid)
        for name in names
    )


def read_tree(content: bytes, size: int) -> dict[bytes, Entry]:
    """The entries of a tree; `size` is the length of a name of an object in bytes."""
    found: dict[bytes, Entry] = {}
    at = 0
    try:
        while at < len(content):
            space = content.index(b" ", at)
            end = content.index(b"\0", space)
            mode, name = content[at:space], content[space + 1 : end]
            entry = Entry(mode.decode().zfill(6), content[end + 1 : end + 1 + size].hex())
            if mode.startswith(b"0") or entry.mode not in _MODES or name in found:
                raise Unusual(name)
            found[name] = entry
            at = end + 1 + size
    except ValueError as error:
        raise Unusual from error
    return found


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
    found: list[str] = []
    at = 0
    while kind == "tree" and at < len(content):
        end = content.index(b"\0", at)
        found.append(content[end + 1 : end + 1 + size].hex())
        at = end + 1 + size
    return found


def write_pack(objects: Mapping[str, tuple[str, bytes]]) -> bytes:
    """A pack of whole objects (name: kind, content), but for the digest at its end."""
    parts = [b"PACK", struct.pack(">II", 2, len(objects))]
    for name in sorted(objects):
        kind, content = objects[name]
        parts += [_pack_head(_KINDS[kind], len(content)), zlib.compress(content, 1)]
    return b"".join(parts)


def _pack_head(kind: int, size: int) -> bytes:
    """Type and size as a pack has them: 4 bits of the size, then 7 a byte."""
    first, size = (kind << 4) | (size & 15), size >> 4
    out = bytearray()
    while size:
        out.append(first | 0x80)
        first, size = size & 0x7F, size >> 7
    out.append(first)
    return bytes(out)
