"""The door for programs: lines, tails, sweeps, and what a Work leaves on disk."""

import asyncio
import errno
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtman.errors import DiskFullError, ExternalError
from wtman.execution import keeper
from wtman.execution import sweep as sweep_module
from wtman.execution.output import LineSplitter, read_exit, started, tail
from wtman.execution.supervisor import run_kept
from wtman.execution.sweep import sweep
from wtman.model.command import Command, Exit, ExitReason, Work

ROOT = Path(__file__).resolve().parents[2]


def work(folder: Path, *argv: str, id: str = "run/t/1") -> Work:
    return Work(id, Command(argv, str(folder), {"PATH": os.environ["PATH"]}), str(folder / "w"))


def alive(pid: int) -> bool:
    known = keeper.process(pid)
    return known is not None and known[2] not in "ZX"


# --- lines ------------------------------------------------------------------------------------


@given(st.binary(max_size=200).map(lambda b: b.replace(b"a", b"\n")), st.lists(st.integers(1, 9)))
def test_lines_do_not_depend_on_how_bytes_arrive(data: bytes, cuts: list[int]) -> None:
    lines, got, rest = LineSplitter(), list[bytes](), data
    for cut in cuts:
        got += lines.feed(rest[:cut])
        rest = rest[cut:]
    got += lines.feed(rest)
    got += lines.flush()
    expected = data.split(b"\n")
    assert got == (expected if expected[-1] else expected[:-1])
    assert lines.flush() == []


@given(st.lists(st.binary(max_size=12), max_size=6), st.integers(1, 30))
def test_too_long_lines_are_dropped_and_only_those(given_lines: list[bytes], step: int) -> None:
    given_lines = [line.replace(b"\n", b"") for line in given_lines]
    data = b"".join(line + b"\n" for line in given_lines)
    lines = LineSplitter(most=5)
    got = [line for i in range(0, len(data), step) for line in lines.feed(data[i : i + step])]
    marker = b"[wtman: a line of more than 5 bytes was dropped]"
    assert got == [line if len(line) <= 5 else marker for line in given_lines]
    assert lines.flush() == []


def test_a_line_of_a_hundred_megabytes_costs_no_memory() -> None:
    import tracemalloc

    lines, piece = LineSplitter(), b"x\0\xff" * 22_000
    tracemalloc.start()
    try:
        got = [line for _ in range(1600) for line in lines.feed(piece)]
        got += lines.feed(b"\n" + b'{"next": 1}\n\xfftail')
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert got == [b"[wtman: a line of more than 8388608 bytes was dropped]", b'{"next": 1}']
    assert lines.flush() == [b"\xfftail"]
    assert most < 20 << 20


# --- tail -------------------------------------------------------------------------------------


def test_tail_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "stdout"
    assert tail(str(path), 0) == (b"", 0)
    path.write_bytes(b"one")
    assert tail(str(path), 0) == (b"one", 3)
    assert tail(str(path), 3) == (b"", 3)
    with path.open("ab") as file:
        file.write(b"x" * (3 << 20))
    piece, offset = tail(str(path), 3)
    assert (len(piece), offset) == (1 << 20, 3 + (1 << 20))


# --- what is on disk ----------------------------------------------------------------------------


def test_record_is_read_as_written(tmp_path: Path) -> None:
    one = work(tmp_path, "sh", "-c", "exit 4")
    assert read_exit(one.folder) is None
    assert not started(one.folder)
    ended = asyncio.run(run_kept(one))
    assert ended.code == 4
    assert read_exit(one.folder) == ended
    assert started(one.folder)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"reason": "no such"}', "null", "{}"])
def test_what_is_no_record_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "exit.json").write_text(text)
    assert read_exit(str(tmp_path)) is None


def test_record_of_a_newer_version_is_read(tmp_path: Path) -> None:
    text = json.dumps({"reason": "exited", "code": 0, "color": "blue"})
    (tmp_path / "exit.json").write_text(text)
    assert read_exit(str(tmp_path)) == Exit(ExitReason.EXITED, code=0)


def test_a_keeper_that_dies_makes_it_lost_and_leaves_no_process(tmp_path: Path) -> None:
    """The program kills its keeper: its parent."""
    script = "echo $$ >pid; (trap '' TERM; echo x >up; sleep 600) & kill -9 $PPID; sleep 600"
    one = work(tmp_path, "sh", "-c", script, id=f"lost-{os.getpid()}")
    ended = asyncio.run(run_kept(one))
    assert ended == Exit(ExitReason.LOST, detail="its keeper ended by SIGKILL without a record")
    assert read_exit(one.folder) is None
    assert started(one.folder)
    left = [
        pid for pid, env in sweep_module._environments(keeper.table()) if one.id.encode() in env
    ]
    assert left == []


