"""Small effects on files, each done in one way: replaced whole, read with a cap, locked.

Promises: nobody ever sees half a file, nothing at the place of a file (a pipe, a device, a
link) holds us up or leads us elsewhere, and a lock is gone with who held it. What has to be
done below an open folder, where a session could swap the folders on the way, is done there
(sandbox/home, git/untrusted/gate). Blocking.
"""

import errno
import fcntl
import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import BinaryIO

_SYNCS = 32  # files that the disk is asked for at the same time
_OPEN = re.compile(r"/dev/stdin|(/dev|/proc/self)/fd/[0-9]+")


def replace(
    path: str, data: bytes, *, mode: int = 0o600, durable: bool = False, draft: str = ""
) -> None:
    """Put `data` in the place of what is at `path`, in one step.

    `durable`: when this returns, a power cut cannot bring back what was there before.
    `draft` is where it is written first, a name of its own beside `path` if not given; what
    a kill has left there is overwritten.
    """
    written = draft or beside(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with _removed_on_failure(written):
        with suppress(FileNotFoundError):
            os.unlink(written)
        with open(os.open(written, flags, mode), "wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(written, path)
    if durable:
        _sync(os.path.dirname(path) or os.curdir, os.O_DIRECTORY)


@contextmanager
def written_at_once(made: Mapping[str, bytes]) -> Iterator[None]:
    """Write new files, by path; when the block ends they are on the disk.

    Waiting for each by itself takes the disk as often as there are files: here it is asked for
    all of them at the same time, and the block goes on meanwhile.
    """
    from concurrent.futures import ThreadPoolExecutor

    for path, data in made.items():
        with open(path, "xb") as file:
            file.write(data)
            file.flush()
            if hasattr(os, "posix_fadvise"):  # the disk may begin
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    with ThreadPoolExecutor(_SYNCS) as pool:
        done = [pool.submit(_sync, path) for path in made]
        yield
    for item in done:
        item.result()


def _sync(path: str, flags: int = 0) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def copy(source: str, target: str) -> None:
    """Put a copy of `source`, mode and times included, in the place of `target`, in one step."""
    draft = beside(target)
    with _removed_on_failure(draft):
        shutil.copy2(source, draft)
        os.replace(draft, target)


def read(path: str, most: int, *, follow: bool = False) -> tuple[bytes, os.stat_result]:
    """What a regular file holds, and its facts; `follow`: it may be a link to one.

    Raises OSError, also for what is no regular file and for more than `most` bytes.
    """
    with _regular(path, follow) as (file, facts):
        if facts.st_size > most:
            raise OSError(errno.EFBIG, _larger(most), path)
        return file.read(most), facts


def given(path: str, most: int) -> bytes:
    """What the user names to be read: a regular file, or a pipe that is open (`<(...)`).

    Raises OSError, as `read` does, and ValueError for what can be no path.
    """
    if not _OPEN.fullmatch(path):
        return read(path, most, follow=True)[0]
    with open(path, "rb") as stream:
        return within(stream, most)


def within(stream: BinaryIO, most: int) -> bytes:
    """All that a stream gives, to its end. Raises OSError for more than `most` bytes."""
    data = stream.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, _larger(most))
    return data


def head(path: str, most: int, *, follow: bool = False) -> bytes | None:
    """The first `most` bytes (-1: all) of a regular file, None where there is none to read."""
    try:
        with _regular(path, follow) as (file, _):
            return file.read(most)
    except OSError:
        return None


def tail(path: str, most: int) -> bytes:
    """The last `most` bytes of a regular file, nothing where there is none to read."""
    try:
        with _regular(path, False) as (file, facts):
            file.seek(max(facts.st_size - most, 0))
            return file.read(most)
    except OSError:
        return b""


def working_folder() -> str:
    """Where the user stands; "" where that folder was removed."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""


@contextmanager
def locked(path: str) -> Iterator[None]:
    """Hold the lock that this file is, waiting for whoever has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_locked(path: str) -> bool | None:
    """Whether somebody holds the lock that this file is; None: there is no such file.

    It asks for a shared lock that is released at once: two who ask do not take each other
    for a holder.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def _regular(path: str, follow: bool) -> Iterator[tuple[BinaryIO, os.stat_result]]:
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    with open(os.open(path, flags), "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        yield file, facts


def _larger(most: int) -> str:
    return f"larger than {most >> 20} MiB" if most >> 20 else f"larger than {most >> 10} KiB"


def beside(path: str) -> str:
    """A new name beside `path` for what is to take its place; it says whose it is."""
    return f"{path}.{os.getpid()}-{os.urandom(4).hex()}"


@contextmanager
def _removed_on_failure(path: str) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with suppress(OSError):
            os.unlink(path)
        raise
