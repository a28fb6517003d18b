"""Keepers as copies of one process: found, outlived and replaced as if each had its own start."""

import asyncio
import os
import sys
from pathlib import Path

import psutil
import pytest

from wtman.execution.local import LocalExecutor
from wtman.execution.spawn import install_child_watcher
from wtman.execution.sweep import KEEPER
from wtman.model.command import Command, Exit, ExitReason, Work

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere none is used")


def work(tmp_path: Path, script: str, name: str = "run/t/1") -> Work:
    command = Command(("sh", "-c", script), str(tmp_path), dict(os.environ))
    return Work(name, command, str(tmp_path / name.replace("/", "-")), 60)


def server() -> psutil.Process:
    """The server of this process's executor."""
    found = [it for it in psutil.Process().children() if "keeper_server" in " ".join(it.cmdline())]
    assert len(found) == 1
    return found[0]


async def until(path: Path) -> None:
    while not path.exists():
        await asyncio.sleep(0.02)


def run(body: object) -> None:
    install_child_watcher()
    asyncio.run(body)  # type: ignore[arg-type]


def test_one_server_starts_all_keepers_and_ends_with_its_executor(tmp_path: Path) -> None:
    async def body() -> psutil.Process:
        async with LocalExecutor() as executor:
            one, two = work(tmp_path, "echo a"), work(tmp_path, "exit 3", "run/t/2")
            ends = await asyncio.gather(executor.run(one), executor.run(two))
            assert [end.code for end in ends] == [0, 3]
            assert (Path(one.folder) / "stdout").read_text() == "a\n"
            return server()

    install_child_watcher()
    assert not asyncio.run(body()).is_running()


def test_a_keeper_shows_whose_it_is(tmp_path: Path) -> None:
    async def body() -> None:
        async with LocalExecutor() as executor:
            kept = asyncio.ensure_future(executor.run(work(tmp_path, "echo > up; sleep 60")))
            await until(tmp_path / "up")
            (keeper,) = server().children()
            environment = Path(f"/proc/{keeper.pid}/environ").read_bytes().split(b"\0")
            assert f"{KEEPER}=run/t/1".encode() in environment
            assert os.getpgid(keeper.pid) == keeper.pid != server().pid
            kept.cancel()
            with pytest.raises(asyncio.CancelledError):
                await kept

    run(body())


def test_a_killed_server_takes_nobody_along_and_is_replaced(tmp_path: Path) -> None:
    async def body() -> list[Exit]:
        async with LocalExecutor() as executor:
            script = "echo > up; while [ ! -e go ]; do sleep 0.05; done; echo done"
            kept = asyncio.ensure_future(executor.run(work(tmp_path, script)))
            await until(tmp_path / "up")
            server().kill()
            later = await executor.run(work(tmp_path, "echo later", "run/t/2"))
            (tmp_path / "go").touch()
            return [await kept, later]

    install_child_watcher()
    assert [(end.reason, end.code) for end in asyncio.run(body())] == [(ExitReason.EXITED, 0)] * 2


def test_a_keeper_killed_with_its_server_leaves_nothing(tmp_path: Path) -> None:
    async def body() -> Exit:
        async with LocalExecutor() as executor:
            kept = asyncio.ensure_future(
                executor.run(work(tmp_path, "echo $$ > up; exec sleep 60"))
            )
            await until(tmp_path / "up")
            mother = server()
            (keeper,) = mother.children()
            mother.kill()
            keeper.kill()
            return await kept

    install_child_watcher()
    end = asyncio.run(body())
    assert end.reason is ExitReason.LOST
    pid = int((tmp_path / "up").read_text())
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
