"""The shell that a model's commands run in: one for the session, folder and variables kept.

It promises that a command cannot hang the session (a time limit, no stdin), that its
output is bounded with both ends kept, that nothing of it outlives the session (that is
`shell_guard`), and that it inherits no secret. What a command may reach
is the sandbox's business.
"""

import asyncio
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

HEAD, TAIL = 10_000, 20_000  # bytes of a command's output that are kept
LIMIT, MOST = 120.0, 1800.0  # seconds
_GUARD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "shell_guard.py")
_QUIET = {"TERM": "dumb", "PAGER": "cat", "GIT_PAGER": "cat", "GIT_TERMINAL_PROMPT": "0"}
_DROPPED = ("BASH_ENV", "ENV", "PS4", "PROMPT_COMMAND")


@dataclass(frozen=True)
class ShellResult:
    """How a command ended. `code` is None when the shell ended with it, or was killed."""

    output: str
    code: int | None = None
    note: str = ""


class _Kept:
    """The beginning and the end of a stream of any length."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._size = 0

    def add(self, data: bytes) -> None:
        self._size += len(data)
        room = HEAD - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > 2 * TAIL:
            del self._tail[:-TAIL]

    def text(self) -> str:
        tail = self._tail[-TAIL:]
        lost = self._size - len(self._head) - len(tail)
        gap = f"\n[{lost} bytes left out]\n".encode() if lost else b""
        return (self._head + gap + tail).decode("utf-8", "replace")


class Shell:
    """A shell in `cwd`, started by its first command."""

    def __init__(self, cwd: str, environ: Mapping[str, str]) -> None:
        self._cwd = cwd
        kept = {name: value for name, value in environ.items() if name not in _DROPPED}
        self._environ = {**kept, **_QUIET}
        self._guard: subprocess.Popen[bytes] | None = None
        self._life = self._status = -1

    def _start(self) -> subprocess.Popen[bytes]:
        bash = shutil.which("bash", path=os.defpath)
        shell = [bash, "--noprofile", "--norc"] if bash else ["/bin/sh"]
        below, self._life = os.pipe()
        self._status, status = os.pipe()
        argv = [sys.executable, "-I", "-S", _GUARD, str(below), str(status), *shell]
        try:
            # From the main thread: the guard is told of the end of the thread that made it.
            guard = subprocess.Popen(
                argv,
                cwd=self._cwd,
                env=self._environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(below, status),
                start_new_session=True,
            )
        finally:
            os.close(below)
            os.close(status)
        assert guard.stdout is not None
        os.set_blocking(guard.stdout.fileno(), False)
        os.set_blocking(self._status, False)
        return guard

    async def run(self, command: str, limit: float = LIMIT) -> ShellResult:
        """Run a command; `limit` in seconds, after which the whole shell is killed."""
        if "\0" in command:
            return ShellResult("", 2, "a command has no NUL characters")
        if self._guard is None:
            self._guard = self._start()
        guard, kept = self._guard, _Kept()
        try:
            async with asyncio.timeout(limit):
                await asyncio.to_thread(_feed, guard, _wrapped(command))
                said = await self._follow(guard, kept)
        except TimeoutError:
            _drain(guard, kept)
            await self.close()
            note = (
                f"stopped after {limit:g} s; the shell was started anew, its folder is {self._cwd}"
            )
            return ShellResult(kept.text(), None, note)
        except asyncio.CancelledError:
            self._let_go()
            raise
        _drain(guard, kept)
        if said:
            return ShellResult(kept.text(), int(said))
        code = await self._ended(guard)
        note = f"the shell has ended with status {code}; the next command starts a new one"
        return ShellResult(kept.text(), None, note)

    async def _follow(self, guard: subprocess.Popen[bytes], kept: _Kept) -> bytes:
        """Read output until the status is there; empty when the shell ended before that."""
        loop = asyncio.get_running_loop()
        assert guard.stdout is not None
        output, status = guard.stdout.fileno(), self._status
        done: asyncio.Future[bytes] = loop.create_future()
        said = bytearray()

        def on_output() -> None:
            if _take(output, kept) == 0:
                loop.remove_reader(output)

        def on_status() -> None:
            data = os.read(status, 64)
            said.extend(data)
            if (not data or said.endswith(b"\n")) and not done.done():
                done.set_result(bytes(said).strip())

        loop.add_reader(output, on_output)
        loop.add_reader(status, on_status)
        try:
            return await done
        finally:
            loop.remove_reader(output)
            loop.remove_reader(status)

    def _let_go(self) -> None:
        if self._life >= 0:
            os.close(self._life)
            self._life = -1

    async def _ended(self, guard: subprocess.Popen[bytes]) -> int | None:
        """The status that the shell has ended with by itself."""
        with suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(guard.wait, 8.0)
        await self.close()
        return guard.returncode

    async def close(self) -> None:
        """Kill the shell and everything that it has started, and wait for that."""
        guard, self._guard = self._guard, None
        if guard is None:
            return
        self._let_go()
        try:
            await asyncio.to_thread(guard.wait, 8.0)
        except subprocess.TimeoutExpired:
            guard.kill()
            guard.wait()
        for stream in (guard.stdin, guard.stdout):
            with suppress(BrokenPipeError):
                if stream is not None:
                    stream.close()
        os.close(self._status)


def _wrapped(command: str) -> bytes:
    """The command as one argument of `eval`: what is unbalanced in it is only its own error.

    Its status goes to descriptor 3, which the command itself does not have.
    """
    line = f"eval {shlex.quote(command)} </dev/null 3>&-\nprintf '%d\\n' \"$?\" >&3\n"
    return line.encode("utf-8", "replace")


def _feed(guard: subprocess.Popen[bytes], data: bytes) -> None:
    assert guard.stdin is not None
    with suppress(BrokenPipeError):  # the shell is gone: its status says so
        guard.stdin.write(data)
        guard.stdin.flush()


def _take(output: int, kept: _Kept) -> int | None:
    """Read what is there; the number of bytes: 0 at the end of the output, None for nothing yet."""
    try:
        data = os.read(output, 1 << 16)
    except BlockingIOError:
        return None
    kept.add(data)
    return len(data)


def _drain(guard: subprocess.Popen[bytes], kept: _Kept) -> None:
    """Take what a command that has ended has left in the pipe; a flood is not waited for."""
    assert guard.stdout is not None
    for _ in range(64):
        if not _take(guard.stdout.fileno(), kept):
            return
