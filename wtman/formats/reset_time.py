"""When a provider says that its quota is back, in whatever words.

Pure. What is found is put behind the words as one form (`told`), which `reset_of` reads:

    You've hit your limit · resets 3pm (Europe/Berlin)  (back 2026-12-01 14:00:00 UTC)

Words were taken from Claude Code, Codex, Gemini CLI and Copilot CLI. A clock without a zone is
the user's. What lies more than nine days ahead, or is over, is no time to wait for.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from wtman.text.late_pattern import late

_MOST = 9 * 86_400.0  # seconds; quotas are kept by the week at most
_BACK = late(r"\(back (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC\)")
_EPOCH = late(r"(?:\||resets?[ _]?at\W{0,4})(\d{10})\b", re.I)
_EPOCH_WORDS = late(r"\s*\(?(?:\||\bresets?[ _]?at[^\w\"]{0,4})\d{10}\b\)?", re.I)
_UNITS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
_SPAN = r"\d+(?:\.\d+)?\s*(?:days?|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s|d)\b"
_IN = late(
    rf"(?:try again|retry|resets?|renews?|available|back)[^.\d]{{0,20}}\b(?:in|after)\s+"
    rf"((?:{_SPAN}[\s,]*(?:and\s+)?)+|(?:\d+[dhms])+(?:\d+(?:\.\d+)?s)?)",
    re.I,
)
_PART = late(r"(\d+(?:\.\d+)?)\s*([dhms])", re.I)
_ISO = late(
    r"(?:resets?|try again|retry|available|until)[^.\d]{0,20}"
    r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?)\s?(Z|UTC|[+-]\d\d:?\d\d)?",
    re.I,
)
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_CLOCK = late(
    r"(?:resets?|try again|available)(?:\s+(?:at|on))?\s+"
    rf"(?:({'|'.join(_MONTHS)})[a-z]*\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?,?\s*(\d{{4}})?,?\s*(?:at\s+)?)?"
    r"(\d{1,2})(?::(\d\d))?\s*([ap]m)?\b(?:\s*\(?([A-Za-z]+/[A-Za-z_/]+|UTC|GMT)\)?)?",
    re.I,
)


def told(words: str, now: float, local: tzinfo) -> str:
    """The words, with the time that they mean in place of one in seconds since the epoch;
    unchanged where they tell none."""
    if _BACK.search(words) or (back := reset_time(words, now, local)) is None:
        return words
    words = _EPOCH_WORDS.sub("", words)
    return f"{words} (back {datetime.fromtimestamp(back, UTC):%Y-%m-%d %H:%M:%S} UTC)"


def reset_of(words: str) -> float:
    """The time in words that `told` has seen, 0 where there is none."""
    found = _BACK.search(words)
    if found is None:
        return 0.0
    return datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()


def reset_time(words: str, now: float, local: tzinfo) -> float | None:
    """Seconds since the epoch at which a quota is back by these words."""
    for read in (_epoch, _iso, _span, _clock):
        try:
            back = read(words, now, local)
        except (ValueError, KeyError, OverflowError, OSError):  # KeyError: an unknown zone
            continue
        if back is not None and 0 < back - now <= _MOST:
            return back
    return None


def _epoch(words: str, now: float, local: tzinfo) -> float | None:
    found = _EPOCH.search(words)
    return float(found[1]) if found else None


def _iso(words: str, now: float, local: tzinfo) -> float | None:
    found = _ISO.search(words)
    if found is None:
        return None
    zone = (found[2] or "").upper()
    moment = datetime.fromisoformat(found[1] + ("+00:00" if zone in ("Z", "UTC") else zone))
    return (moment if moment.tzinfo else moment.replace(tzinfo=local)).timestamp()


def _span(words: str, now: float, local: tzinfo) -> float | None:
    found = _IN.search(words)
    if found is None:
        return None
    parts = _PART.findall(found[1])
    return now + sum(float(many) * _UNITS[unit.lower()] for many, unit in parts) if parts else None


def _clock(words: str, now: float, local: tzinfo) -> float | None:
    found = _CLOCK.search(words)
    if found is None or not (found[5] or found[6]):
        return None
    zone: tzinfo = local
    if found[7]:
        zone = UTC if found[7].upper() in ("UTC", "GMT") else ZoneInfo(found[7])
    hour = int(found[4]) % 12 + 12 * (found[6].lower() == "pm") if found[6] else int(found[4])
    here = datetime.fromtimestamp(now, zone)
    wanted = here.replace(hour=hour, minute=int(found[5] or 0), second=0, microsecond=0)
    if found[1]:
        month = _MONTHS.index(found[1].lower()) + 1
        wanted = wanted.replace(year=int(found[3] or here.year), month=month, day=int(found[2]))
        if wanted < here and not found[3]:
            wanted = wanted.replace(year=here.year + 1)
    elif wanted <= here:
        wanted += timedelta(days=1)
    return wanted.timestamp()
