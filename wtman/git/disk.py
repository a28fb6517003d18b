"""What lies under a path: its file system, its free space, and what its files take there."""

import os
import stat

from wtman.model.disk import DiskUse, FreeSpace

_SHARE, _MOST = 50, 128 << 20  # what is kept free: this part of a file system, and at most so much
_MOST_FILES = 1000  # of its inodes
_REMOTE = frozenset(
    "nfs nfs4 cifs smb3 smbfs 9p afs ceph glusterfs lustre beegfs gpfs ocfs2 gfs2 virtiofs "
    "davfs ncpfs fuse.sshfs fuse.glusterfs fuse.ceph fuse.rclone fuse.s3fs fuse.gcsfuse "
    "fuse.davfs2 fuse.juicefs".split()
)
_MOUNTS = "/proc/self/mounts"


def file_system(path: str, mounts: str = _MOUNTS) -> str:
    """Type of the file system that holds `path`, "" where the system does not say."""
    try:
        with open(mounts, "rb") as listing:
            lines = listing.read().splitlines()
    except OSError:
        return ""
    target = os.fsencode(os.path.realpath(path))
    best, kind = -1, ""
    for line in lines:
        words = line.split(b" ")
        if len(words) < 3:
            continue
        point = _unescaped(words[1])
        holds = point == b"/" or target == point or target.startswith(point + b"/")
        # The later of two mounts on one point hides the earlier.
        if holds and len(point) >= best:
            best, kind = len(point), words[2].decode("ascii", "replace")
    return kind


def on_network(path: str) -> bool:
    """Whether other machines may write there too, so that file locks and mmap mislead."""
    return file_system(path) in _REMOTE


def free_space(path: str) -> FreeSpace:
    """What is free at `path`, which need not exist yet."""
    place = os.path.realpath(path)
    while not os.path.exists(place):
        place = os.path.dirname(place)
    facts = os.statvfs(place)
    is_root = os.geteuid() == 0
    inodes = facts.f_ffree if is_root else facts.f_favail
    return FreeSpace(
        facts.f_bavail * facts.f_frsize,
        (facts.f_bfree if is_root else facts.f_bavail) * facts.f_frsize,
        inodes if facts.f_files else None,
        min(_MOST, facts.f_blocks * facts.f_frsize // _SHARE),
        facts.f_frsize,
        min(_MOST_FILES, facts.f_files // _SHARE),
    )


def free_bytes(path: str) -> int:
    """Bytes that this user may still write at `path`, which need not exist yet."""
    return free_space(path).size


class DiskTally:
    """What files take together, and so what is free once they are deleted.

    A file with several names counts when all of its names were added. What other files share
    with it (reflinks) is not known here.
    """

    def __init__(self) -> None:
        self.use = DiskUse()
        self._names: dict[tuple[int, int], int] = {}

    def add(self, path: str, *without: str) -> DiskUse:
        """Count `path` and all below it but the paths `without`; what this call has added."""
        size = files = 0
        try:
            waiting, facts = [path], os.lstat(path)
        except OSError:
            return DiskUse()
        size, files = facts.st_blocks * 512, 1
        if not stat.S_ISDIR(facts.st_mode):
            waiting = []
            size, files = self._once(facts)
        while waiting:
            try:
                with os.scandir(waiting.pop()) as entries:
                    for entry in entries:
                        if entry.path in without:
                            continue
                        facts = entry.stat(follow_symlinks=False)
                        if stat.S_ISDIR(facts.st_mode):
                            waiting.append(entry.path)
                            size, files = size + facts.st_blocks * 512, files + 1
                        elif facts.st_nlink == 1:
                            size, files = size + facts.st_blocks * 512, files + 1
                        else:
                            more = self._once(facts)
                            size, files = size + more[0], files + more[1]
            except OSError:
                continue  # gone, or not to be read
        added = DiskUse(size, files)
        self.use = self.use + added
        return added

    def _once(self, facts: os.stat_result) -> tuple[int, int]:
        key = facts.st_dev, facts.st_ino
        seen = self._names[key] = self._names.get(key, 0) + 1
        return (facts.st_blocks * 512, 1) if seen == facts.st_nlink else (0, 0)


def _unescaped(point: bytes) -> bytes:
    for code, char in ((b"\\040", b" "), (b"\\011", b"\t"), (b"\\012", b"\n"), (b"\\134", b"\\")):
        point = point.replace(code, char)
    return point
