"""The one door for programs that are not git: each runs under a keeper of its own.

It promises: what runs writes to files, never to pipes (a daemon that holds a pipe
would hang us); every process of a Work is gone before `run_kept` returns, also when
it is cancelled; `exit.json` in the folder is durable and final, so that a Work that
has one is not run again; a program inherits nothing but what its Command says.

It refuses a Work without a program. Keepers start from the event loop's thread.
"""

import contextlib
import errno
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import MAGIC_NUMBER
from types import ModuleType
from typing import Any, BinaryIO

from wtman import keeper
from wtman.core.codec import from_plain
from wtman.core.model import FAR_FUTURE, Command, Exit, ExitReason, Work
from wtman.errors import DiskFullError, ExternalError

SESSION = "WTMAN_SESSION"
_KEEPER = "WTMAN_KEEPER"  # what a keeper carries, so that a sweep lets it do its work first
_FULL = (errno.ENOSPC, errno.EDQUOT)
_KEEPER_PATIENCE = 2.0  # seconds that a sweep leaves to keepers whose coordinator is dead
_SWEEP_PATIENCE = 5.0
_FD_WANTED = 8192
_PIECE = 1 << 20
_LINE_MOST = 8 << 20

_nofile_before: int | None = None


def keeper_command() -> tuple[str, ...]:
    """How a keeper is started, without its two arguments."""
    # Isolated and without `site`: a cheap start, and nothing that a repository plants is imported.
    return (sys.executable, "-I", "-S", "-E", "-X", "utf8", program_of(keeper))


def program_of(module: ModuleType) -> str:
    """The file to start a stand-alone program of ours by: compiled, where an import left it so.

    Python compiles a program anew at each start. Only a file that was made from this very
    source counts: who runs a compiled file is not asked whether it still fits.
    """
    source = module.__file__ or ""
    compiled = module.__spec__.cached if module.__spec__ else None
    try:
        facts = os.stat(source)
        with open(compiled or "", "rb") as file:
            head = file.read(16)
    except OSError:
        return source
    made_from = (int(facts.st_mtime) & 0xFFFFFFFF, facts.st_size & 0xFFFFFFFF)
    # The magic of this interpreter, then zero: checked by time and size, which follow.
    stamp = MAGIC_NUMBER + bytes(4) + b"".join(part.to_bytes(4, "little") for part in made_from)
    return compiled if compiled and head == stamp else source


def install_child_watcher() -> None:
    """Make asyncio wait for children by pidfd; call before any is started.

    Its default on 3.11 is a thread for each child.
    """
    if sys.version_info >= (3, 12) or not hasattr(os, "pidfd_open"):
        return
    import asyncio

    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return  # an old kernel, or a container that forbids it
    watcher = asyncio.PidfdChildWatcher()
    asyncio.set_child_watcher(watcher)
    with contextlib.suppress(RuntimeError):  # no loop yet: it attaches itself when it starts
        watcher.attach_loop(asyncio.get_running_loop())


def raise_fd_limit() -> None:
    """Allow this process many descriptors; programs it starts get the former limit back."""
    import resource

    global _nofile_before  # noqa: PLW0603 - as global as the limit itself
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FD_WANTED if hard == resource.RLIM_INFINITY else min(hard, _FD_WANTED)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    _nofile_before = soft


def run_in_terminal(argv: tuple[str, ...]) -> int:
    """Hand the terminal to a program that the user named, an editor; its exit status."""
    import subprocess

    return subprocess.run(argv, check=False).returncode


def start_apart(
    argv: tuple[str, ...], cwd: str, out: BinaryIO
) -> tuple[int, Callable[[], int | None]]:
    """Start a program in a session of its own that outlives this process; it prints to `out`.

    Its process id, and what gives its exit status when asked, None while it runs.
    """
    import subprocess

    none = subprocess.DEVNULL
    running = subprocess.Popen(
        argv, cwd=cwd, stdin=none, stdout=out, stderr=out, start_new_session=True
    )
    return running.pid, running.poll


async def hold_terminal(command: Command) -> int:
    """Hand the terminal to a program with its own environment; its exit status.

    Ctrl-C is the program's: here it is only waited for. The event loop goes on.
    """
    import asyncio

    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        running = await asyncio.create_subprocess_exec(
            *command.argv, cwd=command.cwd, env=command.env
        )
        return await running.wait()
    except OSError as error:
        raise ExternalError(f"{command.argv[0]} could not be started: {error.strerror}") from error
    finally:
        signal.signal(signal.SIGINT, before)


