"""What a checkout of a commit takes on the disk, told from git alone. Blocking.

Counted are its files in whole blocks, its folders, what git-lfs fetches for its pointers, and
the two indexes that wtman keeps of it. Submodules stay empty in a checkout.
"""

from functools import lru_cache

from wtman.formats.git_output import tree_sizes
from wtman.formats.lfs import size_in
from wtman.git import config
from wtman.git.control_dir import Control, call, oid
from wtman.git.objects.history import contents
from wtman.git.trees import folders_of
from wtman.model.disk import DiskUse

_INDEXES = 2 * 100  # bytes a file: the entry of an index (62 and its path), twice
_POINTER = range(100, 300)  # bytes of a file that may point into LFS
_LINK = b"120000"
_SHORT = 60  # bytes of a link that lie in its inode (ext4)


@lru_cache(maxsize=16)
def footprint(ctl: Control, commit: str, block: int) -> DiskUse:
    """The space of one checkout on a file system whose files take `block` bytes at least."""
    listed = call(ctl, ["ls-tree", "-r", "-l", "-z", "--full-tree", oid(commit)]).out
    paths: list[bytes] = []
    pointers: list[str] = []
    total = 0
    for path, mode, name, size in tree_sizes(listed):
        paths.append(path)
        if size in _POINTER and mode.startswith(b"100"):
            pointers.append(name.decode())
        if mode != _LINK or size >= _SHORT:
            total += -(-size // block) * block
    folders = len(folders_of(paths, b"/")) + 1
    total += folders * block + len(paths) * _INDEXES
    settings = config.entries(ctl.repo.git_dir)
    if any(item.key.startswith("filter.lfs.") for item in settings):
        texts = contents(ctl, pointers, _POINTER.stop).values()
        total += sum(-(-size_in(text) // block) * block for text in texts)
    return DiskUse(total, len(paths) + folders)
