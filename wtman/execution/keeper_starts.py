"""How keepers come to life: by an interpreter of their own, or as copies of a server's.

Promises that a keeper starts either way: where the server cannot be had (no Linux, killed,
out of memory), one is started the plain way.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from wtman.execution import keeper
from wtman.execution.spawn import ISOLATED, keeper_command, program_of
from wtman.execution.sweep import KEEPER

if TYPE_CHECKING:
    import asyncio
    import socket
    import subprocess

_ROOM = 1024  # bytes of an id that a copy can show in its environment
_PATIENCE = 5.0  # seconds for a server to end by itself


class StartedKeeper(Protocol):
    """A keeper that lives. `wait` gives its exit status, negative for a signal; None: unknown."""

    pid: int

    async def wait(self) -> int | None: ...


async def start_alone(
    command: Sequence[str], folder: str, name: str, lease: int, environment: int
) -> StartedKeeper:
    """A keeper with an interpreter of its own. OSError where it cannot be started."""
    import asyncio

    return await asyncio.create_subprocess_exec(
        *(command or keeper_command()),
        os.path.join(folder, "spec.json"),
        str(lease),
        stdin=environment,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=folder,
        # PATH for `ps` where there is no /proc.
        env={"PATH": os.environ.get("PATH", os.defpath), KEEPER: name},
        pass_fds=(lease,),
        start_new_session=True,
    )


class KeeperServer:
    """The process that becomes keepers (keeper_server.py), started when first wanted."""

    def __init__(self) -> None:
        self._way: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    async def start(
        self, folder: str, name: str, lease: int, environment: int
    ) -> StartedKeeper | None:
        """A keeper for the Work in this folder; None where another way has to be taken."""
        if not keeper.LINUX or len(os.fsencode(name)) >= _ROOM:
            return None
        import socket

        for _ in range(2):  # once more where somebody has killed the server
            listen, report = os.pipe()
            try:
                spec = os.fsencode(os.path.join(folder, "spec.json"))
                order = spec + b"\0" + os.fsencode(name)
                socket.send_fds(self._running(), [order], [lease, environment, report])
            except OSError:
                os.close(listen)
                self.close()
                continue
            finally:
                os.close(report)
            born = _ForkedKeeper(listen)
            if await born.is_born():
                return born
            self.close()
        return None

    def _running(self) -> "socket.socket":
        if self._way is None:
            import socket
            import subprocess

            self._way, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._way.setblocking(False)  # who does not take orders gets none
            from wtman.execution import keeper_server

            with theirs:
                self._process = subprocess.Popen(
                    (sys.executable, *ISOLATED, program_of(keeper_server))
                    + (str(theirs.fileno()), program_of(keeper)),
                    cwd=os.sep,
                    env={"PATH": os.environ.get("PATH", os.defpath), KEEPER: "-" * _ROOM},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                )
        return self._way

    def close(self) -> None:
        """Let the server end; keepers that live are not touched."""
        way, process, self._way, self._process = self._way, self._process, None, None
        if way is not None:
            way.close()
        if process is not None:
            import subprocess

            with suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE)
                return
            process.kill()
            process.wait()


class _ForkedKeeper:
    """A copy of the server, as its report tells of it."""

    pid = 0

    def __init__(self, report: int) -> None:
        import asyncio

        self._report = report
        self._heard = b""
        loop = asyncio.get_running_loop()
        self._born: asyncio.Future[bool] = loop.create_future()
        self._ended: asyncio.Future[int | None] = loop.create_future()
        os.set_blocking(report, False)
        loop.add_reader(report, self._hear, loop)

    async def is_born(self) -> bool:
        """Whether it came to life."""
        import asyncio

        return await asyncio.shield(self._born)

    async def wait(self) -> int | None:
        import asyncio

        return await asyncio.shield(self._ended)

    def _hear(self, loop: "asyncio.AbstractEventLoop") -> None:
        with suppress(BlockingIOError):
            more = os.read(self._report, 4096)
            self._heard += more
            pid, born, rest = self._heard.partition(b"\n")
            if born and not self._born.done():
                self.pid = int(pid)
                self._born.set_result(True)
            if more:
                return
            loop.remove_reader(self._report)
            os.close(self._report)
            if not self._born.done():
                self._born.set_result(False)
            status = rest.partition(b"\n")[0]
            self._ended.set_result(os.waitstatus_to_exitcode(int(status)) if status else None)
