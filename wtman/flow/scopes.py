"""Where a call stands: its scope, and its number among equal calls.

Both are taken when the call is made, from a context variable, so that the order in which
asyncio runs things decides nothing. Equal calls are numbered within one asyncio task. An item of
a fan-out has a *lane*: when the same item goes through a later fan-out of the same place, it
goes on in its lane, because the one fan-out came after the other for certain.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass, field
from typing import Any

from wtman.flow.errors import Ambiguous, FlowError
from wtman.flow.identity import digest

DEEPEST = 40  # names in a scope


@dataclass(eq=False, slots=True)
class Lane:
    """A chain of calls whose order is certain; `home` is the asyncio task that makes them now."""

    home: "asyncio.Task[Any] | None" = None
    lanes: dict[tuple[str, ...], "Lane"] = field(default_factory=dict)

    def of_item(self, scope: tuple[str, ...]) -> "Lane":
        """The lane of an item; a new one where its lane is in use at this moment."""
        lane = self.lanes.get(scope)
        if lane is None or lane.home is not None:
            lane = self.lanes[scope] = Lane()
        return lane


@dataclass(frozen=True, slots=True)
class Place:
    """A scope and its lane; `item` is the innermost item of a fan-out that it belongs to."""

    scope: tuple[str, ...] = ()
    lane: Lane = field(default_factory=Lane)
    item: str = ""


_PLACE: ContextVar[Place] = ContextVar("place")


def here() -> Place:
    """Where the running code stands."""
    place = _PLACE.get(None)
    if place is None:
        raise FlowError("a flow's calls are made inside of main(flow, args)")
    return place


def enter(place: Place) -> None:
    """Begin at this place, in the asyncio task that runs now."""
    place.lane.home = asyncio.current_task()
    _PLACE.set(place)


@contextmanager
def at(place: Place) -> Iterator[None]:
    """Stand at another place for a while."""
    token = _PLACE.set(place)
    try:
        yield
    finally:
        _PLACE.reset(token)


def below(place: Place, name: str) -> Place:
    """The scope of this name in a place, in the same lane."""
    if len(place.scope) >= DEEPEST:
        raise FlowError(f"scopes may be {DEEPEST} deep: {' / '.join(place.scope[:3])} / ...")
    return Place((*place.scope, name), place.lane, place.item)


def context_of_item(place: Place, name: str) -> tuple[Context, Lane]:
    """The context for an item's own asyncio task, which has to become the home of the lane."""
    inner = below(place, name)
    lane = place.lane.of_item(inner.scope)
    context = copy_context()
    context.run(_PLACE.set, Place(inner.scope, lane, name))
    return context, lane


class Numbers:
    """Counts equal calls, and refuses those whose order is anybody's guess."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[object, int]] = {}

    def take(self, kind: str, spec: object, key: str | None) -> int:
        """The number of this call. Raises Ambiguous, naming the two ways out."""
        place = here()
        task = asyncio.current_task()
        who: object = place.lane if place.lane.home is task else task
        equal = digest(kind, list(place.scope), spec, key)
        owner, count = self._seen.get(equal, (who, 0))
        where = " / ".join(place.scope) or "main"
        if count and key is not None:
            raise Ambiguous(f"flow.{kind}: key={key!r} is given to two equal calls in {where}")
        if owner is not who:
            raise Ambiguous(
                f"flow.{kind}: an equal call was made in another asyncio task of {where}; tell "
                "them apart by key=..., or by `with flow.scope(name):`"
            )
        self._seen[equal] = (who, count + 1)
        return count
