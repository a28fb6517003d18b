"""What lies under a path: its file system and its free space."""

import os

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


def free_bytes(path: str) -> int:
    """Bytes that this user may still write at `path`, which need not exist yet."""
    place = os.path.realpath(path)
    while not os.path.exists(place):
        place = os.path.dirname(place)
    state = os.statvfs(place)
    return state.f_bavail * state.f_frsize


def _unescaped(point: bytes) -> bytes:
    for code, char in ((b"\\040", b" "), (b"\\011", b"\t"), (b"\\012", b"\n"), (b"\\134", b"\\")):
        point = point.replace(code, char)
    return point