def test_a_keeper_without_space_is_a_full_disk(tmp_path: Path) -> None:
    full = ("sh", "-c", f"exit {errno.ENOSPC}")
    with pytest.raises(DiskFullError, match="No space left") as caught:
        asyncio.run(run_kept(work(tmp_path, "true"), keeper_cmd=full))
    assert "wtman resume" in caught.value.hint


def test_a_keeper_that_cannot_start_is_an_error_of_the_environment(tmp_path: Path) -> None:
    with pytest.raises(ExternalError, match="cannot start /no/keeper: No such file"):
        asyncio.run(run_kept(work(tmp_path, "true"), keeper_cmd=("/no/keeper",)))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "w").write_text("a file")
    with pytest.raises(ExternalError, match="cannot write .*/w: File exists"):
        asyncio.run(run_kept(work(tmp_path, "true")))


# --- sweeping -----------------------------------------------------------------------------------


def orphan(session: str, script: str = "sleep 600") -> int:
    """A process of a session that has no keeper and is not our descendant."""
    launch = f"setsid -f sh -c 'echo $$; exec >&-; {script}'"
    env = {"PATH": os.environ["PATH"], "WTMAN_SESSION": session}
    done = subprocess.run(["sh", "-c", launch], env=env, stdout=subprocess.PIPE, check=True)
    return int(done.stdout)


def test_sweep_kills_by_prefix_and_nothing_else() -> None:
    run = f"swept-{os.getpid()}"
    stale = [orphan(f"{run}/a/1"), orphan(f"{run}/b/1", "trap : TERM; while :; do sleep 9; done")]
    other = orphan(f"{run}x/a/1")
    own = subprocess.Popen(["sleep", "600"], env={**os.environ, "WTMAN_SESSION": f"{run}/c/1"})
    try:
        assert sweep(f"{run}/") >= 2
        assert not any(alive(pid) for pid in stale)
        assert alive(other)
        assert own.poll() is None
        assert sweep(f"{run}/") == 0
        assert sweep(f"{run}x") >= 1
        assert not alive(other)
    finally:
        own.kill()
        own.wait()


def test_sweep_takes_children_that_lost_their_environment(tmp_path: Path) -> None:
    run = f"bare-{os.getpid()}"
    pidfile = tmp_path / "pid"
    parent = orphan(f"{run}/a/1", f'env -i sh -c "echo \\$\\$ >{pidfile}; sleep 600"; true')
    deadline = time.monotonic() + 60
    while not (pidfile.exists() and pidfile.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert sweep(run) >= 2
    assert not alive(parent)
    assert not alive(int(pidfile.read_text()))


def test_sweep_spares_the_session_that_it_runs_in() -> None:
    run = f"nested-{os.getpid()}"
    script = (
        f"import os; from wtman.execution.sweep import sweep; "
        f"print(sweep('{run}'), os.getppid() > 1)"
    )
    env = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "WTMAN_SESSION": f"{run}/a/1"}
    line = f'{sys.executable} -c "{script}"; echo still'
    done = subprocess.run(["sh", "-c", line], env=env, stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"0 True\nstill\n"


def test_sweep_without_a_prefix_is_refused() -> None:
    with pytest.raises(ValueError, match="every session"):
        sweep("")


# --- limits and cost ----------------------------------------------------------------------------


def test_programs_get_the_limit_back_that_we_had(tmp_path: Path) -> None:
    script = (
        "import asyncio, os, resource, sys; from wtman.execution import spawn, supervisor; "
        "from wtman.model.command import Command, Work\n"
        "hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (300, hard))\n"
        "limit = lambda: resource.getrlimit(resource.RLIMIT_NOFILE)[0]\n"
        "spawn.install_child_watcher()\n"
        "command = Command(('sh', '-c', 'ulimit -n'), '/', {'PATH': os.environ['PATH']})\n"
        f"work = Work('x', command, {str(tmp_path)!r})\n"
        "with supervisor.raised_fd_limit() as former:\n"
        "    print(limit())\n"
        "    asyncio.run(supervisor.run_kept(work, nofile=former))\n"
        "print(limit())"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, check=True)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    raised = 8192 if hard < 0 else min(8192, hard)
    assert done.stdout.decode() == f"{raised}\n300\n"
    assert (tmp_path / "stdout").read_text() == "300\n"


def test_import_is_cheap() -> None:
    script = (
        "import sys; import wtman.execution.supervisor; "
        "print([m for m in ('asyncio', 'subprocess', 'ctypes', 'pydantic') if m in sys.modules])"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, check=True)
    assert done.stdout == b"[]\n"


def test_the_space_of_the_record_is_taken_before_the_program_can_fill_the_disk(
    tmp_path: Path,
) -> None:
    asyncio.run(run_kept(work(tmp_path, "sh", "-c", "stat -c %s w/exit.json.tmp")))
    reserved = int((tmp_path / "w/stdout").read_text())
    assert reserved >= 2 * (tmp_path / "w/exit.json").stat().st_size
    assert read_exit(str(tmp_path / "w")) is not None
