"""Programs started: under a keeper, on a terminal, in the background."""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from importlib.util import MAGIC_NUMBER
from types import ModuleType
from typing import TYPE_CHECKING, BinaryIO

from wtman.errors import ExternalError
from wtman.execution import keeper
from wtman.model.command import Command

if TYPE_CHECKING:
    from asyncio.subprocess import Process


# Isolated and without `site`: a cheap start, and nothing that a repository plants is imported.
ISOLATED = ("-I", "-S", "-E", "-X", "utf8")


def keeper_command() -> tuple[str, ...]:
    """How a keeper is started, without its two arguments."""
    return (sys.executable, *ISOLATED, program_of(keeper))


def program_of(module: ModuleType) -> str:
    """The file to start a stand-alone program of ours by: compiled, where an import left it so.

    Python compiles a program anew at each start: 5 of 21 ms of processor time, and a confined
    session starts up to three. Only a file that was made from this very
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


def run_in_terminal(
    argv: tuple[str, ...], text: bytes | None = None, env: Mapping[str, str] | None = None
) -> int:
    """Hand the terminal to an editor, or to a pager that reads `text`; its exit status.

    Ctrl-C is the program's: here it is only waited for.
    """
    import subprocess

    with _terminal_lent():
        return subprocess.run(argv, input=text, env=env, check=False).returncode


@contextlib.contextmanager
def _terminal_lent() -> Iterator[None]:
    """While another program has the terminal: Ctrl-C is its own, and the terminal is ours again.

    A shell with job control makes itself the foreground; one in a sandbox, that sees other
    process numbers, cannot give that back, and whoever reads next gets an I/O error.
    """
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    foreground = _foreground()
    try:
        yield
    finally:
        if foreground == os.getpgrp() != _foreground():
            quiet = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            with suppress(OSError):
                os.tcsetpgrp(0, foreground)
            signal.signal(signal.SIGTTOU, quiet)
        signal.signal(signal.SIGINT, before)


def _foreground() -> int:
    """The process group that has the terminal of stdin; 0: there is none."""
    try:
        return os.tcgetpgrp(0)
    except OSError:
        return 0


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

    try:
        with _terminal_lent():
            running = await asyncio.create_subprocess_exec(
                *command.argv, cwd=command.cwd, env=command.env
            )
            return await running.wait()
    except OSError as error:
        raise ExternalError(f"{command.argv[0]} could not be started: {error.strerror}") from error


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


class PipedProcess:
    """A program that talks with us over its stdin and stdout; what it says beside goes to a file.

    It leads a process group of its own, all of which `end` kills.
    """

    def __init__(self, process: "Process", complaints: str) -> None:
        self._process = process
        self._complaints = complaints

    async def read(self, most: int) -> bytes:
        """What it says next; empty at its end."""
        out = self._process.stdout
        return await out.read(most) if out is not None else b""

    def write(self, data: bytes) -> None:
        """Tell it something; nothing happens where it listens no more."""
        into = self._process.stdin
        if into is not None and not into.is_closing():
            into.write(data)

    async def heeded(self) -> None:
        """Until it has taken in most of what it was told: who does not listen is told no more."""
        into = self._process.stdin
        if into is not None:
            with suppress(ConnectionError):
                await into.drain()

    def used(self) -> tuple[float, int]:
        """Seconds of processor time and bytes of memory of it and of all below it, as far as the
        system tells."""
        seconds, memory = 0.0, 0
        if not keeper.LINUX:
            return seconds, memory
        tick, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
        for pid in (self._process.pid, *keeper.descendants(self._process.pid, keeper.table())):
            with suppress(OSError, IndexError), open(f"/proc/{pid}/stat", "rb") as file:
                facts = file.read().rpartition(b")")[2].split()
                seconds += (int(facts[11]) + int(facts[12])) / tick
                memory += int(facts[21]) * page
        return seconds, memory

    async def ended(self) -> tuple[int, str]:
        """Its exit status, negative for a signal, and the last line that it printed beside."""
        status = await self._process.wait()
        with contextlib.suppress(OSError), open(self._complaints, "rb") as file:
            file.seek(max(os.fstat(file.fileno()).st_size - 4096, 0))
            said = file.read().decode("utf-8", "replace").strip().splitlines()
            return status, said[-1] if said else ""
        return status, ""

    async def end(self) -> None:
        """Kill it and all that it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        if self._process.stdin is not None:
            self._process.stdin.close()
        # asyncio tells nobody of its end while something that it said is not read.
        while await self.read(1 << 16):
            pass
        await self._process.wait()


async def start_piped(command: Command, complaints: str) -> PipedProcess:
    """Start a program to talk with; `complaints` is the file for its stderr."""
    import asyncio

    os.makedirs(os.path.dirname(complaints), mode=0o700, exist_ok=True)
    with open(complaints, "wb") as beside:
        try:
            process = await asyncio.create_subprocess_exec(
                *command.argv,
                cwd=command.cwd,
                env=command.env,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=beside,
                start_new_session=True,
            )
        except OSError as error:
            why = error.strerror
            raise ExternalError(f"{command.argv[0]} could not be started: {why}") from error
    return PipedProcess(process, complaints)
