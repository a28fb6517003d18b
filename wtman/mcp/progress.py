"""A run that is followed for a tool: what changes is told, until it needs somebody."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from wtman.mcp.calls import last_object, objects

Tell = Callable[[str], Awaitable[None]]
_BEAT = 15.0  # seconds after which a client that hears nothing would give up, with a margin


async def followed(folder: str, run: str, tell: Tell, most: float = 0.0) -> dict[str, Any]:
    """The status of a run once nobody drives it any more, or after `most` seconds (0: no limit)."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(most or None):
            await _watched(folder, run, tell)
    return await last_object(folder, ["status", run, "--json"])


async def _watched(folder: str, run: str, tell: Tell) -> None:
    known: dict[str, str] = {}
    watch = ["status", run, "--watch", "--json"]
    async with contextlib.aclosing(objects(folder, watch)) as stream:
        async for status in stream:
            news = _news(known, status)
            if news:
                await tell(news)


def _news(known: dict[str, str], status: dict[str, Any]) -> str:
    """What is new since the last look, in words; `known` is brought up to date."""
    tasks = status.get("tasks", [])
    states = {str(task["id"]): str(task["state"]) for task in tasks if isinstance(task, dict)}
    changed = [f"{task} {state}" for task, state in states.items() if known.get(task) != state]
    known.update(states)
    if not changed:
        return ""
    over = ("verified", "unchecked", "merged", "failed", "rejected", "excluded")
    done = sum(1 for state in states.values() if state in over)
    more = f" and {len(changed) - 5} more" if len(changed) > 5 else ""
    return f"{done} of {len(states)} tasks done: {', '.join(changed[:5])}{more}"


async def beating(work: Awaitable[dict[str, Any]], tell: Tell, what: str) -> dict[str, Any]:
    """The result of a work that says nothing meanwhile; somebody is told that it goes on."""
    task = asyncio.ensure_future(work)
    passed = 0.0
    try:
        while True:
            done, _ = await asyncio.wait({task}, timeout=_BEAT)
            if done:
                return task.result()
            passed += _BEAT
            await tell(f"{what} ({passed:.0f} s)")
    finally:
        if not task.done():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
