"""A coordinator to be killed: runs as many stubborn Works as told until it is.

coordinator.py FOLDER NUMBER SESSION_PREFIX
"""

import asyncio
import os
import sys
from pathlib import Path

from wtman.execution.local import LocalExecutor
from wtman.execution.spawn import install_child_watcher
from wtman.model.command import Command, Work

STUBBORN = str(Path(__file__).with_name("stubborn.py"))


async def main(folder: Path, number: int, prefix: str) -> None:
    async with LocalExecutor() as executor, asyncio.TaskGroup() as group:
        for n in range(number):
            place = folder / str(n)
            argv = (sys.executable, "-I", "-S", "-E", STUBBORN, str(folder / f"pids{n}"), "stay")
            command = Command(argv, str(folder), {"PATH": os.environ["PATH"]})
            group.create_task(executor.run(Work(f"{prefix}{n}", command, str(place))))


install_child_watcher()
asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