def answer_of(
    argv: tuple[str, ...],
    cwd: str,
    data: bytes = b"",
    timeout: float | None = None,
    extra: Mapping[str, str] | None = None,
) -> tuple[int, str, str]:
    """Run a program of the user's own, with their environment and `extra`: exit status, stdout,
    stderr.

    ExternalError where it cannot be started, or takes longer than `timeout` seconds.
    """
    import subprocess

    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(
            argv,
            cwd=cwd,
            env={**os.environ, **extra} if extra else None,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            start_new_session=bool(timeout),
        )
    except OSError as error:
        raise ExternalError(f"{argv[0]} could not be started: {error.strerror}") from error
    with process:
        try:
            out, err = process.communicate(data, timeout)
        except subprocess.TimeoutExpired as error:
            # Not only the program: what it started holds the pipes.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise ExternalError(f"{argv[0]} gave no answer within {timeout:g} s") from error
        except BaseException:
            process.kill()
            raise
    return process.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")


# --- running ----------------------------------------------------------------------------------


async def run_kept(work: Work, *, keeper_cmd: tuple[str, ...] = ()) -> Exit:
    """Run a Work to its end; where it has ended before, give that end.

    Cancelling stops the program politely, within its grace; cancelling again kills
    it. In both cases its end is on disk as `stopped` before CancelledError goes up.
    A keeper that dies itself makes it `lost`, which leaves no mark on disk.
    """
    import asyncio

    if not work.command.argv:
        raise ValueError(f"work {work.id} has no program")
    before = read_exit(work.folder)
    if before is not None:
        return before
    with _disk_full_named(work.folder):
        _write_spec(work)
        environment = _environment_file(work)
    lease, writer = os.pipe()  # both close-on-exec: nobody else's child may hold the lease
    life = asyncio.ensure_future(_live(work, keeper_cmd or keeper_command(), lease, environment))
    orders = iter((b"S", b"K"))
    cancelled = False
    try:
        while not life.done():
            try:
                await asyncio.wait((life,))
            except asyncio.CancelledError:
                cancelled = True
                with suppress(OSError):  # the keeper may be gone already
                    os.write(writer, next(orders, b""))
    finally:
        os.close(writer)
    if cancelled and not life.cancelled():
        life.exception()  # looked at, so that asyncio does not complain: being cancelled wins
        raise asyncio.CancelledError
    return life.result()


async def _live(work: Work, command: tuple[str, ...], lease: int, environment: int) -> Exit:
    """From the start of the keeper to its end."""
    import asyncio

    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            os.path.join(work.folder, "spec.json"),
            str(lease),
            stdin=environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=work.folder,
            env=_keeper_environment(work),
            pass_fds=(lease,),
            start_new_session=True,
        )
    except OSError as error:
        raise ExternalError(
            f"cannot start {command[0]}: {error.strerror}",
            argv=command,
            cwd=work.folder,
            hint="run fewer at once (--jobs), or raise the limits of processes and open files",
        ) from error
    finally:
        os.close(lease)
        os.close(environment)
    status = await process.wait()
    ended = read_exit(work.folder)
    if ended is not None:
        return ended
    await asyncio.to_thread(_sweep, lambda session: session == work.id, frozenset())
    if status in _FULL:
        raise DiskFullError(
            f"no space left for the output of {work.id} in {work.folder}",
            argv=work.command.argv,
            cwd=work.command.cwd,
            exit_status=status,
            hint="free some space, then `wtman resume`",
        )
    how = f"by {_signal_name(-status)}" if status < 0 else f"with status {status}"
    return Exit(ExitReason.LOST, detail=f"its keeper ended {how} without a record")


def _write_spec(work: Work) -> None:
    os.makedirs(work.folder, mode=0o700, exist_ok=True)
    os.chmod(work.folder, 0o700)
    # What a killed coordinator left of the same attempt would be read as this one's output.
    for name in ("stdin", "stdout", "stderr", "exit.json.tmp", "keeper.err"):
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(work.folder, name))
    if work.command.stdin:
        _write(os.path.join(work.folder, "stdin"), work.command.stdin)
    spec: dict[str, Any] = {
        "id": work.id,
        "argv": work.command.argv,
        "cwd": work.command.cwd,
        "timeout": None if work.timeout == FAR_FUTURE else work.timeout,
        "grace": work.grace,
        "output_cap": work.output_cap,
        "nofile": _nofile_before,
    }
    _write(os.path.join(work.folder, "spec.json"), json.dumps(spec).encode())


def _environment_file(work: Work) -> int:
    """A descriptor of the program's environment, in a file without a name.

    It holds keys: they must not be found in the evidence, by another session least of all.
    """
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("environment")
    else:
        import tempfile

        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    env = {**work.command.env, SESSION: work.id}
    with open(descriptor, "wb", closefd=False) as file:
        file.write(json.dumps(env).encode())
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _write(path: str, content: bytes) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with open(os.open(path, flags, 0o600), "wb") as file:
        file.write(content)


