"""Many things at the same time: map, gather, pipeline, and rounds until nothing new comes."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from wtman.flow.errors import DuplicateItem, OverLimit, ScriptError, Unhashable
from wtman.flow.identity import name_of, twice
from wtman.flow.scopes import Place, context_at
from wtman.flow.values import Outcome, Outcomes, Work, plain

ITEMS_MOST = 4_096
# The script has to be mended, for all items: kept, they would look like 200 failed sessions.
_MISTAKES = (ScriptError, NameError, TypeError, AttributeError)
By = Callable[[Any], Any]


def identity(item: Any, by: By | None) -> str:
    """What an item is known by: `by(item)`, else itself. Raises Unhashable."""
    if by is not None:
        return name_of(plain(by(item), "by(item)"))
    if isinstance(item, Work):
        return f"{item.task}@{item.commit[:12]}"
    try:
        return name_of(plain(item, "an item"))
    except Unhashable as error:
        raise Unhashable(f"{error}; or say what tells the items apart: by=...") from None


def identities(items: Sequence[Any], by: By | None, call: str) -> list[str]:
    """The names of a fan-out's items. Raises DuplicateItem, and OverLimit before anything runs."""
    if len(items) > ITEMS_MOST:
        raise OverLimit(f"flow.{call}: {len(items):,} items, {ITEMS_MOST:,} at most")
    names = [identity(item, by) for item in items]
    same = twice(names)
    if same is not None:
        raise DuplicateItem(
            f"flow.{call}: two items are {same!r}; drop one, or tell them apart by by=..."
        )
    return names


def checked_mode(on_error: str, call: str) -> bool:
    """Whether errors are kept. Raises ValueError for a word that is not known."""
    if on_error not in ("keep", "raise"):
        raise ValueError(f"flow.{call}: on_error is 'keep' or 'raise', not {on_error!r}")
    return on_error == "keep"


def stage(function: Callable[..., Awaitable[Any]], previous: Any, item: Any) -> Awaitable[Any]:
    """Call a stage of a pipeline: with what came before it, and with the item if it takes two."""
    return function(previous, item) if takes(function) >= 2 else function(previous)


def takes(function: Callable[..., Any]) -> int:
    """How many values a function has to get by position."""
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(
        it.kind in places and it.default is inspect.Parameter.empty
        for it in inspect.signature(function).parameters.values()
    )


async def spread(
    items: Sequence[Any],
    places: Sequence[Place],
    work: Callable[[Any], Awaitable[Any]],
    *,
    limit: int | None,
    keep: bool,
    lost: Callable[[Exception], None],
) -> Outcomes[Any]:
    """Run `work` for every item, each at its place and in an asyncio task of its own; `lost` is
    told the error of an item, at its place."""
    gate = nullcontext() if limit is None else asyncio.Semaphore(limit)
    loop = asyncio.get_running_loop()
    tasks: list[asyncio.Task[Outcome[Any]]] = []
    for item, place in zip(items, places, strict=True):
        one = _one(item, work, gate, keep, lost)
        task = loop.create_task(one, context=context_at(place))
        place.lane.home = task
        tasks.append(task)
    try:
        return Outcomes(await asyncio.gather(*tasks))
    finally:
        for task, place in zip(tasks, places, strict=True):
            task.cancel()
            place.lane.home = None


async def _one(
    item: Any,
    work: Callable[[Any], Awaitable[Any]],
    gate: AbstractAsyncContextManager[Any],
    keep: bool,
    lost: Callable[[Exception], None],
) -> Outcome[Any]:
    async with gate:
        outcome = await _settled(item, work(item), keep)
    if isinstance(outcome.error, Exception):
        lost(outcome.error)
    return outcome


async def _settled(item: Any, awaitable: Awaitable[Any], keep: bool) -> Outcome[Any]:
    try:
        return Outcome(item, await awaitable)
    except _MISTAKES:
        raise
    except Exception as error:
        if not keep:
            raise
        return Outcome(item, error=error)


async def gathered(awaitables: Iterable[Awaitable[Any]], keep: bool) -> list[Outcome[Any]]:
    """Await them all; their calls keep the scope that they were made in."""
    settled = [_settled(number, it, keep) for number, it in enumerate(awaitables)]
    tasks = [asyncio.ensure_future(it) for it in settled]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
