"""What every event is."""


class Event:
    """Something that happened to a run: a frozen dataclass, appended to its journal."""

    __slots__ = ()
