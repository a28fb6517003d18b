"""An event as a line of the journal, and back.

Every event is a frozen value; the journal is a list of them, appended and never
changed. Events and their keys are only ever added: `decode` gives `Unknown` for
one that a newer version wrote, and replay passes over it.
"""

from typing import Any

from wtman.formats.codec import from_plain, to_plain
from wtman.journal import events
from wtman.journal.events import Event, Unknown
from wtman.model.values import dataclass


def encode(event: Event) -> tuple[str, dict[str, Any]]:
    """Kind and JSON-ready body of an event."""
    if isinstance(event, Unknown):
        return event.kind, event.body
    return type(event).__name__, to_plain(event)


def decode(kind: str, body: dict[str, Any]) -> Event:
    """The event that `encode` gave. Raises ValueError for a body that does not fit its kind."""
    known = getattr(events, kind, None)
    if not isinstance(known, type) or not issubclass(known, Event) or known is Unknown:
        return Unknown(kind, body)
    try:
        return from_plain(known, body)  # type: ignore[no-any-return]
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"event {kind} does not read: {error}") from error


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event with its place in the journal and its time (seconds since the epoch)."""

    seq: int
    at: float
    event: Event
