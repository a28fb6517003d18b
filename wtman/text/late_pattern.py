"""Regular expressions that are compiled when they are first used.

There are hundreds, a run needs a few dozen, and compiling them all takes as long as importing the
modules that they stand in. Pure.
"""

import re
from typing import Any, AnyStr, Generic, cast


class _LatePattern(Generic[AnyStr]):
    """Has what the pattern has, each from its first use on."""

    def __init__(self, text: AnyStr, flags: int) -> None:
        self._given: tuple[AnyStr, int] = (text, flags)

    def __getattr__(self, name: str) -> Any:
        found = getattr(re.compile(*self._given), name)
        setattr(self, name, found)  # the next time nobody asks here
        return found


def late(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """As `re.compile`, whose errors come with the first use. Functions of `re` take none of it."""
    return cast("re.Pattern[AnyStr]", _LatePattern(text, flags))
