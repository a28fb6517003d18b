"""What every executor promises, each on real programs."""

import asyncio
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import psutil
import pytest

from wtman.execution import Executor
from wtman.execution.local import LocalExecutor
from wtman.execution.output import read_exit
from wtman.execution.spawn import install_child_watcher
from wtman.model.command import Command, Exit, ExitReason, Work

STUBBORN = str(Path(__file__).with_name("stubborn.py"))
PYTHON = (sys.executable, "-I", "-S", "-E")
POLITE = (
    "import signal, sys, time\n"
    "def bye(*_): print('bye', flush=True); sys.exit(0)\n"
    "signal.signal(signal.SIGINT, bye); print('ready', flush=True); time.sleep(60)"
)
DEAF = (
    "import signal, time\n"
    "for n, name in ((2, 'INT'), (15, 'TERM')):\n"
    "    signal.signal(n, lambda *_, name=name: print(name, flush=True))\n"
    "print('ready', flush=True)\n"
    "while True: time.sleep(60)"
)


EXECUTORS: dict[str, Callable[[], Executor]] = {"local": LocalExecutor}


@pytest.fixture(params=EXECUTORS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Bench:
    """Runs programs in a folder by the executor under test."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder

    def work(self, *argv: str, id: str = "run/task/1", stdin: bytes = b"", **more: Any) -> Work:
        env = more.pop("env", {"PATH": os.environ["PATH"]})
        command = Command(argv, more.pop("cwd", str(self.folder)), env, stdin)
        return Work(id, command, str(self.folder / id), **more)

    def drive(self, body: Callable[[Executor], Coroutine[Any, Any, Any]]) -> Any:
        async def inside() -> Any:
            async with EXECUTORS[self.name]() as executor:
                return await body(executor)

        install_child_watcher()
        return asyncio.run(inside())

    def run(self, *argv: str, **more: Any) -> Exit:
        work = self.work(*argv, **more)
        ended: Exit = self.drive(lambda executor: executor.run(work))
        assert read_exit(work.folder) == ended
        return ended

    def file(self, name: str, id: str = "run/task/1") -> bytes:
        return (self.folder / id / name).read_bytes()


@pytest.fixture
def bench(name: str, tmp_path: Path) -> Bench:
    return Bench(name, tmp_path)


async def said(bench: Bench, text: bytes, id: str = "run/task/1") -> None:
    """Wait until the program has said it."""
    path, deadline = bench.folder / id / "stdout", time.monotonic() + 60
    while not path.exists() or text not in path.read_bytes():
        assert time.monotonic() < deadline, f"never said {text!r}"
        await asyncio.sleep(0.01)


def alive(pids: list[int]) -> list[int]:
    found = []
    for pid in pids:
        try:
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
        except psutil.NoSuchProcess:
            continue
    return found


def pids_in(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()]


@pytest.mark.parametrize("code", [0, 1, 77, 255])
def test_exit_status_is_reported(bench: Bench, code: int) -> None:
    ended = bench.run("sh", "-c", f"exit {code}")
    assert (ended.reason, ended.code, ended.signal) == (ExitReason.EXITED, code, None)
    assert 0 < ended.started <= ended.ended <= time.time() + 1
    assert ended.cpu > 0
    assert ended.max_rss > 100_000


def test_death_by_a_signal_is_told_from_an_exit_status(bench: Bench) -> None:
    ended = bench.run("sh", "-c", "kill -SEGV $$")
    assert (ended.reason, ended.code, ended.signal) == (ExitReason.EXITED, None, 11)


def test_program_that_does_not_exist(bench: Bench) -> None:
    ended = bench.run("no-such-program", "x")
    assert ended.reason == ExitReason.UNSTARTED
    assert ended.detail == "no-such-program: No such file or directory"


def test_program_that_cannot_be_executed(bench: Bench) -> None:
    (bench.folder / "plain").write_text("text")
    assert bench.run("./plain").detail == "./plain: Permission denied"


def test_folder_that_does_not_exist(bench: Bench) -> None:
    ended = bench.run("true", cwd=str(bench.folder / "gone"))
    assert ended.reason == ExitReason.UNSTARTED
    assert ended.detail == f"{bench.folder / 'gone'}: No such file or directory"


def test_argument_list_too_long(bench: Bench) -> None:
    ended = bench.run("true", "x" * 300_000)
    assert (ended.reason, ended.detail) == (
        ExitReason.UNSTARTED,
        "true: Argument list too long",
    )


def test_a_work_without_program_is_refused(bench: Bench) -> None:
    with pytest.raises(ValueError, match="no program"):
        bench.run()


def test_environment_is_the_given_one_and_the_session(bench: Bench) -> None:
    env = {"PATH": os.environ["PATH"], "EMPTY": "", "LINES": "a\nb", "RAW": "\udcff\udcfe"}
    bench.run("env", "-0", env=env)
    expected = [b"PATH=" + os.environb[b"PATH"], b"EMPTY=", b"LINES=a\nb", b"RAW=\xff\xfe"]
    assert sorted(bench.file("stdout").split(b"\0")[:-1]) == sorted(
        [*expected, b"WTMAN_SESSION=run/task/1"]
    )


def test_arguments_arrive_as_they_are(bench: Bench) -> None:
    given = ("", "a b", "$HOME", "*", "-x", "é", "\udc80", "new\nline", "'\"")
    script = "import os, sys; sys.stdout.buffer.write(b'|'.join(map(os.fsencode, sys.argv[1:])))"
    bench.run(*PYTHON, "-X", "utf8", "-c", script, *given)
    assert bench.file("stdout") == b"|".join(os.fsencode(text) for text in given)


def test_stdin_is_fed_and_closed(bench: Bench) -> None:
    prompt = bytes(range(256)) * 8192
    assert bench.run("cat", stdin=prompt).code == 0
    assert bench.file("stdout") == prompt


def test_without_stdin_reading_gives_the_end_at_once(bench: Bench) -> None:
    assert bench.run("cat").code == 0
    assert bench.file("stdout") == b""


def test_program_has_no_terminal_and_its_own_session(bench: Bench) -> None:
    script = "import os; print(os.getsid(0) == os.getpid()); os.open('/dev/tty', 0)"
    ended = bench.run(*PYTHON, "-c", script)
    assert ended.code == 1
    assert bench.file("stdout") == b"True\n"
    assert b"No such device or address" in bench.file("stderr")


def test_output_is_whole_whatever_its_bytes(bench: Bench) -> None:
    script = (
        "import sys; sys.stdout.buffer.write(b'\\xff\\0\\xc3\\n\\x9b31m no end'); "
        "sys.stderr.buffer.write(b'\\xfe')"
    )
    bench.run(*PYTHON, "-c", script)
    assert bench.file("stdout") == b"\xff\0\xc3\n\x9b31m no end"
    assert bench.file("stderr") == b"\xfe"


def test_a_program_may_open_its_output_again(bench: Bench) -> None:
    bench.run("sh", "-c", "echo one; echo two >>/dev/stdout; echo three")
    assert bench.file("stdout") == b"one\ntwo\nthree\n"


def test_fifty_megabytes_are_handed_over_once_and_in_order(bench: Bench) -> None:
    script = (
        "import sys\nfor n in range(800): sys.stdout.buffer.write(bytes([n % 256]) * 65536)\n"
        "sys.stdout.buffer.write(b'the end')"
    )
    seen = hashlib.sha256()
    sizes: list[int] = []

    def on_output(piece: bytes) -> None:
        sizes.append(len(piece))
        seen.update(piece)

    work = bench.work(*PYTHON, "-c", script)
    ended = bench.drive(lambda executor: executor.run(work, on_output))
    assert (ended.reason, ended.code) == (ExitReason.EXITED, 0)
    assert sum(sizes) == 800 * 65536 + 7
    assert max(sizes) <= 1 << 20
    assert seen.digest() == hashlib.sha256(bench.file("stdout")).digest()


def test_output_is_handed_over_while_the_program_runs(bench: Bench) -> None:
    """The program goes on only once its first line has been seen."""
    go = bench.folder / "go"
    script = "echo first; while ! [ -e go ]; do sleep 0.02; done; printf second"
    seen: list[bytes] = []

    def on_output(piece: bytes) -> None:
        seen.append(piece)
        go.touch()

    work = bench.work("sh", "-c", script, timeout=30)
    ended = bench.drive(lambda executor: executor.run(work, on_output))
    assert ended.code == 0
    assert b"".join(seen) == b"first\nsecond"


def test_an_error_of_the_listener_is_not_swallowed(bench: Bench) -> None:
    def on_output(piece: bytes) -> None:
        raise LookupError("mine")

    work = bench.work("echo", "x")
    with pytest.raises(LookupError, match="mine"):
        bench.drive(lambda executor: executor.run(work, on_output))
    assert read_exit(work.folder) is not None


def test_too_much_output_stops_the_program_and_is_cut(bench: Bench) -> None:
    ended = bench.run("sh", "-c", "echo why >&2; exec yes", output_cap=1_000_000)
    assert ended.reason == ExitReason.OUTPUT
    assert len(bench.file("stdout")) + len(bench.file("stderr")) == 1_000_000
    assert bench.file("stderr") == b"why\n"


def test_too_much_output_is_noticed_even_at_the_end(bench: Bench) -> None:
    ended = bench.run("sh", "-c", "head -c 20000 /dev/zero", output_cap=10_000)
    assert (ended.reason, ended.code) == (ExitReason.OUTPUT, 0)
    assert len(bench.file("stdout")) == 10_000


def test_timeout(bench: Bench) -> None:
    ended = bench.run("sleep", "60", timeout=0.3, grace=5)
    assert (ended.reason, ended.code, ended.signal) == (ExitReason.TIMEOUT, None, 2)
    assert 0.3 <= ended.ended - ended.started < 5


def test_the_ladder_is_int_then_term_then_kill(bench: Bench) -> None:
    ended = bench.run(*PYTHON, "-c", DEAF, timeout=0.5, grace=1)
    assert (ended.reason, ended.signal) == (ExitReason.TIMEOUT, 9)
    assert bench.file("stdout") == b"ready\nINT\nTERM\n"
    assert ended.ended - ended.started >= 1.5


def test_cancel_is_polite_and_recorded(bench: Bench) -> None:
    work = bench.work(*PYTHON, "-c", POLITE, grace=20)

    async def body(executor: Executor) -> None:
        task = asyncio.ensure_future(executor.run(work))
        await said(bench, b"ready")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    bench.drive(body)
    ended = read_exit(work.folder)
    assert ended is not None
    assert (ended.reason, ended.code) == (ExitReason.STOPPED, 0)
    assert bench.file("stdout") == b"ready\nbye\n"


def test_cancel_again_kills_at_once(bench: Bench) -> None:
    work = bench.work(*PYTHON, "-c", DEAF, grace=600)

    async def body(executor: Executor) -> None:
        task = asyncio.ensure_future(executor.run(work))
        await said(bench, b"ready")
        task.cancel()
        await said(bench, b"INT")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    bench.drive(body)
    ended = read_exit(work.folder)
    assert ended is not None
    assert (ended.reason, ended.signal) == (ExitReason.STOPPED, 9)


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 20])
def test_cancel_at_any_moment_of_the_start(bench: Bench, turns: int) -> None:
    work = bench.work("sleep", "600", grace=5)

    async def body(executor: Executor) -> None:
        task = asyncio.ensure_future(executor.run(work))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    bench.drive(body)
    ended = read_exit(work.folder)
    assert ended is None or ended.reason == ExitReason.STOPPED
    assert not [p for p in psutil.process_iter(["cmdline"]) if work.folder in str(p.info)]


def test_closing_stops_what_runs(bench: Bench) -> None:
    works = [bench.work("sleep", "600", id=f"run/t{n}/1") for n in range(4)]
    tasks: list[asyncio.Task[Exit]] = []

    async def body(executor: Executor) -> None:
        tasks.extend(asyncio.ensure_future(executor.run(work)) for work in works)
        while not all((Path(work.folder) / "stdout").exists() for work in works):
            await asyncio.sleep(0.01)

    async def inside() -> None:
        async with EXECUTORS[bench.name]() as executor:
            await body(executor)
        assert all(read_exit(work.folder) for work in works)
        assert await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(inside())
    ends = [read_exit(work.folder) for work in works]
    assert [end.reason for end in ends if end] == [ExitReason.STOPPED] * 4


def test_daemons_left_behind_are_ended_and_counted(bench: Bench) -> None:
    pids = bench.folder / "pids"
    ended = bench.run(*PYTHON, STUBBORN, str(pids))
    assert (ended.reason, ended.code) == (ExitReason.EXITED, 0)
    assert len(pids_in(pids)) == 6
    assert alive(pids_in(pids)) == []
    assert json.loads(bench.file("exit.json"))["leftover"] == 5


def test_timeout_takes_the_whole_stubborn_tree(bench: Bench) -> None:
    pids = bench.folder / "pids"
    ended = bench.run(*PYTHON, STUBBORN, str(pids), "stay", timeout=1.5, grace=0.4)
    assert (ended.reason, ended.signal) == (ExitReason.TIMEOUT, 9)
    assert len(pids_in(pids)) == 6
    assert alive(pids_in(pids)) == []


def test_cancel_waits_for_tools_below_a_wrapper_that_died_first(bench: Bench) -> None:
    """The agent proper gets its time to save, although the wrapper is gone at once."""
    slow = (
        "import signal, sys, time\n"
        "def bye(*_): time.sleep(0.4); print('saved', flush=True); sys.exit(0)\n"
        "signal.signal(2, bye); print('ready', flush=True); time.sleep(60)"
    )
    wrapper = "import subprocess, sys, signal; signal.signal(2, signal.SIG_DFL); " + (
        f"subprocess.run([sys.executable, '-c', {slow!r}])"
    )
    work = bench.work(sys.executable, "-c", wrapper, grace=10)

    async def body(executor: Executor) -> None:
        task = asyncio.ensure_future(executor.run(work))
        await said(bench, b"ready")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    bench.drive(body)
    assert bench.file("stdout") == b"ready\nsaved\n"


def test_no_descriptor_of_ours_reaches_the_program(bench: Bench) -> None:
    script = (
        "import os\n"
        "for fd in range(3, 1024):\n"
        "    try: os.fstat(fd)\n"
        "    except OSError: continue\n"
        "    print(fd, os.readlink(f'/proc/self/fd/{fd}'))"
    )
    with open(bench.folder / "lock", "w"), open(bench.folder / "database", "w"):
        bench.run(*PYTHON, "-c", script)
    assert bench.file("stdout") == b""


def test_many_works_leave_no_descriptor_and_no_child_behind(bench: Bench) -> None:
    me = psutil.Process()

    async def body(executor: Executor) -> tuple[int, int]:
        await executor.run(bench.work("true", id="run/first/1"))
        before = me.num_fds()
        works = [bench.work("true", id=f"run/t{n}/1") for n in range(20)]
        await asyncio.gather(*(executor.run(work, lambda piece: None) for work in works))
        return before, me.num_fds()

    before, after = bench.drive(body)
    assert after == before
    assert me.children() == []


def test_signals_that_we_ignore_are_not_ignored_by_the_program(bench: Bench) -> None:
    bench.run("sh", "-c", "grep SigIgn /proc/self/status; grep SigBlk /proc/self/status")
    assert {line.split()[1] for line in bench.file("stdout").splitlines()} == {b"0" * 16}


def test_a_work_that_has_ended_is_not_run_again(bench: Bench) -> None:
    first = bench.run("sh", "-c", "echo once | tee -a count")
    seen: list[bytes] = []
    work = bench.work("sh", "-c", "echo once | tee -a count")
    again = bench.drive(lambda executor: executor.run(work, seen.append))
    assert again == first
    assert (bench.folder / "count").read_text() == "once\n"
    assert b"".join(seen) == b"once\n"


def test_what_a_killed_attempt_left_is_not_taken_for_output(bench: Bench) -> None:
    folder = bench.folder / "run/task/1"
    folder.mkdir(parents=True)
    (folder / "stdout").write_bytes(b"old" * 1000)
    (folder / "stdin").write_bytes(b"old")
    seen: list[bytes] = []
    work = bench.work("sh", "-c", "cat; echo new")
    bench.drive(lambda executor: executor.run(work, seen.append))
    assert b"".join(seen) == b"new\n"


def test_evidence_is_private(bench: Bench) -> None:
    bench.run("sh", "-c", "umask", stdin=b"prompt")
    folder = bench.folder / "run/task/1"
    assert folder.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == dict.fromkeys(("stdin", "stdout", "stderr", "spec.json", "exit.json"), 0o600)
