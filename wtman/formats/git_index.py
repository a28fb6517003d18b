"""The paths that a git index names, in its versions 2 to 4 (gitformat-index(5))."""

import struct

_EXTENDED = 0x4000
_FACTS = 40  # bytes of file times, mode, owner and size before the object name


def index_paths(data: bytes, oid_size: int) -> tuple[bytes, ...]:
    """The paths of all entries, as bytes; what is no index, or half of one, has none.

    `oid_size` is the bytes of an object name: 20, or 32 where the repository uses SHA-256.
    """
    if len(data) < 12 or data[:4] != b"DIRC":
        return ()
    version, count = struct.unpack(">II", data[4:12])
    if version not in (2, 3, 4):
        return ()
    found: list[bytes] = []
    place, before = 12, b""
    for _ in range(count):
        begin = place
        place += _FACTS + oid_size + 2
        if place > len(data):
            return ()
        (flags,) = struct.unpack(">H", data[place - 2 : place])
        place += 2 if flags & _EXTENDED and version > 2 else 0
        kept = b""
        if version == 4:
            strip, place = _number(data, place)
            kept = before[: max(len(before) - strip, 0)]
        end = data.find(b"\0", place)
        if end < 0:
            return ()
        before = kept + data[place:end]
        found.append(before)
        # Up to version 3 an entry is filled up to a multiple of eight bytes.
        place = end + 1 if version == 4 else begin + (end - begin + 8) // 8 * 8
    return tuple(found)


def _number(data: bytes, place: int) -> tuple[int, int]:
    """A number of variable length, as in packs, and the place behind it."""
    value = 0
    for step, byte in enumerate(data[place : place + 10], start=1):
        value = (value << 7) | (byte & 0x7F)
        if not byte & 0x80:
            return value, place + step
        value += 1
    return 0, len(data)
