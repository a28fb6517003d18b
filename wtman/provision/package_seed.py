"""What a new package cache of a repository begins with: a copy of packages that the user has.

Copied, by reference where the file system can, and never linked; the user's own is only read.
Only packages, and not what may sign in for the user (`PackageCache.seeds`). Blocking.
"""

import contextlib
import errno
import os
import shutil

from wtman.errors import machine_error
from wtman.git.trees import remove_tree
from wtman.provision.package_cache_folder import PackageCacheFolder
from wtman.provision.package_caches import CACHES, CachePart, PackageCache, is_seed, part_of

# What is copied of the user's cache of one tool, at most: beyond, it holds much that this
# repository has no use for. A copy of 31,500 files took 16 s on a disk of two busy cores.
_SEED_MOST = 1 << 30  # bytes
_SEED_FILES = 50_000
_AT_ONCE = 1 << 30  # bytes
_NO_RANGE = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)


def seed(place: PackageCacheFolder, home: str, checkout: str) -> None:
    """Begin the caches of the tools that a checkout uses with what the user has; once for each.

    `home` is the user's home folder. It is copied, by reference where the file system can, and
    only read; where it is too big nothing is. For the holder of `lock`.
    """
    if not os.path.isabs(home):
        return
    for cache in CACHES:
        target = os.path.join(place.packages, cache.name)
        source = os.path.join(home, cache.users or cache.home)
        used = any(os.path.exists(os.path.join(checkout, name)) for name in cache.used)
        if not (used and cache.seeds and os.path.isdir(source)) or os.listdir(target):
            continue
        found = _seeds(cache, source)
        draft = os.path.join(place.path, "seed")
        try:
            remove_tree(draft)
            for path in found:
                os.makedirs(os.path.dirname(os.path.join(draft, path)), exist_ok=True)
                _copy(os.path.join(source, path), os.path.join(draft, path))
            if found:
                os.rename(draft, target)
        except OSError as error:
            remove_tree(draft)
            # It is downloaded instead, unless nothing can be written at all.
            if refusal := machine_error(error, f"cannot copy {source} into {place.path}"):
                raise refusal from error


def _seeds(cache: PackageCache, source: str) -> list[str]:
    """The files of the user's cache that are copied, links to others among them; [] is none."""
    found, total, waiting = [], 0, [""]
    while waiting:
        below = waiting.pop()
        with contextlib.suppress(OSError), os.scandir(os.path.join(source, below)) as entries:
            for entry in entries:
                path = f"{below}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    if part_of(cache, path, is_folder=True) is not CachePart.LEAVE:
                        waiting.append(f"{path}/")
                elif is_seed(cache, path) and (entry.is_file() or entry.is_symlink()):
                    total += entry.stat(follow_symlinks=False).st_size
                    found.append(path)
            if total > _SEED_MOST or len(found) > _SEED_FILES:
                return []
    return found


def _copy(source: str, target: str) -> None:
    """Copy a file, or a link that leads to something beside it; what cannot be read is none."""
    if os.path.islink(source):
        text = os.readlink(source)
        if not os.path.isabs(text):
            os.symlink(text, target)
        return
    if not os.access(source, os.R_OK):
        return
    with open(source, "rb") as content, open(target, "wb") as made:
        try:
            while os.copy_file_range(content.fileno(), made.fileno(), _AT_ONCE):
                pass
        except OSError as error:
            if error.errno not in _NO_RANGE:
                raise
            shutil.copyfileobj(content, made)
    shutil.copystat(source, target)
