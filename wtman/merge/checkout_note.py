"""The note of a landing: what is about to be done to a checkout, kept until it is done.

A note lies below wtman's own folder, one a checkout, beside a lock. Who holds the lock is
at work there; the git that moves the checkout inherits it, so that it is held for as long as
that git lives, whatever becomes of wtman. A note that nobody holds is of a landing that was
cut off. Blocking.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from hashlib import sha256

from wtman import files
from wtman.errors import NO_SPACE, DiskFullError, WtmanError
from wtman.git.discovery import Repository
from wtman.model.move_note import MoveNote

_CAP = 1 << 20
_PATIENCE = 30.0  # seconds for another landing at the same checkout


def write(repo: Repository, note: MoveNote) -> None:
    """Have the note on disk when this returns."""
    body = json.dumps(asdict(note)).encode("utf-8", "surrogateescape")
    try:
        files.replace(_place(repo, note.path) + ".json", body, durable=True)
    except OSError as error:
        if error.errno in NO_SPACE:
            raise full(repo.wtman_dir) from error
        raise


def forget(repo: Repository, path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(_place(repo, path) + ".json")


def read(repo: Repository, path: str) -> MoveNote | None:
    """The note of the checkout at `path`."""
    return _read(_place(repo, path) + ".json")


def cut_off(repo: Repository) -> tuple[MoveNote, ...]:
    """The notes that nobody is at work on. Cheap where there never was one."""
    folder = _folder(repo)
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".json"))
    except OSError:
        return ()
    found = []
    for name in names:
        place = os.path.join(folder, name)
        note = _read(place)
        if note is not None and not files.is_locked(place.removesuffix(".json") + ".held"):
            found.append(note)
    return tuple(found)


def cut_off_text(repo: Repository) -> tuple[str, ...]:
    """What a landing that was cut off has left to do, for who only looks."""
    return tuple(
        f"a merge into {note.branch} was cut off while it changed {note.path}: "
        "run the same command again, which first puts that checkout in order"
        for note in cut_off(repo)
    )


@contextmanager
def held(repo: Repository, path: str) -> Iterator[int]:
    """Hold the lock of the checkout at `path`; the descriptor is for git to inherit."""
    os.makedirs(_folder(repo), mode=0o700, exist_ok=True)
    descriptor = os.open(_place(repo, path) + ".held", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise WtmanError(
                        f"another merge is landing in {path}",
                        hint="wait until it has ended, then run the same command again",
                        code="busy",
                    ) from None
                time.sleep(0.05)
        yield descriptor
    finally:
        os.close(descriptor)


def full(path: str) -> DiskFullError:
    return DiskFullError(
        f"no space is left on the disk of {path}",
        hint="free some disk space, then run the same command again",
    )


def _read(place: str) -> MoveNote | None:
    try:
        said = json.loads((files.head(place, _CAP) or b"").decode("utf-8", "surrogateescape"))
        return MoveNote(**said)
    except (ValueError, TypeError):
        return None


def _folder(repo: Repository) -> str:
    return os.path.join(repo.wtman_dir, "landing")


def _place(repo: Repository, path: str) -> str:
    return os.path.join(_folder(repo), sha256(os.fsencode(path)).hexdigest()[:16])
