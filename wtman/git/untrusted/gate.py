"""The gate: what a session committed in its private git directory comes in as data, or not.

No git runs with a configuration, index, ref, hook or object folder that the session could
write. Its few files are read here, through no link and with a cap; its objects are copied
aside; git packs what the repository lacks of the branch and checks it on the way in as it
would check what comes over a network. Refuses whatever it cannot show to be sound: then
nothing of it is in the repository. No ref moves either way, that is for the caller.
"""

import os
import re
import stat
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import field, replace
from hashlib import sha256
from typing import BinaryIO

from wtman.errors import ExternalError, OutsideError
from wtman.formats.git_index import index_paths
from wtman.formats.git_output import packed_refs, text
from wtman.git.control_dir import Control, call, oid, scratch
from wtman.git.untrusted.private import PrivateGit
from wtman.model.ids import Sha
from wtman.model.values import dataclass

BLOB_CAP = 100 << 20  # bytes of one file
TOTAL_CAP = 512 << 20  # bytes of everything that one session brings in, unpacked
_COUNT_CAP = 500_000  # objects
_REFS_CAP = 32 << 20
_HEAD_CAP = 4096
_INDEX_CAP = 64 << 20
_CHUNK = 1 << 20
_LOOSE = 100  # more objects than these stay a pack, as where git fetches
_OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_LFS = re.compile("[0-9a-f]{64}")
_PACK = re.compile(r"pack-[0-9a-f]{40}(?:[0-9a-f]{24})?\.pack")
_TOO_MUCH = f"it committed more than {TOTAL_CAP >> 20} MiB"
# One allocation of git's at most: what is packed small can be huge when it is opened.
_BOUNDED = {"GIT_ALLOC_LIMIT": str(4 * BLOB_CAP)}


@dataclass(frozen=True, slots=True)
class Imported:
    """The tip of its branch, all of it in the repository now; `at` where it has none."""

    tip: Sha


@dataclass(frozen=True, slots=True)
class ImportRefused:
    """Why nothing came in: a sentence about "it", the session.

    `tip` is a commit that it left elsewhere and that is in the repository now, "" for none.
    """

    reason: str
    tip: Sha = Sha("")


def take(ctl: Control, git: PrivateGit) -> Imported | ImportRefused:
    """Bring the session's commits into the repository's objects; no ref moves.

    Costs next to nothing where the branch is where it was.
    """
    found = _tip(git)
    if not found.tip or found.tip == git.at:
        return found
    came = _let_in(ctl, git, found.tip)
    if isinstance(found, Imported):
        return came
    # It left its branch: what it did elsewhere does not count, but is not lost.
    return replace(found, tip=came.tip)


def _let_in(ctl: Control, git: PrivateGit, tip: Sha) -> Imported | ImportRefused:
    try:
        try:
            return _copied(ctl, git, tip)
        except OutsideError:
            raise
        except ExternalError:
            return _copied(ctl, git, tip)  # it may have been a matter of the moment
    except OutsideError:
        raise
    except _TooMuch as error:
        return ImportRefused(str(error))
    except ExternalError as error:
        said = error.message.partition(": ")[2] or error.message
        return ImportRefused(f"it left broken objects on its branch {git.branch}: {said}")


def _copied(ctl: Control, git: PrivateGit, tip: Sha) -> Imported | ImportRefused:
    with scratch(ctl) as folder:
        return _taken(ctl, git, tip, folder)


