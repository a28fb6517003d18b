"""Becomes a keeper for each session, by forking; a stand-alone program, standard library only.

    python -I -S -E -X utf8 keeper_server.py SOCKET_FD KEEPER_PROGRAM

Why it exists: a new interpreter costs more than everything else that a short session needs,
and a confined session would start two before its own program. Here one has loaded the keeper
already, and each keeper is a copy of it. The same spares the interpreter of a program of
ours that the keeper starts (sandbox/confine.py): the copy runs it itself.

Orders come over the socket: `SPEC_FILE\\0ID` with the descriptors of the lease, the environment
and a report. The report is told the keeper's process id in the first line and its wait status in
the second; it ends when both the keeper and the server are gone. The server ends when the
other end of its socket does; keepers that live then have their own lease. `/proc` shows the id
of its work in each keeper's environment, as if it had been started with it.
"""

from __future__ import annotations

import _socket
import array
import ctypes
import gc
import marshal
import os
import select
import sys

# As in the keeper: imports are most of what a start costs.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from types import CodeType
    from typing import Any
else:
    import _signal as signal

MARK = "WTMAN_KEEPER"
_MOST = 1 << 16  # bytes of an order
_OPTIONS = ("-I", "-S", "-E", "-X", "utf8")  # execution/spawn.py starts our programs with these
_HEADER = 16  # bytes before the code in a compiled file


def serve(way: Any, keeper: dict[str, Any]) -> None:
    """Start keepers as they are ordered, until the other end of the socket is closed."""
    wake, ring = os.pipe()
    os.set_blocking(ring, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(ring, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    poll = select.poll()
    poll.register(way, select.POLLIN)
    poll.register(wake, select.POLLIN)
    reports: dict[int, int] = {}
    while True:
        for file, _ in poll.poll():
            if file == wake:
                os.read(wake, 4096)
            elif not _order(way, (wake, ring), keeper, reports):
                return
        _reap(reports)


def _order(
    way: Any, wake: tuple[int, int], keeper: dict[str, Any], reports: dict[int, int]
) -> bool:
    """Take one order; whether there may be more."""
    space = _socket.CMSG_SPACE(3 * array.array("i").itemsize)
    said, passed, _, _ = way.recvmsg(_MOST, space, _socket.MSG_CMSG_CLOEXEC)
    if not said:
        return False
    files = array.array("i")
    for _, _, data in passed:
        files.frombytes(data)
    lease, environment, report = files
    spec, _, name = said.partition(b"\0")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setsid()
            signal.set_wakeup_fd(-1)
            for file in (way.fileno(), *wake, *reports.values()):
                os.close(file)
            os.dup2(environment, 0)
            os.close(environment)
            _mark(name)
            # By itself: whoever hears of a keeper whose server has died does not start another.
            _tell(report, os.getpid())
            os.chdir(os.path.dirname(spec))
            sys.argv[1:] = [os.fsdecode(spec), str(lease)]
            status = keeper["main"]()
        finally:
            os._exit(status)  # nothing is left to tidy up, and tidying costs
    os.close(lease)
    os.close(environment)
    reports[child] = report
    return True


def _reap(reports: dict[int, int]) -> None:
    """Tell how keepers ended."""
    while reports:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        report = reports.pop(pid)
        _tell(report, status)
        os.close(report)


def _tell(report: int, number: int) -> None:
    try:
        os.write(report, b"%d\n" % number)
    except OSError:
        pass  # nobody waits for it any more


def _mark(name: bytes) -> None:
    """Put the id of the work where this process's environment has room for it.

    A sweep after a crash looks for it there (execution/sweep.py). Where that fails it is only
    less patient with this keeper.
    """
    try:
        with open("/proc/self/stat", "rb", buffering=0) as file:
            # proc_pid_stat(5): env_start and env_end are the fields 50 and 51.
            facts = file.read().rpartition(b")")[2].split()
        start, end = int(facts[47]), int(facts[48])
        block = ctypes.string_at(start, end - start)
        at = block.index(b"%s=" % MARK.encode()) + len(MARK) + 1
        room = block.index(b"\0", at) - at
        ctypes.memmove(start + at, name[:room].ljust(room, b"\0"), room)
    except (OSError, ValueError, IndexError):
        pass


def run_program(argv: list[str], env: dict[str, str]) -> None:
    """Run a program of ours in this process, as its start would; returns if `argv` is none."""
    if tuple(argv[1:6]) != _OPTIONS or len(argv) < 7 or not _is_interpreter(argv[0]):
        return
    try:
        code = _loaded(argv[6])
    except (OSError, ValueError, EOFError):
        return
    os.environ.clear()
    os.environ.update(env)
    sys.argv[:] = argv[6:]
    exec(code, {"__name__": "__main__", "__file__": argv[6]})


def _is_interpreter(program: str) -> bool:
    return program == sys.executable or os.path.realpath(program) == os.path.realpath(
        sys.executable
    )


def _loaded(program: str) -> CodeType:
    with open(program, "rb") as file:
        content = file.read()
    if program.endswith(".pyc"):
        compiled: CodeType = marshal.loads(content[_HEADER:])
        return compiled
    return compile(content, program, "exec", dont_inherit=True)


def main() -> None:
    way = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, fileno=int(sys.argv[1]))
    os.set_inheritable(way.fileno(), False)
    keeper: dict[str, Any] = {"__name__": "keeper", "__file__": sys.argv[2]}
    exec(_loaded(sys.argv[2]), keeper)
    keeper["run_program"] = run_program
    gc.disable()  # a copy is short-lived, and a look at every object would copy its memory
    gc.freeze()
    serve(way, keeper)


if __name__ == "__main__":
    main()
    os._exit(0)
