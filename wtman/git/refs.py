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
from functools import lru_cache

from wtman import files, locks
from wtman.errors import ExternalError, OutsideError, RaceError, ToolError, UsageError
from wtman.formats.git_output import packed_refs, raw, text
from wtman.git.discovery import Repository
from wtman.git.ref_log import announce
from wtman.git.run import git
from wtman.model.ids import Sha
from wtman.model.ref_moves import ANY, Move
from wtman.model.values import dataclass

_LOST = re.compile(
    r"cannot lock ref '(?P<ref>[^']*)': (?:is at|reference already exists|reference is missing"
    r"|unable to resolve reference|expected symref)"
)
_OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_PATIENCE = 300.0  # seconds for a list of refs: nothing that is sound takes so long


@dataclass(frozen=True, slots=True)
class RefChange:
    """`old` None: must not exist. `new` None: delete. Both None: verify absence."""

    ref: str
    new: Sha | None
    old: Sha | None


def read(repo: Repository, prefix: str) -> dict[str, Sha]:
    """All refs at or below `prefix` (whole path components) by full name."""
    found = {}
    for line in text(listed(repo.common_dir, prefix.rstrip("/") or "refs")).splitlines():
        oid, _, ref = line.partition(" ")
        found[ref] = Sha(oid)
    return found


def listed(git_dir: str, *prefixes: str) -> bytes:
    """Lines of object name and ref, of all refs at or below these prefixes.

    ExternalError where something is in their place that git would wait at for ever.
    """
    for prefix in prefixes:
        if odd := _odd(os.path.join(git_dir, prefix)):
            raise ExternalError(
                f"{odd} is not a regular file: git would hang on it",
                hint="a session may have put it there: look at it, then remove it",
            )
    args = ["for-each-ref", "--format=%(objectname) %(refname)", *prefixes]
    return git(args, git_dir=git_dir, timeout=_PATIENCE).out


def _odd(top: str) -> str:
    """The first pipe, socket or device at or below a path, links followed; "" without one."""
    waiting = [top]
    while waiting:
        place = waiting.pop()
        try:
            with os.scandir(place) as items:
                for item in items:
                    if item.is_dir(follow_symlinks=False):
                        waiting.append(item.path)
                    elif not item.is_file() and os.path.exists(item.path) and not item.is_dir():
                        return item.path
        except NotADirectoryError:
            if os.path.exists(place) and not os.path.isfile(place):
                return place
        except OSError:
            continue
    return ""


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
    with open(path, "rb") as file:
        found = packed_refs(file.read())
    return {ref: Sha(oid) for ref, oid in found.items() if _OID.fullmatch(oid)}


def update(repo: Repository, changes: Sequence[RefChange]) -> None:
    """Make all changes at once, or raise RaceError naming the ref that somebody else moved."""
    if not changes:
        return
    script = b"".join(_line(change) for change in changes)
    announce(repo, [Move(change.ref, change.old or "", change.new or "") for change in changes])
    began = time.time()
    try:
        git(
            ["-c", "core.fsync=committed,reference", "update-ref", "--no-deref", "--stdin", "-z"],
            git_dir=repo.common_dir,
            input=script,
        )
    except ToolError:
        locks.drop_packed(repo.common_dir, began, time.time())
        raise
    except ExternalError as error:
        if lost := _LOST.search(error.stderr):
            raise RaceError(
                f"{lost['ref']} was changed meanwhile", hint="run the command again"
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
        except OutsideError:
            raise
        except (RaceError, ExternalError):
            continue
    update(repo, [RefChange(ref, to, read_one(repo, ref))])


def _clear(repo: Repository, ref: str) -> None:
    """Take away what is at the place of a loose ref and cannot be one."""
    place = os.path.join(repo.common_dir, ref)
    try:
        said = (files.head(place, 256) or b"").decode("ascii", "replace").strip()
        if _OID.fullmatch(said) or not os.path.lexists(place):
            return
        aside = os.path.join(repo.wtman_dir, f"odd-ref-{secrets.token_hex(4)}")
        announce(repo, [Move(ref, ANY, "")])
        os.rename(place, aside)
    except OSError:
        return


def _line(change: RefChange) -> bytes:
    if not change.ref.startswith("refs/") or "\0" in change.ref:
        raise UsageError(f"{change.ref!r} is not a full ref name")
    for oid in (change.new, change.old):
        if oid is not None and not _OID.fullmatch(oid):
            raise UsageError(
                f"{oid!r} is not an object name", hint=f"it was meant for {change.ref}"
            )
    ref = raw(change.ref)
    new, old = (change.new or "").encode(), (change.old or "").encode()
    if change.new is None and change.old is None:
        return b"verify %s\0\0" % ref
    if change.new is None:
        return b"delete %s\0%s\0" % (ref, old)
    if change.old is None:
        return b"create %s\0%s\0" % (ref, new)
    return b"update %s\0%s\0%s\0" % (ref, new, old)
