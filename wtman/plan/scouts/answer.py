"""What a scout answers: the schema it is given, and the report that is made of what it said.

What it names is looked up in the base. Import this late: pydantic takes its time.
"""

from collections.abc import Iterable
from itertools import islice
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from wtman.model.places import Place, place
from wtman.model.scout import ScoutReport, Sighting
from wtman.plan.known_places import KnownPlaces, sound_places
from wtman.text.terminal import clean

_MOST = 40  # places of a kind that are kept
_LOOKED_AT = 80  # that are looked up for it
_WHY, _SUMMARY = 240, 1500  # characters
_NAME = 300
_TOLD = 20  # problems


class FoundPlace(BaseModel):
    """A place in a file of this checkout."""

    model_config = ConfigDict(extra="ignore")

    path: str = Field(description="The file, from the root of the repository.")
    definition: str = Field(
        "",
        description="The class, function or constant, qualified as it is nested "
        "(Session.close); empty: the file as a whole.",
    )
    insert: Literal["", "after", "before", "in", "at"] = Field(
        "",
        description="Empty: the definition itself. For new code: after or before the definition, "
        "in it as a new member, or at the `start` or `end` of the file (which stands in "
        "`definition` then).",
    )
    first: int = Field(0, ge=0, description="The first line that is meant, from 1; 0: not said.")
    last: int = Field(0, ge=0, description="The last line that is meant.")
    why: str = Field("", description="One line: what changes there, or why it matters.")


class ScoutAnswer(BaseModel):
    """What the request means for one part of the repository."""

    model_config = ConfigDict(extra="ignore")

    changes: list[FoundPlace] = Field(
        [], description="Definitions that exist and would have to change. None: an empty list."
    )
    adds: list[FoundPlace] = Field(
        [], description="Where new code would go, each with `insert`; a new file with its path."
    )
    used_by: list[FoundPlace] = Field(
        [], description="What depends on what would change, here or elsewhere."
    )
    tests: list[FoundPlace] = Field([], description="Tests that cover it.")
    summary: str = Field(description="Two or three sentences: what the request means here.")
    unsure: str = Field("", description="What you are not sure of, and what would settle it.")


def report_of(answer: ScoutAnswer, known: KnownPlaces) -> ScoutReport:
    """The answer with what there is of it, cut to what a planner can read."""
    dropped: list[str] = []

    def kept(found: Iterable[FoundPlace], *, new_files: bool = False) -> tuple[Sighting, ...]:
        out: dict[str, str] = {}
        files: dict[str, str] = {}  # left of places that are not there
        for item in islice(found, _LOOKED_AT):
            places, wrong = sound_places([text_of(item)], known, new_files=new_files)
            dropped.extend(wrong)
            if places:
                why = clean(" ".join(item.why.split()), _WHY)
                (files if wrong else out).setdefault(places[0], why)
        named = {place(text).path for text in out}
        out |= {path: why for path, why in files.items() if path not in named}
        out = dict(islice(out.items(), _MOST))
        return tuple(Sighting(text, why) for text, why in out.items())

    return ScoutReport(
        changes=kept(answer.changes),
        adds=kept(answer.adds, new_files=True),
        used_by=kept(answer.used_by),
        tests=kept(answer.tests),
        summary=clean(" ".join(answer.summary.split()), _SUMMARY),
        unsure=clean(" ".join(answer.unsure.split()), _SUMMARY),
        dropped=tuple(clean(text, _NAME) for text in dict.fromkeys(dropped))[:_TOLD],
    )


def wrong_with(answer: ScoutAnswer, known: KnownPlaces) -> tuple[str, ...]:
    """What the answer names that does not exist, for its author to mend."""
    return report_of(answer, known).dropped


def text_of(item: FoundPlace) -> str:
    """A place as `model/places.py` writes it; what is none stays wrong."""
    path = item.path.strip()[:_NAME]
    lines = (item.first, item.last if item.last >= item.first else 0) if item.first else (0, 0)
    definition = item.definition.strip()[:_NAME]
    insert = item.insert if definition else ""
    return str(Place(path, definition, insert, *lines))
