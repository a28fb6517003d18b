"""Refs of the repository, moved only by compare-and-swap.

One call is one transaction: all of its refs move or none does. Symbolic refs are not
followed, so a branch that was replaced by a pointer to another cannot move that other.
No hook runs and no reflog is asked for.
"""

import os
import re
import secrets
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from wtman.core.model import Sha
from wtman.errors import DiskFullError, ExternalError, RaceError, UsageError
from wtman.git.discovery import Repository
from wtman.git.run import git, raw, text

_LOST = re.compile(
    r"cannot lock ref '(?P<ref>[^']*)': (?:is at|reference already exists|reference is missing"
    r"|unable to resolve reference|expected symref)"
)
_OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_MOVES_CAP = 8 << 20


@dataclass(frozen=True, slots=True)
class RefChange:
    """`old` None: must not exist. `new` None: delete. Both None: verify absence."""

    ref: str
    new: Sha | None
    old: Sha | None


def read(repo: Repository, prefix: str) -> dict[str, Sha]:
    """All refs at or below `prefix` (whole path components) by full name."""
    args = ["for-each-ref", "--format=%(objectname) %(refname)", prefix.rstrip("/") or "refs"]
    found = {}
    for line in text(git(args, git_dir=repo.common_dir).out).splitlines():
        oid, _, ref = line.partition(" ")
        found[ref] = Sha(oid)
    return found


def read_one(repo: Repository, ref: str) -> Sha | None:
    """What `ref`, a full name, points to.

    Reads the documented files (gitrepository-layout) without starting git; whatever is
    not an ordinary loose or packed ref is left to git.
    """
    if os.path.lexists(os.path.join(repo.common_dir, "reftable")):
        return read(repo, ref).get(ref)
    try:
        descriptor = os.open(
            os.path.join(repo.common_dir, ref), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        )
        try:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                return None  # git would wait at a pipe for ever
            said = os.read(descriptor, 256).decode("ascii", "replace").strip()
        finally:
            os.close(descriptor)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return _packed(repo).get(ref)
    except OSError:
        return read(repo, ref).get(ref)
    return Sha(said) if _OID.fullmatch(said) else read(repo, ref).get(ref)


def _packed(repo: Repository) -> dict[str, Sha]:
    path = os.path.join(repo.common_dir, "packed-refs")
    try:
        facts = os.stat(path)
    except FileNotFoundError:
        return {}
    return _packed_as_of(path, facts.st_mtime_ns, facts.st_size, facts.st_ino)


@lru_cache(maxsize=4)
def _packed_as_of(path: str, *facts: int) -> dict[str, Sha]:
    found = {}
    with open(path, "rb") as file:
        for line in text(file.read()).splitlines():
            oid, _, ref = line.partition(" ")
            if _OID.fullmatch(oid):
                found[ref] = Sha(oid)
    return found


def update(repo: Repository, changes: Sequence[RefChange]) -> None:
    """Make all changes at once, or raise RaceError naming the ref that somebody else moved."""
    if not changes:
        return
    script = b"".join(_line(change) for change in changes)
    announce(repo, [(change.ref, change.new or "") for change in changes])
    try:
        git(
            ["-c", "core.fsync=committed,reference", "update-ref", "--no-deref", "--stdin", "-z"],
            git_dir=repo.common_dir,
            input=script,
        )
    except ExternalError as error:
        if lost := _LOST.search(error.stderr):
            raise RaceError(
                f"{lost['ref']} was changed by somebody else", hint="run the command again"
            ) from error
        raise


def restore(repo: Repository, ref: str, to: Sha) -> None:
    """Make `ref` name `to` again, whatever somebody has put in its place.

    For refs that are wtman's own: there is no old value that could be lost.
    """
    for pause in (0.0, 0.05, 0.2, 0.5):
        time.sleep(pause)
        _clear(repo, ref)
        try:
            old = read_one(repo, ref)
            if old != to:
                update(repo, [RefChange(ref, to, old)])
            return
        except DiskFullError:
            raise
        except (RaceError, ExternalError):
            continue
    update(repo, [RefChange(ref, to, read_one(repo, ref))])


def _clear(repo: Repository, ref: str) -> None:
    """Take away what is at the place of a loose ref and cannot be one."""
    place = os.path.join(repo.common_dir, ref)
    try:
        mode = os.lstat(place).st_mode
        if stat.S_ISREG(mode) and _OID.fullmatch(_first(place)):
            return
        aside = os.path.join(repo.wtman_dir, f"odd-ref-{secrets.token_hex(4)}")
        os.rename(place, aside)
    except OSError:
        return


def _first(path: str) -> str:
    with open(path, "rb") as file:
        return file.read(256).decode("ascii", "replace").strip()


def announce(repo: Repository, moves: Sequence[tuple[str, str]]) -> None:
    """Note what wtman is about to do to refs and index, so that nobody else is blamed for it."""
    lines = "".join(f"{what} {new}\n" for what, new in moves)
    try:
        os.makedirs(repo.wtman_dir, mode=0o700, exist_ok=True)
        descriptor = os.open(_moves(repo), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC)
        try:
            if os.fstat(descriptor).st_size > _MOVES_CAP:
                os.ftruncate(descriptor, 0)
            os.write(descriptor, raw(lines))
        finally:
            os.close(descriptor)
    except OSError:
        return  # no note is better than no ref


def announced(repo: Repository, since: int) -> tuple[frozenset[tuple[str, str]], int]:
    """(what, new) that any wtman has noted since that place, and the place to go on from."""
    try:
        with open(_moves(repo), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(since if since <= size else 0)
            lines = text(file.read(_MOVES_CAP)).splitlines()
    except OSError:
        return frozenset(), 0
    pairs = (line.partition(" ") for line in lines)
    return frozenset((what, new) for what, _, new in pairs), size


def _moves(repo: Repository) -> str:
    return os.path.join(repo.wtman_dir, "moves")


def _line(change: RefChange) -> bytes:
    if not change.ref.startswith("refs/") or "\0" in change.ref:
        raise UsageError(f"{change.ref!r} is no full ref name")
    for oid in (change.new, change.old):
        if oid is not None and not _OID.fullmatch(oid):
            raise UsageError(f"{oid!r} is no object name", hint=f"it was meant for {change.ref}")
    ref = raw(change.ref)
    new, old = (change.new or "").encode(), (change.old or "").encode()
    if change.new is None and change.old is None:
        return b"verify %s\0\0" % ref
    if change.new is None:
        return b"delete %s\0%s\0" % (ref, old)
    if change.old is None:
        return b"create %s\0%s\0" % (ref, new)
    return b"update %s\0%s\0%s\0" % (ref, new, old)
