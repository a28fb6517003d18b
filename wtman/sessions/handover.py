"""A task handed over to the user's terminal: what two processes tell each other by files.

The holder of the run's lock offers the attempt in its evidence folder; `wtman attach`
takes it, holds a lock for as long as the terminal lasts, and leaves an exit marker as
any session does. So whichever of the two dies, the other one and a resume know.
"""

import asyncio
import json
import os
import time
from contextlib import AbstractContextManager

from wtman import files
from wtman.execution.output import read_exit
from wtman.formats.codec import from_plain, to_plain
from wtman.model.command import Exit, ExitReason
from wtman.sessions.actions import RunSession

_OFFER, _LOCK, _EXIT = "attach.json", "attached.lock", "exit.json"
_POLL = 0.2  # seconds
_PATIENCE = 60.0  # seconds that an offer waits for its taker


def offer(folder: str, action: RunSession) -> None:
    """Offer this attempt to a terminal."""
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


def taken(folder: str) -> AbstractContextManager[None]:
    """While this lasts somebody sits at the terminal."""
    return files.locked(os.path.join(folder, _LOCK))


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
        at_it = files.is_locked(os.path.join(folder, _LOCK))  # None: nobody has taken it yet
        if at_it is None and time.monotonic() > begun + _PATIENCE:
            return Exit(ExitReason.LOST, detail="no terminal attached in time")
        if at_it is False:
            return read_exit(folder) or Exit(ExitReason.EXITED, code=0)
        await asyncio.sleep(_POLL)


def _write(path: str, value: object) -> None:
    files.replace(path, json.dumps(value).encode("ascii"), durable=True)
