"""The cache of package managers that one repository has, on disk.

In `<common>/wtman/cache`, which is for its owner alone: `packages/` is what is shown inside,
`filled/` names the setups that have filled it, `lock` is held by who fills it, `use` shared by
all for whom it is shown. What is in `packages/` may have been written by a setup command:
nothing here follows a link in it. Another repository has its own. Blocking.
"""

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
from fnmatch import fnmatchcase

from wtman.errors import ExternalError, machine_error
from wtman.files import replace
from wtman.git.discovery import Repository
from wtman.git.trees import remove_tree
from wtman.model.values import dataclass
from wtman.provision.package_caches import CACHES, CachePart, PackageCache, part_of
from wtman.sandbox.inside import CACHE, PACKAGES

# Folders that are mounted for one who reads, at most: each makes the next one dearer (measured:
# 150 take 0.1 s, 1,000 take 3.2 s). Of those beyond each file is a link.
_MOST_MOUNTS = 150
_BLOCK = 512  # bytes that one of `st_blocks` stands for


@dataclass(frozen=True, slots=True)
class PackageCacheFolder:
    """Where things are. `packages` is what is shown, to write or to read."""

    path: str

    @property
    def packages(self) -> str:
        return os.path.join(self.path, "packages")

    @property
    def lock(self) -> str:
        return os.path.join(self.path, "lock")

    @property
    def use(self) -> str:
        return os.path.join(self.path, "use")

    def filled(self, key: str) -> str:
        return os.path.join(self.path, "filled", key)


def folder_of(repo: Repository) -> PackageCacheFolder:
    """The cache of a repository, which need not exist."""
    return PackageCacheFolder(os.path.join(repo.wtman_dir, "cache"))


def size(repo: Repository) -> int:
    """The bytes on disk that `remove` would free."""
    total, waiting = 0, [folder_of(repo).packages]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_blocks * _BLOCK
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
    return total


def remove(repo: Repository) -> bool:
    """Empty the cache; whether that was done. Not while it is in use: nothing is lost by it.

    What setup made with the Plug'n'Play of yarn refers to packages that are in the cache: kept
    results of setup are to be forgotten with it.
    """
    place = folder_of(repo)
    if not os.path.isdir(place.packages):
        return True
    use = held(place.use, shared=False)
    if use is None:
        return False
    try:
        remove_tree(place.filled(""))
        return remove_tree(place.packages)
    finally:
        os.close(use)


def make(place: PackageCacheFolder) -> None:
    """Make the folders of the cache and of each tool, for its owner alone, where missing."""
    try:
        for path in (place.path, place.filled(""), place.packages):
            os.makedirs(path, mode=0o700, exist_ok=True)
        for cache in CACHES:
            os.makedirs(os.path.join(place.packages, cache.name), exist_ok=True)
    except OSError as error:
        raise _refusal(error, place.path) from error


def is_filled(place: PackageCacheFolder, key: str) -> bool:
    """Whether a setup of this key has run to its end with the cache to write to."""
    return os.path.exists(place.filled(key))


def note_filled(place: PackageCacheFolder, key: str) -> None:
    try:
        replace(place.filled(key), b"")
    except OSError as error:
        raise _refusal(error, place.path) from error


def held(path: str, *, shared: bool) -> int | None:
    """The lock that this file is, by an open file that holds it; None: somebody else does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def make_private(place: PackageCacheFolder, target: str) -> None:
    """Make the folder that who reads the cache has in its place (see `package_caches`).

    One that is there is kept: a session that outlived its coordinator may be using it.
    """
    if os.path.isdir(target):
        return
    draft = f"{target}.{secrets.token_hex(4)}.tmp"
    # Who fills it just now changes files in place: what a copy of one says may be half of it.
    lock = held(place.lock, shared=True)
    try:
        os.mkdir(draft, 0o700)
        for cache in CACHES:
            os.mkdir(os.path.join(draft, cache.name))
            _mirror(cache, place.packages, draft, copies=lock is not None)
        os.rename(draft, target)
    except OSError as error:
        remove_tree(draft)
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise _refusal(error, target) from error
    finally:
        if lock is not None:
            os.close(lock)


def mounted(place: PackageCacheFolder, private: str) -> tuple[tuple[str, str, bool], ...]:
    """What is mounted in a private folder: (source, where it is seen, not writable).

    A session has written there before: only a folder that is one, and is empty, is a place.
    """
    found = []
    for cache in CACHES:
        for pattern in cache.mounted:
            above = pattern.rpartition("/")[0]
            for name in _folders(os.path.join(private, cache.name)):
                if not fnmatchcase(name, above):
                    continue
                for item in _folders(os.path.join(private, cache.name, name)):
                    path = os.path.join(cache.name, name, item)
                    source = os.path.join(place.packages, path)
                    if os.path.isdir(source) and not os.listdir(os.path.join(private, path)):
                        found.append((source, f"{CACHE}/{path}", False))
    return tuple(found[:_MOST_MOUNTS])


def _folders(path: str) -> list[str]:
    """The names of the folders in one, if it is one; links are none."""
    if os.path.islink(path) or not os.path.isdir(path):
        return []
    with os.scandir(path) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))


def _mirror(cache: PackageCache, packages: str, draft: str, *, copies: bool) -> None:
    """Make the private folder of one tool."""
    source, target = os.path.join(packages, cache.name), os.path.join(draft, cache.name)
    waiting, mounts = [""], 0
    while waiting:
        below = waiting.pop()
        with os.scandir(os.path.join(source, below)) as entries:
            for entry in entries:
                path = f"{below}{entry.name}"
                made = os.path.join(target, path)
                if entry.is_symlink():
                    # To another place in the same cache, where the private one has its own.
                    os.symlink(os.readlink(entry.path), made)
                    continue
                is_folder = entry.is_dir(follow_symlinks=False)
                part = part_of(cache, path, is_folder=is_folder)
                if part is CachePart.MOUNT:
                    mounts += 1
                    part = part if mounts <= _MOST_MOUNTS else CachePart.FOLDER
                if part in (CachePart.FOLDER, CachePart.MOUNT):
                    os.mkdir(made)
                if part is CachePart.FOLDER:
                    waiting.append(f"{path}/")
                elif part is CachePart.LINK:
                    os.symlink(f"{PACKAGES}/{cache.name}/{path}", made)
                elif part is CachePart.COPY and copies and entry.is_file(follow_symlinks=False):
                    shutil.copyfile(entry.path, made, follow_symlinks=False)


def _refusal(error: OSError, path: str) -> Exception:
    what = f"cannot keep the package cache in {path}"
    return machine_error(error, what) or ExternalError(
        f"{what}: {error.strerror}",
        hint="repair or remove that folder, then `wtman resume`",
    )
