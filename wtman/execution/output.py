"""What a program under a keeper says, and how it ended."""

import json
import os
import shutil
from contextlib import suppress
from typing import BinaryIO

from wtman import files
from wtman.formats.codec import from_plain
from wtman.model.command import Exit

PACKED = ".gz"
_WORTH = 64 << 10  # bytes: what is smaller is not compressed
_PIECE = 1 << 20
_LINE_MOST = 8 << 20


def started(folder: str) -> bool:
    """Whether the program of this Work may have run: its keeper had opened its output."""
    return os.path.exists(os.path.join(folder, "stdout"))


def stream(path: str) -> BinaryIO:
    """What a program said, also where it was packed since. FileNotFoundError: it said nothing."""
    try:
        return open(path, "rb")
    except FileNotFoundError:
        import gzip

        return gzip.open(path + PACKED)  # type: ignore[return-value]


def pack(path: str) -> None:
    """Compress what a program said, in one step, if that is worth it; `stream` reads it on."""
    if os.path.getsize(path) < _WORTH:
        return
    import gzip

    draft = files.beside(path)
    try:
        with open(path, "rb") as source, gzip.open(draft, "wb", compresslevel=1) as packed:
            shutil.copyfileobj(source, packed, _PIECE)
        os.chmod(draft, 0o600)
        os.replace(draft, path + PACKED)
    except OSError:
        with suppress(OSError):
            os.unlink(draft)
        return  # a full disk: then it stays as it is
    os.unlink(path)


def read_exit(folder: str) -> Exit | None:
    """The durable end of the Work in this folder, None while it has none."""
    try:
        with open(os.path.join(folder, "exit.json"), "rb") as file:
            ended: Exit = from_plain(Exit, json.loads(file.read()))
            return ended
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
        return None


def tail(path: str, offset: int) -> tuple[bytes, int]:
    """What the file has after `offset`, a megabyte at most, and the offset after that."""
    try:
        with open(path, "rb", buffering=0) as file:
            file.seek(offset)
            piece = file.read(_PIECE) or b""
    except FileNotFoundError:
        return b"", offset
    return piece, offset + len(piece)


class LineSplitter:
    """Cuts pieces of bytes into lines; any bytes, any length, memory bounded.

    A line of more than 8 MiB is replaced by one that says so.
    """

    __slots__ = ("_held", "_most", "_pieces", "_too_long")

    def __init__(self, most: int = _LINE_MOST) -> None:
        self._most = most
        self._pieces: list[bytes] = []
        self._held = 0
        self._too_long = False

    def feed(self, piece: bytes) -> list[bytes]:
        """The lines that this piece completes, without their ends."""
        head, end, rest = piece.partition(b"\n")
        self._hold(head)
        if not end:
            return []
        lines = [self._take(), *rest.split(b"\n")]
        self._hold(lines.pop())
        if len(rest) > self._most:
            lines = [line if len(line) <= self._most else self._dropped() for line in lines]
        return lines

    def flush(self) -> list[bytes]:
        """The last line, where it has no end."""
        return [self._take()] if self._held or self._too_long else []

    def _hold(self, piece: bytes) -> None:
        if not piece or self._too_long:
            return
        self._pieces.append(piece)
        self._held += len(piece)
        if self._held > self._most:
            self._pieces.clear()
            self._held = 0
            self._too_long = True

    def _take(self) -> bytes:
        line = self._dropped() if self._too_long else b"".join(self._pieces)
        self._pieces.clear()
        self._held = 0
        self._too_long = False
        return line

    def _dropped(self) -> bytes:
        return b"[wtman: a line of more than %d bytes was dropped]" % self._most
