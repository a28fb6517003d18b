"""The ports that a task or a check has for itself."""

import zlib
from collections.abc import Iterable

from wtman.model.ids import RunId

# Ten ports each, below the range from which the kernel hands out its own.
_FIRST_PORT, _PORT_BLOCKS, _CHECK_BLOCKS = 20000, 1200, 70


def port_of(run: RunId, task: str, among: Iterable[str] = ()) -> int:
    """The first of ten ports for a task: the same at every call, unlikely to be another run's.

    With `among`, the run's tasks in order, no two of them share a block; a task
    that is added at the end moves no other.
    """
    taken: set[int] = set()
    for name in (*among, task):
        block = zlib.crc32(f"{run}/{name}".encode()) % _PORT_BLOCKS
        while block in taken and len(taken) < _PORT_BLOCKS:
            block = (block + 1) % _PORT_BLOCKS
        if name == task:
            return _FIRST_PORT + 10 * block
        taken.add(block)
    raise AssertionError("unreachable: the task is the last name")


def check_port(run: RunId, slot: int) -> int:
    """The first of ten ports for a check checkout, in a range that no task gets."""
    block = (zlib.crc32(run.encode()) + slot) % _CHECK_BLOCKS
    return _FIRST_PORT + 10 * (_PORT_BLOCKS + block)
