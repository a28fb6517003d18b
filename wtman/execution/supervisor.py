"""The one door for programs that are not git: each runs under a keeper of its own.

It promises: what runs writes to files, never to pipes (a daemon that holds a pipe
would hang us); every process of a Work is gone before `run_kept` returns, also when
it is cancelled; `exit.json` in the folder is durable and final, so that a Work that
has one is not run again; a program inherits nothing but what its Command says.

It refuses a Work without a program. Keepers start from the event loop's thread.
"""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from wtman import files
from wtman.errors import ExternalError, OutsideError, machine_error
from wtman.execution.keeper_starts import KeeperServer, start_alone
from wtman.execution.output import read_exit
from wtman.execution.sweep import SESSION, end_sessions
from wtman.model.command import Exit, ExitReason, Work, signal_name
from wtman.model.ids import FAR_FUTURE

_FD_WANTED = 8192


@contextmanager
def raised_fd_limit() -> Iterator[int | None]:
    """Allow this process many descriptors; gives the limit for its programs, None: unchanged."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FD_WANTED if hard == resource.RLIM_INFINITY else min(hard, _FD_WANTED)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        yield None
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    try:
        yield soft
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def run_kept(
    work: Work,
    *,
    nofile: int | None = None,
    keeper_cmd: tuple[str, ...] = (),
    server: KeeperServer | None = None,
) -> Exit:
    """Run a Work to its end; where it has ended before, give that end.

    `nofile` is how many descriptors the program may have, where that is not our own limit.
    Its keeper is one of `server`, where there is one.
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
    with _trouble_named(work.folder):
        _write_spec(work, nofile)
        environment = _environment_file(work)
    lease, writer = os.pipe()  # both close-on-exec: nobody else's child may hold the lease
    keepers: list[int] = []
    life = asyncio.ensure_future(_live(work, keeper_cmd, server, lease, environment, keepers))
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
                    for pid in keepers:
                        os.kill(pid, signal.SIGCONT)  # who was stopped reads no order
    finally:
        os.close(writer)
    if cancelled and not life.cancelled():
        life.exception()  # looked at, so that asyncio does not complain: being cancelled wins
        raise asyncio.CancelledError
    return life.result()


async def _live(
    work: Work,
    command: tuple[str, ...],
    server: KeeperServer | None,
    lease: int,
    environment: int,
    keepers: list[int],
) -> Exit:
    """From the start of the keeper, whose pid `keepers` gets, to its end."""
    import asyncio

    facts = (work.folder, work.id, lease, environment)
    try:
        process = await server.start(*facts) if server is not None else None
        process = process or await start_alone(command, *facts)
    except OSError as error:
        program = command[0] if command else "a keeper"
        raise machine_error(error, f"cannot start {program}") or ExternalError(
            f"cannot start {program}: {error.strerror}",
            argv=command,
            cwd=work.folder,
            hint="run fewer at once (--jobs), or raise the limits of processes and open files",
        ) from error
    finally:
        os.close(lease)
        os.close(environment)
    keepers.append(process.pid)
    status = await process.wait()
    keepers.clear()
    ended = read_exit(work.folder)
    if ended is not None:
        return ended
    await asyncio.to_thread(end_sessions, lambda session: session == work.id, frozenset())
    if status and status > 0 and (refusal := _refused_by_machine(work, status)):
        raise refusal
    how = f" by {signal_name(-status)}" if status and status < 0 else ""
    how = f" with status {status}" if status is not None and status >= 0 else how
    return Exit(ExitReason.LOST, detail=f"its keeper ended{how} without a record")


def _write_spec(work: Work, nofile: int | None) -> None:
    os.makedirs(work.folder, mode=0o700, exist_ok=True)
    os.chmod(work.folder, 0o700)
    # What a killed coordinator left of the same attempt would be read as this one's output.
    for name in ("stdin", "stdout", "stderr", "exit.json.tmp", "keeper.err"):
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(work.folder, name))
    if work.command.stdin:
        files.replace(os.path.join(work.folder, "stdin"), work.command.stdin)
    spec: dict[str, Any] = {
        "id": work.id,
        "argv": work.command.argv,
        "cwd": work.command.cwd,
        "timeout": None if work.timeout == FAR_FUTURE else work.timeout,
        "grace": work.grace,
        "output_cap": work.output_cap,
        "nofile": nofile,
    }
    files.replace(os.path.join(work.folder, "spec.json"), json.dumps(spec).encode())


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


def _refused_by_machine(work: Work, number: int) -> OutsideError | None:
    """The error of a keeper that ended with this errno."""
    what = f"the output of {work.id} cannot be kept in {work.folder}"
    return machine_error(OSError(number, os.strerror(number)), what)


@contextmanager
def _trouble_named(folder: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = f"cannot write {error.filename or folder}"
        raise machine_error(error, what) or ExternalError(f"{what}: {error.strerror}") from error
