"""Whether the machine had room for what failed, so that nobody is blamed for a full disk.

A program that cannot write fails in a hundred ways, or says nothing and leaves half a file.
So the file systems that programs write to are looked at while they run, and once more when
one has failed: what had no room then says nothing about who failed. Blocking, and quick.
"""

import errno
import os
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import field

from wtman.errors import NO_SPACE
from wtman.git.disk import free_space
from wtman.model.disk import DiskUse
from wtman.model.values import dataclass
from wtman.text.terminal import storage

_FULL = 1 << 20  # bytes: less is none, for most programs
_TIGHT = 64 << 20  # bytes: less is none for a program that says so itself
_SHARE = 100  # of a small file system less than this part
_FEW = 16  # inodes
_NEXT = DiskUse(0, 1)  # there should be room for at least this, besides the reserve
_SAYS_SO = re.compile(
    r"No space left on device|ENOSPC|Disk quota exceeded|EDQUOT|database or disk is full"
)
_BROKEN = (errno.EROFS, errno.EIO)
_TRIAL = bytes(64 << 10)


@dataclass
class Space:
    """The file systems of these folders, which need not exist yet.

    `own` are those that wtman itself has to write to: they must not be read-only either.
    """

    folders: Sequence[str] = ()
    own: Sequence[str] = ()
    _full: dict[str, float] = field(default_factory=dict)  # when last seen so, by mount point
    _tight: dict[str, float] = field(default_factory=dict)

    def look(self) -> None:
        """Note which of them have no room now."""
        for place in _distinct((*self.own, *self.folders)):
            try:
                facts = os.statvfs(place)
            except OSError:
                continue
            total = facts.f_blocks * facts.f_frsize
            free = _free(facts)
            inodes = facts.f_ffree if _is_root() else facts.f_favail
            if free < min(_FULL, total // _SHARE) or (facts.f_files and inodes < _FEW):
                self._full[place] = time.time()
            if free < min(_TIGHT, total // 4):
                self._tight[place] = time.time()

    def low(self) -> str:
        """Which of wtman's own is about to be full, in words; "" where there is room.

        Said while there is room to stop in: later a session, or the journal, would break.
        """
        for place in _distinct(self.own):
            try:
                free = free_space(place)
            except OSError:
                continue
            if free.lacks(_NEXT):
                few = "few inodes" if free.usable >= free.reserve else storage(free.usable)
                return f"disk: {few} free on the file system of {place}"
        return ""

    def was_full(self, since: float) -> str:
        """Where of wtman's own there was no room at some time from `since` (epoch) on."""
        self.look()
        full = (place for place in _distinct(self.own) if self._full.get(place, 0.0) >= since)
        return next(map(_told, full), "")

    def lacked(self, since: float, said: str = "") -> str:
        """Where there was no room at some time from `since` (epoch) on, in words; else "".

        `said` is what the program that failed printed.
        """
        self.look()
        seen = {**(self._tight if _SAYS_SO.search(said) else {}), **self._full}
        for place, when in seen.items():
            if when >= since:
                return _told(place)
        for place in _distinct((*self.own, *self.folders)):
            refused = _refused(place)
            if refused in NO_SPACE:
                return _told(place)
            if refused in _BROKEN and place in _distinct(self.own):
                return f"the file system of {place} cannot be written: {os.strerror(refused)}"
        return ""


def _told(place: str) -> str:
    try:
        left = f" ({_free(os.statvfs(place)) >> 10} KiB are free now)"
    except OSError:
        left = ""
    return f"no space left on the file system of {place}{left}"


def _free(facts: os.statvfs_result) -> int:
    """Bytes that this user may still write: root may use what is kept back for root."""
    return (facts.f_bfree if _is_root() else facts.f_bavail) * facts.f_frsize


def _is_root() -> bool:
    return os.geteuid() == 0


def _distinct(folders: Sequence[str]) -> Iterator[str]:
    """The nearest folders that exist, one for each file system."""
    seen = set[int]()
    for folder in folders:
        place = os.path.abspath(folder)
        while True:
            try:
                device = os.stat(place).st_dev
                break
            except OSError:
                above = os.path.dirname(place)
            if above == place:
                return
            place = above
        if device not in seen:
            seen.add(device)
            yield place


def _refused(place: str) -> int:
    """The errno with which a small file cannot be written there, 0 where it can."""
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(_TRIAL)
            file.flush()
    except OSError as error:
        return error.errno or 0
    return 0
