"""What a model takes in a request, by its name.

A wrong guess is a refused request, so a name that is not of the known families gets
a plain one: the model behind a compatible server is mostly not Claude at all.
"""

import re
from dataclasses import dataclass

_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_NAME = re.compile(r"claude-(opus|sonnet|haiku|fable|mythos)-(\d+)(?:-(\d{1,2}))?(?:-20\d{6})?")


@dataclass(frozen=True, slots=True)
class ModelTraits:
    """`efforts` are the levels that it knows; `system_turns`: a system message may come later."""

    efforts: tuple[str, ...] = ()
    thinks: bool = False  # adaptive thinking
    caches: bool = False
    system_turns: bool = False
    clears: bool = False  # takes context editing

    def effort(self, wanted: str) -> str:
        """The wanted level, or the nearest below that the model knows; empty: not to be sent."""
        if not wanted or not self.efforts:
            return ""
        below = _EFFORTS[: _EFFORTS.index(wanted) + 1]
        return [level for level in below if level in self.efforts][-1]


def traits(model: str) -> ModelTraits:
    """The traits of the model of that name."""
    name = _NAME.fullmatch(model)
    if name is None:
        return ModelTraits()
    family, version = name[1], (int(name[2]), int(name[3] or 0))
    if version < (4, 5):
        return ModelTraits(caches=True)
    adaptive = version >= (4, 6)
    efforts: tuple[str, ...] = ()
    if version >= (4, 7):
        efforts = _EFFORTS
    elif adaptive:
        efforts = ("low", "medium", "high", "max")
    elif family == "opus":
        efforts = ("low", "medium", "high")
    # Said of Opus 4.8 and what followed; of Sonnet 5 and Haiku the sources disagree.
    system_turns = family in ("opus", "fable", "mythos") and version >= (4, 8)
    return ModelTraits(efforts, adaptive, True, system_turns, True)
