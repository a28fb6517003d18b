"""The shell: what it keeps, what it bounds, what it inherits, and that nothing of it stays."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from wtman.apiagent.access import without_secrets
from wtman.apiagent.shell import HEAD, TAIL, Shell, ShellResult, _Kept

ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nowhere", "ANTHROPIC_API_KEY": "k1"}


def using(folder: Path, work: Callable[[Shell], Awaitable[None]]) -> None:
    """Do `work` with a shell in `folder`, and close it."""

    async def whole() -> None:
        shell = Shell(str(folder), without_secrets(ENVIRON))
        try:
            await work(shell)
        finally:
            await shell.close()

    asyncio.run(whole())


def alive(mark: str) -> list[int]:
    """Processes that have the mark in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("MARK") == mark and process.status() != "zombie":
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


def gone(mark: str, patience: float = 8.0) -> bool:
    until = time.monotonic() + patience
    while alive(mark):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def test_folder_and_variables_stay_between_commands(tmp_path: Path) -> None:
    (tmp_path / "sub dir").mkdir()

    async def work(shell: Shell) -> None:
        assert await shell.run("cd 'sub dir' && export A='x y'; B=2") == ShellResult("", 0)
        assert await shell.run('pwd; echo "$A$B"') == ShellResult(f"{tmp_path}/sub dir\nx y2\n", 0)

    using(tmp_path, work)


@pytest.mark.parametrize(
    "command, output, code",
    [
        ("echo out; echo err >&2; false", "out\nerr\n", 1),
        ("cat; read x; echo end", "end\n", 0),
        ("cat <<'E'\n$x '\"\nE\n", "$x '\"\n", 0),
        ("# only a comment", "", 0),
        ("printf 'no newline'", "no newline", 0),
        ("printf '%s' \"'\"; true '\n'", "'", 0),
        ("echo é; printf '\\377'", "é\n�", 0),
        ("{ echo 1 >&3; } 2>/dev/null || echo closed", "closed\n", 0),
    ],
)
def test_a_command(tmp_path: Path, command: str, output: str, code: int) -> None:
    async def work(shell: Shell) -> None:
        ran = await shell.run(command)
        assert (ran.output, ran.code) == (output, code)

    using(tmp_path, work)


@pytest.mark.parametrize("command", ["echo 'open", "(", "if true; then", "echo ) ;;"])
def test_what_is_unbalanced_is_only_its_own_error(tmp_path: Path, command: str) -> None:
    async def work(shell: Shell) -> None:
        ran = await shell.run(command, 10.0)
        assert ran.code not in (0, None)
        assert await shell.run("echo on") == ShellResult("on\n", 0)

    using(tmp_path, work)


def test_the_middle_of_much_output_is_left_out(tmp_path: Path) -> None:
    async def work(shell: Shell) -> None:
        ran = await shell.run("seq 1 500000")
        assert ran.code == 0
        assert ran.output.startswith("1\n2\n")
        assert ran.output.endswith("\n500000\n")
        assert "bytes left out]" in ran.output
        assert len(ran.output) <= HEAD + TAIL + 100

    using(tmp_path, work)


def test_a_flood_is_not_held() -> None:
    kept = _Kept()
    for _ in range(1000):
        kept.add(b"x" * 4096)
    assert len(kept._tail) <= 2 * TAIL


def test_a_command_has_a_time_limit_and_leaves_nothing(tmp_path: Path) -> None:
    async def work(shell: Shell) -> None:
        await shell.run("cd /; export MARK=limit")
        ran = await shell.run("echo before; setsid sleep 300 & sleep 300", 1.0)
        assert (ran.output, ran.code) == ("before\n", None)
        assert "stopped after 1 s" in ran.note
        assert not alive("limit"), "also what has a session of its own"
        assert (await shell.run("pwd")).output == f"{tmp_path}\n"

    using(tmp_path, work)


def test_jobs_in_the_background_live_as_long_as_the_shell(tmp_path: Path) -> None:
    async def work(shell: Shell) -> None:
        await shell.run("export MARK=jobs")
        begin = time.monotonic()
        ran = await shell.run("sleep 300 & (setsid nohup sleep 300 >/dev/null 2>&1 &) ; echo on")
        assert ran == ShellResult("on\n", 0)
        assert time.monotonic() - begin < 60, "nobody waits for them"
        until = time.monotonic() + 30
        while len(alive("jobs")) < 2 and time.monotonic() < until:
            await asyncio.sleep(0.05)  # the second is started behind the shell's back
        assert len(alive("jobs")) == 2

    using(tmp_path, work)
    assert not alive("jobs")


def test_a_shell_that_ends_is_followed_by_a_new_one(tmp_path: Path) -> None:
    async def work(shell: Shell) -> None:
        ran = await shell.run("echo bye; exit 5")
        assert (ran.output, ran.code) == ("bye\n", None)
        assert "status 5" in ran.note
        ran = await shell.run("kill -9 $$")
        assert ran.code is None
        assert await shell.run("echo on") == ShellResult("on\n", 0)

    using(tmp_path, work)


def test_no_secret_is_inherited(tmp_path: Path) -> None:
    environ = {**ENVIRON, "ANTHROPIC_AUTH_TOKEN": "t1", "COPY": "k1", "BASH_ENV": "/x", "KEPT": "y"}
    clean = without_secrets(environ)
    assert clean == {"PATH": ENVIRON["PATH"], "HOME": "/nowhere", "BASH_ENV": "/x", "KEPT": "y"}

    async def work(shell: Shell) -> None:
        output = (await shell.run("env")).output
        assert "ANTHROPIC" not in output
        assert "BASH_ENV" not in output

    using(tmp_path, work)


def test_a_guard_that_is_killed_takes_the_shell_along(tmp_path: Path) -> None:
    async def work(shell: Shell) -> None:
        await shell.run("export MARK=guard")
        await shell.run("sleep 300 &")
        guard = shell._guard
        assert guard is not None
        (bash,) = psutil.Process(guard.pid).children()
        os.kill(guard.pid, 9)
        for _ in range(500):
            if not bash.is_running() or bash.status() == "zombie":
                break
            await asyncio.sleep(0.01)
        else:
            pytest.fail("the shell lives on")

    using(tmp_path, work)
    for pid in alive("guard"):  # an orphan of a killed guard is for the keeper to find
        os.kill(pid, 9)
