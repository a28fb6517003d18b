#!/usr/bin/env python3
"""What one look of the overlap watch costs, in CPU and wall time.

16 live worktrees of a repository with 800 files: the first look, looks at which
nothing has changed, looks at which each worktree has one edit more (all in files
of their own, or all in one file), each against one `git status` a worktree.

Run with the Python of .venv: `.venv/bin/python scripts/bench/watch.py [WORKTREES [FILES]]`.
"""

import argparse
import asyncio
import os
import resource
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from ground import ground, table

from wtman.context import Context
from wtman.coordinator.create import create_run, load_state, open_store
from wtman.coordinator.open import open_run
from wtman.git.discovery import discover
from wtman.git.repo import resolve
from wtman.git.run import git
from wtman.journal import events as e
from wtman.model.ids import TaskId
from wtman.model.plan import Identity, Plan, Task
from wtman.model.settings import Settings
from wtman.tasks import perform
from wtman.worktrees import perform as worktrees
from wtman.worktrees.actions import MakeWorktree

ROUNDS = 5


def spent() -> float:
    """CPU seconds of this process and of the children it waited for."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, who))


async def cost(name: str, rounds: int, each: Callable[[int], Awaitable[object]]) -> tuple[str, ...]:
    cpu, wall = [], []
    for number in range(rounds):
        before, started = spent(), time.monotonic()
        await each(number)
        wall.append(time.monotonic() - started)
        cpu.append(spent() - before)
    share = min(cpu) / perform.INTERVAL
    return name, f"{min(cpu) * 1000:.0f}", f"{min(wall) * 1000:.0f}", f"{share:.2%}"


async def measure(ctx: Context, count: int, files: int) -> list[tuple[str, ...]]:
    tasks = [TaskId(f"t{number:02}") for number in range(count)]
    for task in tasks:
        state = load_state(ctx.store, ctx.run)
        events = list(await worktrees.perform(ctx, state, MakeWorktree(task, ())))
        view = state.tasks[task]
        events.append(
            e.Intended("RunSession", f"session/{task}", task, 1, view.lineage, at=state.base)
        )
        ctx.store.append(ctx.run, events, time.time())
    state = load_state(ctx.store, ctx.run)
    places = [Path(state.tasks[task].worktree) for task in tasks]

    async def look(number: int) -> None:
        await perform.look(ctx, state)

    async def apart(number: int) -> None:
        for place, path in enumerate(places):
            (path / f"part{place % 8}/module{place}.py").write_text(f"EDIT = {number}\n" * 60)
        await perform.look(ctx, state)

    async def together(number: int) -> None:
        for place, path in enumerate(places):
            (path / "part1/module1.py").write_text(f"EDIT = {number}, {place}\n" * 60)
        await perform.look(ctx, state)

    async def statuses(number: int) -> None:
        for path in places:
            await ctx.git(
                lambda path=path: git(["status", "--porcelain"], git_dir="", cwd=str(path))
            )

    return [
        await cost("first look", 1, look),
        await cost("nothing changed", ROUNDS, look),
        await cost("each changed a file of its own", ROUNDS, apart),
        await cost("all changed the same file", ROUNDS, together),
        await cost("git status in each", ROUNDS, statuses),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("worktrees", nargs="?", type=int, default=16)
    parser.add_argument("files", nargs="?", type=int, default=800)
    asked = parser.parse_args()

    async def run(path: Path) -> list[tuple[str, ...]]:
        repo = discover(str(path))
        plan = Plan("bench", tuple(Task(TaskId(f"t{n:02}"), "x") for n in range(asked.worktrees)))
        settings = Settings(worktrees=str(path.parent / "worktrees"))
        who = Identity("Ada Bench", "ada@example.com")
        with open_store(repo) as store:
            base = resolve(repo, "main")
            name = create_run(store, plan, settings, base=base, target="main", identity=who)
            store.append(name, [e.Approved()], time.time())
            async with open_run(repo, store, name, dict(os.environ)) as ctx:
                return await measure(ctx, asked.worktrees, asked.files)

    with ground(asked.files) as (path, env):
        os.environ.update(env)
        rows = asyncio.run(run(path))
    table((f"{asked.worktrees} worktrees", "cpu ms", "wall ms", "of a core"), rows)


if __name__ == "__main__":
    main()