@contextmanager
def _disk_full_named(folder: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = "free some space, then `wtman resume`" if error.errno in _FULL else ""
        kind = DiskFullError if error.errno in _FULL else ExternalError
        raise kind(
            f"cannot write {error.filename or folder}: {error.strerror}", hint=hint
        ) from error


def _keeper_environment(work: Work) -> dict[str, str]:
    # PATH for `ps` where there is no /proc.
    return {"PATH": os.environ.get("PATH", os.defpath), _KEEPER: work.id}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


# --- what is on disk ----------------------------------------------------------------------------


def started(folder: str) -> bool:
    """Whether the program of this Work may have run: its keeper had opened its output."""
    return os.path.exists(os.path.join(folder, "stdout"))


def read_exit(folder: str) -> Exit | None:
    """The durable end of the Work in this folder, None while it has none."""
    try:
        with open(os.path.join(folder, "exit.json"), "rb") as file:
            ended: Exit = from_plain(Exit, json.loads(file.read()))
            return ended
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
        return None


def tail(path: str, offset: int) -> tuple[bytes, int]:
    """What the file has after `offset`, a megabyte at most, and the offset after that."""
    try:
        with open(path, "rb", buffering=0) as file:
            file.seek(offset)
            piece = file.read(_PIECE) or b""
    except FileNotFoundError:
        return b"", offset
    return piece, offset + len(piece)


class Lines:
    """Cuts pieces of bytes into lines; any bytes, any length, memory bounded.

    A line of more than 8 MiB is replaced by one that says so.
    """

    __slots__ = ("_held", "_most", "_pieces", "_too_long")

    def __init__(self, most: int = _LINE_MOST) -> None:
        self._most = most
        self._pieces: list[bytes] = []
        self._held = 0
        self._too_long = False

    def feed(self, piece: bytes) -> list[bytes]:
        """The lines that this piece completes, without their ends."""
        head, end, rest = piece.partition(b"\n")
        self._hold(head)
        if not end:
            return []
        lines = [self._take(), *rest.split(b"\n")]
        self._hold(lines.pop())
        if len(rest) > self._most:
            lines = [line if len(line) <= self._most else self._dropped() for line in lines]
        return lines

    def flush(self) -> list[bytes]:
        """The last line, where it has no end."""
        return [self._take()] if self._held or self._too_long else []

    def _hold(self, piece: bytes) -> None:
        if not piece or self._too_long:
            return
        self._pieces.append(piece)
        self._held += len(piece)
        if self._held > self._most:
            self._pieces.clear()
            self._held = 0
            self._too_long = True

    def _take(self) -> bytes:
        line = self._dropped() if self._too_long else b"".join(self._pieces)
        self._pieces.clear()
        self._held = 0
        self._too_long = False
        return line

    def _dropped(self) -> bytes:
        return b"[wtman: a line of more than %d bytes was dropped]" % self._most


# --- what outlived its keeper ---------------------------------------------------------------------


def sweep(session_prefix: str) -> int:
    """Kill what is left of sessions whose id begins so; how many processes that were.

    For the holder of the run's lock, at its start: a living session of this very
    process is spared, one of another coordinator is not. Blocks up to some seconds.
    """
    if not session_prefix:
        raise ValueError("an empty prefix would match every session")
    ours = frozenset(keeper.descendants(os.getpid(), keeper.table()))
    return _sweep(lambda session: session.startswith(session_prefix), ours)


def _sweep(wanted: Callable[[str], bool], spare: frozenset[int]) -> int:
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
        elif wanted(_value(environment, _KEEPER)):
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
        yield from _environments_by_ps(processes)
        return
    for pid in processes:
        with suppress(OSError), open(f"/proc/{pid}/environ", "rb", buffering=0) as file:
            yield pid, b"\0" + file.readall()


def _environments_by_ps(processes: dict[int, keeper.Process]) -> Iterator[tuple[int, bytes]]:
    import subprocess

    columns = ["ps", "-axEww", "-o", "pid=,command="]
    listing = subprocess.run(columns, capture_output=True, check=False).stdout
    for line in listing.splitlines():
        pid, _, rest = line.strip().partition(b" ")
        if int(pid) in processes:
            yield int(pid), rest.replace(b" ", b"\0")


def _value(environment: bytes, name: str) -> str:
    _, found, rest = environment.partition(b"\0" + name.encode() + b"=")
    return rest.partition(b"\0")[0].decode("utf-8", "replace") if found else ""
