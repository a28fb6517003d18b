"""A task handed over to the user's terminal: what two processes tell each other by files.

The holder of the run's lock offers the attempt in its evidence folder; `wtman attach`
takes it, holds a lock for as long as the terminal lasts, and leaves an exit marker as
any session does. So whichever of the two dies, the other one and a resume know.
"""

import asyncio
import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from wtman.execution.output import read_exit
from wtman.formats.codec import from_plain, to_plain
from wtman.model.command import Exit, ExitReason
from wtman.sessions.actions import RunSession

_OFFER, _LOCK, _EXIT = "attach.json", "attached.lock", "exit.json"
_POLL = 0.2  # seconds
_PATIENCE = 60.0  # seconds that an offer waits for its taker


def offer(folder: str, action: RunSession) -> None:
    """Let a terminal play this attempt."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    _write(os.path.join(folder, _OFFER), to_plain(action))


def offered(folder: str) -> RunSession | None:
    """The attempt that this folder offers, None where it offers none."""
    try:
        with open(os.path.join(folder, _OFFER), "rb") as file:
            action: RunSession = from_plain(RunSession, json.loads(file.read()))
            return action
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


@contextmanager
def taken(folder: str) -> Iterator[None]:
    """While this lasts somebody sits at the terminal."""
    descriptor = os.open(os.path.join(folder, _LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def finish(folder: str, started: float, ended: float, code: int) -> None:
    """The terminal is done; times in seconds since the epoch."""
    exit_ = Exit(ExitReason.EXITED, code=code, started=started, ended=ended)
    _write(os.path.join(folder, _EXIT), to_plain(exit_))


async def over(folder: str) -> Exit:
    """Wait until nobody sits at the terminal of an offer any more; `lost`: nobody ever came."""
    begun = time.monotonic()
    while True:
        ended = read_exit(folder)
        if ended is not None:
            return ended
        left = _left(folder)
        if left is None and time.monotonic() > begun + _PATIENCE:
            return Exit(ExitReason.LOST, detail="nobody came to the terminal")
        if left:
            return read_exit(folder) or Exit(ExitReason.EXITED, code=0)
        await asyncio.sleep(_POLL)


def _left(folder: str) -> bool | None:
    """Whether who had taken it is gone; None: nobody has taken it yet."""
    try:
        descriptor = os.open(os.path.join(folder, _LOCK), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _write(path: str, value: object) -> None:
    """The whole file or none of it."""
    with open(f"{path}.new", "w", encoding="ascii") as file:
        file.write(json.dumps(value))
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"{path}.new", path)
