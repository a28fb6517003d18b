"""What wtman is about to do to refs, HEAD and index, noted before it is done.

What this process does is kept in the memory of its `Repository`, where no session can
write. A file tells the other coordinators of the repository; a session without a sandbox
could write lines there too, so who reads it believes no more of it than fits
(`wtman.sandbox.guard`).
"""

import os
from collections.abc import Sequence

from wtman import locks
from wtman.formats.git_output import raw, text
from wtman.git.discovery import Repository
from wtman.model.ref_moves import Move

_CAP = 8 << 20


def announce(repo: Repository, moves: Sequence[Move]) -> None:
    """Note what is about to be done; it may fail or not be done after all."""
    repo.announced.extend(moves)
    lines = "".join(f"{move.old or '-'} {move.new or '-'} {move.what}\n" for move in moves)
    try:
        os.makedirs(repo.wtman_dir, mode=0o700, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(_file(repo), flags, 0o600)
        try:
            if os.fstat(descriptor).st_size > _CAP:
                os.ftruncate(descriptor, 0)
            os.write(descriptor, raw(lines))
        finally:
            os.close(descriptor)
    except OSError:
        return  # no note is better than no ref


def own(repo: Repository, since: int) -> tuple[frozenset[Move], int]:
    """What this process has noted since that place, and the place to go on from."""
    place = len(repo.announced)
    return frozenset(repo.announced[since:place]), place


def told(repo: Repository, since: int) -> tuple[frozenset[Move], int]:
    """What the file has since that place: of any process, and maybe forged."""
    try:
        with open(_file(repo), "rb", opener=_waiting_for_nobody) as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(since if 0 <= since <= size else 0)
            lines = text(file.read(_CAP)).splitlines()
    except OSError:
        return frozenset(), 0
    return frozenset(filter(None, map(_parsed, lines))), size


def size(repo: Repository) -> int:
    """The place behind what the file has now."""
    try:
        return os.stat(_file(repo)).st_size
    except OSError:
        return 0


def drop_left_lock(repo: Repository) -> None:
    """Take away the lock of all refs that a git of a dead coordinator has left."""
    locks.drop_left(repo.common_dir, _file(repo))


def _parsed(line: str) -> Move | None:
    parts = line.split(" ", 2)
    if len(parts) != 3:
        return None
    old, new, what = parts
    return Move(what, "" if old == "-" else old, "" if new == "-" else new)


def _waiting_for_nobody(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW)


def _file(repo: Repository) -> str:
    return os.path.join(repo.wtman_dir, "moves")
