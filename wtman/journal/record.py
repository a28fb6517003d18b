"""What happened: the journal's vocabulary.

Every event is a frozen value; the journal is a list of them, appended and never
changed. Events and their keys are only ever added: `decode` gives `Unknown` for
one that a newer version wrote, and replay passes over it.
"""

from dataclasses import dataclass
from typing import Any

from wtman.formats.codec import from_plain, to_plain
from wtman.journal.events.check import BaseChecked, Checked
from wtman.journal.events.merge import (
    CandidateJudged,
    Disproved,
    Landed,
    MergeAsked,
    MergeFailed,
    Resolving,
    TargetMoved,
    Unresolved,
)
from wtman.journal.events.overlap import Chained, Overlapped, Unchained
from wtman.journal.events.plan import (
    ContextChanged,
    ExternalBranchAdded,
    PlanFailed,
    Planned,
    PlanWanted,
    RolesAssigned,
    TaskAdded,
    TaskChanged,
    TaskDropped,
)
from wtman.journal.events.review import Coupled, Refuted, Reproduced, Reviewed
from wtman.journal.events.run import (
    Abandoned,
    Approved,
    BackoffEnded,
    Intended,
    LimitsChanged,
    Noted,
    Paused,
    RateLimited,
    Requested,
    Resumed,
    RunCreated,
    RunFailed,
    Stopped,
    Unknown,
)
from wtman.journal.events.session import (
    Adopted,
    Cleaned,
    Followed,
    SessionFinished,
    StartFailed,
    WorktreeMade,
)

Event = (
    RunCreated
    | TaskAdded
    | TaskChanged
    | TaskDropped
    | ContextChanged
    | LimitsChanged
    | ExternalBranchAdded
    | Approved
    | Intended
    | Abandoned
    | BaseChecked
    | WorktreeMade
    | StartFailed
    | SessionFinished
    | Followed
    | Adopted
    | Checked
    | Noted
    | Overlapped
    | Chained
    | Unchained
    | Requested
    | Paused
    | Stopped
    | RunFailed
    | Resumed
    | MergeAsked
    | CandidateJudged
    | TargetMoved
    | Disproved
    | Landed
    | MergeFailed
    | Cleaned
    | RateLimited
    | BackoffEnded
    | Coupled
    | Reviewed
    | Reproduced
    | Refuted
    | RolesAssigned
    | Resolving
    | Unresolved
    | PlanWanted
    | Planned
    | PlanFailed
    | Unknown
)


_KINDS: dict[str, type] = {kind.__name__: kind for kind in Event.__args__}


def encode(event: Event) -> tuple[str, dict[str, Any]]:
    """Kind and JSON-ready body of an event."""
    if isinstance(event, Unknown):
        return event.kind, event.body
    return type(event).__name__, to_plain(event)


def decode(kind: str, body: dict[str, Any]) -> Event:
    """The event that `encode` gave. Raises ValueError for a body that does not fit its kind."""
    known = _KINDS.get(kind)
    if known is None or known is Unknown:
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
