"""What a dead coordinator left alive, found and ended."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from wtman.execution import keeper

SESSION = "WTMAN_SESSION"
KEEPER = "WTMAN_KEEPER"  # what a keeper carries, so that a sweep lets it do its work first
_KEEPER_PATIENCE = 2.0  # seconds that a sweep leaves to keepers whose coordinator is dead
_SWEEP_PATIENCE = 5.0


def sweep(session_prefix: str) -> int:
    """Kill what is left of sessions whose id begins so; how many processes that were.

    For the holder of the run's lock, at its start: a living session of this very
    process is spared, one of another coordinator is not. Blocks up to some seconds.
    """
    if not session_prefix:
        raise ValueError("an empty prefix would match every session")
    ours = frozenset(keeper.descendants(os.getpid(), keeper.table()))
    return end_sessions(lambda session: session.startswith(session_prefix), ours)


def end_sessions(wanted: Callable[[str], bool], spare: frozenset[int]) -> int:
    """End every session whose id is wanted, but for these processes; how many were killed."""
    begin = time.monotonic()
    struck: set[tuple[int, str]] = set()
    while time.monotonic() < begin + _SWEEP_PATIENCE:
        processes = keeper.table()
        keepers, victims = _stale(wanted, processes, spare | _ancestors(processes))
        if time.monotonic() > begin + _KEEPER_PATIENCE:
            victims |= keepers
        elif not victims and not keepers:
            break
        for pid in victims:
            if keeper.strike(pid, processes[pid][1], signal.SIGKILL):
                struck.add((pid, processes[pid][1]))
        time.sleep(0.02)
    return len(struck)


def _stale(
    wanted: Callable[[str], bool], processes: dict[int, keeper.Process], spare: frozenset[int]
) -> tuple[set[int], set[int]]:
    """Keepers, and everything else that belongs to the wanted sessions."""
    keepers: set[int] = set()
    found: set[int] = set()
    for pid, environment in _environments(processes):
        if pid in spare or processes[pid][2] in "ZX":
            continue
        if wanted(_value(environment, SESSION)):
            found.add(pid)
        elif wanted(_value(environment, KEEPER)):
            keepers.add(pid)
    for pid in found | keepers:
        found.update(keeper.descendants(pid, processes))
    alive = {pid for pid in found if processes[pid][2] not in "ZX"}
    return keepers, alive - keepers - spare


def _ancestors(processes: dict[int, keeper.Process]) -> frozenset[int]:
    """This process and those above it: wtman itself may run in a session."""
    pid, found = os.getpid(), set[int]()
    while pid in processes and pid not in found:
        found.add(pid)
        pid = processes[pid][0]
    return frozenset(found)


def _environments(processes: dict[int, keeper.Process]) -> Iterator[tuple[int, bytes]]:
    if not keeper.LINUX:
        yield from (item for item in keeper.environments_by_ps() if item[0] in processes)
        return
    for pid in processes:
        with suppress(OSError), open(f"/proc/{pid}/environ", "rb", buffering=0) as file:
            yield pid, b"\0" + file.readall()


def _value(environment: bytes, name: str) -> str:
    _, found, rest = environment.partition(b"\0" + name.encode() + b"=")
    return rest.partition(b"\0")[0].decode("utf-8", "replace") if found else ""