def staged(git: PrivateGit) -> tuple[str, ...]:
    """The paths in the session's own index, where it may have added some by force.

    Nothing but the names is taken from there.
    """
    data = _small(git.path, f"worktrees/{git.name}/index", _INDEX_CAP)
    return tuple(map(text, index_paths(data, len(git.at) // 2))) if data else ()


# --- which commit ---------------------------------------------------------------------------


def _tip(git: PrivateGit) -> Imported | ImportRefused:
    """What its branch says, read without git."""
    ref = f"refs/heads/{git.branch}"
    head = _small(git.path, f"worktrees/{git.name}/HEAD", _HEAD_CAP)
    if head is None:
        return ImportRefused("it destroyed its git directory")
    says = head.decode("utf-8", "replace").strip()
    if says != f"ref: {ref}":
        where = says.removeprefix("ref: ")
        value = _value(git, where) if where.startswith("refs/heads/") else where
        elsewhere = Sha(value if _fits(git, value) else "")
        reason = f"it left its branch {git.branch}: HEAD is at {where or 'nowhere'}"
        return ImportRefused(reason, elsewhere)
    value = _value(git, ref)
    if not value:
        return ImportRefused(f"it deleted its branch {git.branch}")
    if not _fits(git, value):
        return ImportRefused(f"it made its branch {git.branch} something that is no branch")
    return Imported(Sha(value))


def _value(git: PrivateGit, ref: str) -> str:
    """What a ref holds, "" if it is not there."""
    if any(part in ("", ".", "..") for part in ref.split("/")) or "\0" in ref:
        return "?"
    loose = _small(git.path, ref, _HEAD_CAP)
    if loose is not None:
        return loose.decode("ascii", "replace").strip() or "?"
    path = os.path.join(git.path, ref)
    is_other = os.path.lexists(path) and not os.path.isdir(path)
    if is_other or os.path.islink(path):
        return "?"
    return packed_refs(_small(git.path, "packed-refs", _REFS_CAP) or b"").get(ref, "")


def _fits(git: PrivateGit, value: str) -> bool:
    return bool(_OID.fullmatch(value)) and len(value) == len(git.at)


def _small(root: str, name: str, cap: int) -> bytes | None:
    """A regular file below `root` that no link leads to; None for anything else."""
    descriptor = _opened(root, name)
    if descriptor is None:
        return None
    with open(descriptor, "rb") as file:
        content = file.read(cap + 1)
    return content if len(content) <= cap else None


def _opened(root: str, name: str, folder: bool = False) -> int | None:
    """A descriptor of a regular file or a folder, each part of its path taken for what it is."""
    try:
        here = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    *folders, last = name.split("/")
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        for part in folders:
            below = os.open(part, flags | os.O_DIRECTORY, dir_fd=here)
            os.close(here)
            here = below
        found = os.open(last, flags | (os.O_DIRECTORY if folder else os.O_NONBLOCK), dir_fd=here)
    except OSError:
        return None
    finally:
        os.close(here)
    if folder or stat.S_ISREG(os.fstat(found).st_mode):
        return found
    os.close(found)
    return None


# --- its objects ----------------------------------------------------------------------------


class _TooMuch(Exception):
    """More than a session may bring in."""


@dataclass
class _Load:
    """What is copied so far; `large` names files that were left behind for their size."""

    left: int = field(default_factory=lambda: TOTAL_CAP)
    count: int = 0
    large: list[str] = field(default_factory=list)

    def add(self, size: int, count: int = 1) -> None:
        self.left -= size
        self.count += count
        if self.left < 0 or self.count > _COUNT_CAP:
            raise _TooMuch(_TOO_MUCH)


def _taken(ctl: Control, git: PrivateGit, tip: Sha, folder: str) -> Imported | ImportRefused:
    load = _Load()
    aside = os.path.join(folder, "objects")
    os.makedirs(os.path.join(aside, "pack"))
    _copy_packs(ctl, git, aside, load)
    _copy_loose(git, aside, load)
    try:
        args = ["merge-base", "--is-ancestor", oid(git.at), oid(tip)]
        if call(ctl, args, objects=aside, env=_BOUNDED, ok=(0, 1)).code:
            return ImportRefused(f"it rewrote its branch {git.branch}")
        script = f"{tip}\n^{git.at}\n".encode()
        args = ["pack-objects", "--revs", "--stdout", "-q", "--threads=1", "--window=0"]
        pack = call(ctl, args, objects=aside, env=_BOUNDED, input=script).out
    except OutsideError:
        raise
    except ExternalError:
        if load.large:
            size = BLOB_CAP >> 20
            return ImportRefused(f"it committed a file larger than {size} MiB ({load.large[0]})")
        raise
    checked = replace(ctl, aside=os.path.join(folder, "checked"))
    os.makedirs(os.path.join(checked.aside, "pack"))
    call(checked, ["index-pack", "--stdin", "--strict"], input=pack, env=_BOUNDED)
    call(checked, ["rev-list", "--objects", "--quiet", "--stdin"], input=script, env=_BOUNDED)
    # The header of a pack: magic, version and the number of objects.
    few = int.from_bytes(pack[8:12], "big") <= _LOOSE
    _copy_lfs(git, load)
    call(ctl, ["unpack-objects", "-q"] if few else ["index-pack", "--stdin"], input=pack)
    return Imported(tip)


def _copy_lfs(git: PrivateGit, load: _Load) -> None:
    """What git-lfs stored for the commits: each file is what its name says, or stays out."""
    for first in _names(git.path, "lfs/objects"):
        for second in _names(git.path, f"lfs/objects/{first}"):
            for name in _names(git.path, f"lfs/objects/{first}/{second}"):
                if _LFS.fullmatch(name) and (first, second) == (name[:2], name[2:4]):
                    _copy_large(git, f"lfs/objects/{first}/{second}/{name}", load)


def _copy_large(git: PrivateGit, name: str, load: _Load) -> None:
    target = os.path.join(git.common, name)
    descriptor = _opened(git.path, name)
    if descriptor is None or os.path.lexists(target):
        if descriptor is not None:
            os.close(descriptor)
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    digest = sha256()
    with (
        open(descriptor, "rb") as source,
        tempfile.NamedTemporaryFile(dir=os.path.dirname(target)) as copy,
    ):
        for chunk in _chunks(source, load.left):
            digest.update(chunk)
            copy.write(chunk)
        load.add(copy.tell())
        copy.flush()
        if digest.hexdigest() == os.path.basename(name):
            os.fsync(copy.fileno())
            os.link(copy.name, target)


def _copy_loose(git: PrivateGit, aside: str, load: _Load) -> None:
    width = len(git.at) - 2
    digits = re.compile(rf"[0-9a-f]{{{width}}}")
    for part in _names(git.path, "objects"):
        if len(part) != 2 or not re.fullmatch("[0-9a-f]{2}", part):
            continue
        names = [name for name in _names(git.path, f"objects/{part}") if digits.fullmatch(name)]
        if names:
            os.mkdir(os.path.join(aside, part))
        for name in names:
            _copy_one(git, aside, f"{part}/{name}", load)


def _copy_one(git: PrivateGit, aside: str, name: str, load: _Load) -> None:
    """Copy a loose object, if it says of itself that it is no larger than it may be."""
    descriptor = _opened(git.path, f"objects/{name}")
    if descriptor is None:
        return
    with open(descriptor, "rb") as source:
        first = source.read(_CHUNK)
        kind, size = _claims(first)
        if not kind:
            return
        if size > BLOB_CAP or os.fstat(descriptor).st_size > BLOB_CAP + (BLOB_CAP >> 4):
            load.large.append(f"{kind} {name.replace('/', '')[:12]}")
            return
        load.add(size)
        with open(os.path.join(aside, name), "xb") as target:
            target.write(first)
            for chunk in _chunks(source, BLOB_CAP + (BLOB_CAP >> 4)):
                target.write(chunk)


def _claims(first: bytes) -> tuple[str, int]:
    """Kind and size that the head of a loose object gives; git refuses it if they are wrong."""
    try:
        head = zlib.decompressobj().decompress(first, 64).partition(b"\0")[0]
        kind, _, size = head.decode("ascii").partition(" ")
        return (kind, int(size)) if size.isdigit() else ("", 0)
    except (zlib.error, ValueError):
        return "", 0


def _copy_packs(ctl: Control, git: PrivateGit, aside: str, load: _Load) -> None:
    """Copy packs, index them anew, and see what is in them: an index could lie."""
    packs = [name for name in _names(git.path, "objects/pack") if _PACK.fullmatch(name)]
    for name in packs:
        descriptor = _opened(git.path, f"objects/pack/{name}")
        if descriptor is None:
            continue
        target = os.path.join(aside, "pack", name)
        with open(descriptor, "rb") as source, open(target, "xb") as copy:
            for chunk in _chunks(source, load.left):
                copy.write(chunk)
        call(ctl, ["index-pack", "--threads=1", target], env=_BOUNDED)
    if not packs:
        return
    args = ["cat-file", "--batch-all-objects", "--unordered"]
    args.append("--batch-check=%(objecttype) %(objectsize) %(objectname)")
    listed = call(ctl, args, env={"GIT_OBJECT_DIRECTORY": aside, **_BOUNDED}).out
    for line in listed.splitlines():
        kind, size, name_of = line.decode("ascii").split(" ")
        load.add(int(size))
        if int(size) > BLOB_CAP:
            raise _TooMuch(
                f"it committed a file larger than {BLOB_CAP >> 20} MiB ({kind} {name_of[:12]})"
            )


def _names(root: str, folder: str) -> list[str]:
    """What is in a folder below `root` that no link leads to."""
    here = _opened(root, folder, folder=True)
    if here is None:
        return []
    try:
        return sorted(os.listdir(here))
    finally:
        os.close(here)


def _chunks(source: BinaryIO, cap: int) -> Iterator[bytes]:
    """The rest of a file, which may still be growing."""
    while chunk := source.read(_CHUNK):
        cap -= len(chunk)
        if cap < 0:
            raise _TooMuch(_TOO_MUCH)
        yield chunk
