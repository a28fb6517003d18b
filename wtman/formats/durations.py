"""Lengths of time as people write them in plans and configuration: 90, "90s", "15m", "1h30m"."""

import re

from wtman.text.words import shown

LONGEST = 366 * 86400.0

_TEXT = re.compile(
    r"(?:(?P<d>\d+(?:\.\d+)?)d)?(?:(?P<h>\d+(?:\.\d+)?)h)?(?:(?P<m>\d+(?:\.\d+)?)m)?"
    r"(?:(?P<s>\d+(?:\.\d+)?)s)?"
)
_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}


def seconds(value: object) -> float:
    """The seconds of a number or text; ValueError says what is wrong with it."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(_refused(value))
    number = _of_text(value) if isinstance(value, str) else value
    if not 0 <= number <= LONGEST:  # also false for NaN
        raise ValueError(f"expected a time from 0 to 366 days, got {shown(value)}")
    return float(number)


def _of_text(text: str) -> float:
    stripped = text.strip()
    if re.fullmatch(r"[0-9]{1,12}(?:\.[0-9]{1,12})?", stripped):
        return float(stripped)
    match = _TEXT.fullmatch(stripped)
    if not stripped or len(stripped) > 40 or match is None:
        raise ValueError(_refused(text))
    return sum(float(part) * _SECONDS[unit] for unit, part in match.groupdict().items() if part)


def _refused(value: object) -> str:
    return f'expected a time such as 90, "15m" or "2h", got {shown(value)}'
