"""What scouts look at and what they answer, as values."""

from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class ScoutPart:
    """A part of the repository that one scout looks at; of its paths the first ones."""

    name: str
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sighting:
    """A place (`model/places.py`, as text) and why it matters, in one line."""

    place: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class ScoutReport:
    """What a scout found in its part: only what there is in the base, the rest is in `dropped`.

    `changes` are definitions that would change, `adds` where new code would go, `used_by` what
    depends on them, `tests` what covers them.
    """

    changes: tuple[Sighting, ...] = ()
    adds: tuple[Sighting, ...] = ()
    used_by: tuple[Sighting, ...] = ()
    tests: tuple[Sighting, ...] = ()
    summary: str = ""
    unsure: str = ""
    dropped: tuple[str, ...] = ()
