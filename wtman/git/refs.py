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
from wtman.git.run import Conversation, git
from wtman.model.ids import Sha
from wtman.model.ref_moves import ANY, Move
from wtman.model.values import dataclass

_LOST = re.compile(
    r"cannot lock ref '(?P<ref>[^']*)': (?:is at|reference already exists|reference is missing"
    r"|unable to resolve reference|expected symref)"
)
_OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_RefState = tuple[str, int, int, int, int, int]  # path, mode, inode, size, mtime, ctime
_UPDATE = ("-c", "core.fsync=committed,reference", "update-ref", "--no-deref", "--stdin", "-z")
_MOST = 50_000  # files of refs whose states are remembered
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

    ExternalError where something is in their place that git would wait at for ever. Git is
    asked again when a file of theirs has another state than when it last was.
    """
    facts: list[_RefState] = []
    for prefix in prefixes:
        if odd := _odd(os.path.join(git_dir, prefix), facts):
            raise ExternalError(
                f"{odd} is not a regular file: git would hang on it",
                hint="a session may have put it there: look at it, then remove it",
            )
    for name in ("packed-refs", "reftable", "HEAD", "config"):
        _note(os.path.join(git_dir, name), facts)
    odd_kind = os.path.exists(f"{git_dir}/reftable") or any(stat.S_ISLNK(it[1]) for it in facts)
    if odd_kind or len(facts) > _MOST:
        return _asked(git_dir, prefixes)
    return _listed_as_of(git_dir, prefixes, tuple(facts))


@lru_cache(maxsize=4)
def _listed_as_of(git_dir: str, prefixes: tuple[str, ...], facts: tuple[_RefState, ...]) -> bytes:
    """What git says of refs whose files, just before, were in these states."""
    return _asked(git_dir, prefixes)


def _asked(git_dir: str, prefixes: tuple[str, ...]) -> bytes:
    args = ["for-each-ref", "--format=%(objectname) %(refname)", *prefixes]
    return git(args, git_dir=git_dir, timeout=_PATIENCE).out


def _note(path: str, facts: list[_RefState]) -> None:
    try:
        found = os.lstat(path)
    except OSError:
        return
    state = (found.st_mode, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    facts.append((path, *state))


def _odd(top: str, facts: list[_RefState]) -> str:
    """The first pipe, socket or device at or below a path, links followed; "" without one.

    `facts` gets the states of what is there.
    """
    waiting = [top]
    _note(top, facts)
    while waiting:
        place = waiting.pop()
        try:
            with os.scandir(place) as items:
                for item in items:
                    _note(item.path, facts)
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
    if _done(repo, script, changes):
        return
    began = time.time()
    try:
        git(_UPDATE, git_dir=repo.common_dir, input=script)
    except ToolError:
        locks.drop_packed(repo.common_dir, began, time.time())
        raise
    except ExternalError as error:
        if lost := _LOST.search(error.stderr):
            raise RaceError(
                f"{lost['ref']} was changed meanwhile", hint="run the command again"
            ) from error
        raise


def _done(repo: Repository, script: bytes, changes: Sequence[RefChange]) -> bool:
    """Have the lasting git do it; whether it is done. What that refuses another is asked again."""

    def start() -> Conversation:
        return Conversation(_UPDATE, git_dir=repo.common_dir, env={})

    def talk(git: Conversation) -> bool:
        began = time.time()
        try:
            git.say(b"start\0" + script + b"prepare\0commit\0")
            git.until(b"commit: ok\n")
        except ToolError:  # killed, perhaps behind its last step
            locks.drop_packed(repo.common_dir, began, time.time())
            if not all(read_one(repo, item.ref) == item.new for item in changes):
                raise
        return True

    return bool(repo.lasting.ask("update-ref", start, talk))


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
