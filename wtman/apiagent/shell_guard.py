"""Holds a shell, and kills all of it when the agent is gone: a program, stdlib only.

    python -I -S shell_guard.py LIFE STATUS SHELL...

LIFE is a descriptor whose other end only the agent has: its end of file means that
the agent is gone, whatever killed it. The shell has STATUS as its descriptor 3. On that, on a
signal, or when the shell ends, every process that the shell has started is killed,
also those with a session of their own: their orphans become children of this
process, which is why it exists.
"""

import ctypes
import fcntl
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
PATIENCE = 5.0  # seconds for killing what forks faster than it dies


def main() -> int:
    # Out of the way, and then the status on 3, which every shell can name.
    life, status = (fcntl.fcntl(int(fd), fcntl.F_DUPFD, 10) for fd in sys.argv[1:3])
    for fd in {int(fd) for fd in sys.argv[1:3]}:
        os.close(fd)
    os.dup2(status, 3)
    os.close(status)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    awake, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _note)
    shell = subprocess.Popen(
        sys.argv[3:],
        pass_fds=(3,),
        start_new_session=True,
        # Whoever kills this process with SIGKILL takes at least the shell along.
        # Safe here: there is one thread.
        preexec_fn=lambda: _prctl(PR_SET_PDEATHSIG, signal.SIGKILL),  # noqa: PLW1509
    )
    for descriptor in (0, 1, 2, 3):
        os.close(descriptor)  # so that the agent sees the end of the shell's output
    code = _watch(shell.pid, life, awake)
    _kill_all(shell.pid)
    return code


def _note(number: int, frame: object) -> None:
    return None  # the wakeup descriptor says it


def _watch(shell: int, life: int, awake: int) -> int:
    """Wait until the shell ends, or until it has to; its exit status."""
    while True:
        ready, _, _ = select.select([life, awake], [], [])
        if life in ready:
            return 143
        if any(number != signal.SIGCHLD for number in os.read(awake, 64)):
            return 143
        for pid, status in _reaped():
            if pid == shell:
                return max(os.waitstatus_to_exitcode(status), 0) or (status and 137)


def _reaped() -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if not pid:
            return found
        found.append((pid, status))


def _kill_all(shell: int) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        # All that there is to go by where no process table is mounted.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(shell, signal.SIGKILL)
        for pid in _descendants(os.getpid()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _reaped()
        try:
            os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        time.sleep(0.005)


def _descendants(root: int) -> list[int]:
    parents: dict[int, int] = {}
    try:
        names = os.listdir("/proc")
    except OSError:
        return []
    for name in names:
        if name.isdecimal():
            with suppress(OSError, IndexError), open(f"/proc/{name}/stat", "rb") as file:
                parents[int(name)] = int(file.read().rpartition(b")")[2].split()[1])
    found: list[int] = []
    front = {root}
    while front:
        front = {pid for pid, parent in parents.items() if parent in front}
        found += front
    return found


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main())
