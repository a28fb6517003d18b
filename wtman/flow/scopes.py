"""Where a call stands: its scope, and its number among equal calls.

Both are taken when the call is made, from a context variable, so that the order in which
asyncio runs things decides nothing. Equal calls are numbered within one *lane*: a chain of calls
whose order is certain. An asyncio task is a lane. So is an item: when it goes through a later
fan-out of the same lane it goes on in its own, because the one fan-out came after the other.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass, field, replace

from wtman.flow.errors import Ambiguous, FlowError
from wtman.flow.identity import digest

DEEPEST = 40  # names in a scope
LONGEST = 120  # segments of a path
Path = tuple[tuple[str, str], ...]
_PROMISED = object()  # the home of a lane whose asyncio task is yet to be made


@dataclass(eq=False, slots=True)
class Lane:
    """A chain of calls; `home` is the asyncio task that makes them now, None between two."""

    home: object = None
    items: dict[tuple[str, ...], "Lane"] = field(default_factory=dict)

    def of_item(self, scope: tuple[str, ...]) -> "Lane":
        """The lane of an item, taken; a new one where its lane is in use at this moment."""
        lane = self.items.get(scope)
        if lane is None or lane.home is not None:
            lane = self.items[scope] = Lane()
        lane.home = _PROMISED
        return lane


@dataclass(frozen=True, slots=True)
class Place:
    """A scope and a lane; `item` is the innermost item of a fan-out that it belongs to.

    `path` is for people and decides nothing: the phases, fan-outs, items, scopes and rounds that
    it stands in, outermost first, each with its kind.
    """

    scope: tuple[str, ...] = ()
    lane: Lane = field(default_factory=Lane)
    item: str = ""
    path: Path = ()


_PLACE: ContextVar[Place] = ContextVar("place")


def here() -> Place:
    """Where the running code stands. An asyncio task that the script made gets a lane."""
    place = _PLACE.get(None)
    if place is None:
        raise FlowError("a flow's calls are made inside of main(flow, args)")
    task = asyncio.current_task()
    if place.lane.home is not task:
        place = Place(place.scope, Lane(task), place.item, place.path)
        _PLACE.set(place)  # of this task alone: each has a context of its own
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


def mark(kind: str, name: str, after: Path) -> None:
    """Stand behind `after` in a segment of this kind and name, from now on."""
    segments = (*after, (kind, name)) if kind and len(after) < LONGEST else after
    _PLACE.set(replace(here(), path=segments))


def unmark(kind: str, after: Path) -> None:
    """Leave the segment of this kind behind `after`, where one stands in it."""
    place = _PLACE.get(None)
    many = len(after)
    if place is not None and place.path[:many] == after and len(place.path) > many:
        if place.path[many][0] == kind:
            mark("", "", after)


def below(place: Place, name: str, kind: str = "scope") -> Place:
    """The scope of this name in a place, in the same lane; without a kind it is not shown."""
    if len(place.scope) >= DEEPEST:
        raise FlowError(f"scopes may be {DEEPEST} deep: {' / '.join(place.scope[:3])} / ...")
    path = (*place.path, (kind, name)) if kind else place.path
    return Place((*place.scope, name), place.lane, place.item, path)


def places_of_items(place: Place, names: Sequence[str], path: Path) -> list[Place]:
    """Where each item of a fan-out of this path stands, in a lane that waits for its asyncio
    task."""
    scopes = [below(place, name).scope for name in names]
    return [
        Place(scope, place.lane.of_item(scope), name, (*path, ("item", name)))
        for scope, name in zip(scopes, names, strict=True)
    ]


def context_at(place: Place) -> Context:
    """The context for an asyncio task that begins at this place."""
    context = copy_context()
    context.run(_PLACE.set, place)
    return context


class Numbers:
    """Counts equal calls, and refuses those whose order is anybody's guess."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Lane, int]] = {}

    def take(self, kind: str, spec: object, key: str | None) -> int:
        """The number of this call. Raises Ambiguous, naming the two ways out."""
        place = here()
        equal = digest(kind, list(place.scope), spec, key)
        owner, count = self._seen.get(equal, (place.lane, 0))
        where = " / ".join(place.scope) or "main"
        if count and key is not None:
            raise Ambiguous(f"flow.{kind}: key={key!r} is given to two equal calls in {where}")
        if owner is not place.lane:
            raise Ambiguous(
                f"flow.{kind}: an equal call was made in another asyncio task of {where}; tell "
                "them apart by key=..., or by `with flow.scope(name):`"
            )
        self._seen[equal] = (place.lane, count + 1)
        return count
