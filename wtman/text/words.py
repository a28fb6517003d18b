"""Small pieces of message text: quoting what a file said, and guessing what was meant."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

_WIDEST = 60


def printable(text: str, widest: int = 300) -> str:
    """A foreign text, cut, and without anything that moves a terminal."""
    short = text if len(text) <= widest else text[: widest - 1] + "…"
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in short)


def exact(text: str) -> str:
    """A foreign command on one line, whole: a line break is seen as one, and so is what hides."""
    known = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return "".join(c if c.isprintable() else known.get(c, f"\\u{ord(c):04x}") for c in text)


def quoted(text: object) -> str:
    """A foreign text in double quotes, short enough for one line."""
    return f'"{printable(str(text), _WIDEST)}"'


def fenced(text: str) -> str:
    """Foreign text of several lines for a prompt, between two lines that none of its own can be."""
    return "<<<\n" + re.sub(r"^(?=<<<|>>>)", " ", text, flags=re.MULTILINE) + "\n>>>"


def shown(value: object) -> str:
    """A foreign value as Python would write it, short enough for one line."""
    return printable(repr(value), _WIDEST)


def did_you_mean(word: str, known: Iterable[str], like: float = 0.6) -> str:
    """'; did you mean "owns"?' where a known word is near, else nothing."""
    from difflib import get_close_matches

    choices = {choice.casefold().replace("-", "_"): choice for choice in known}
    near = get_close_matches(word[:80].casefold().replace("-", "_"), choices, n=1, cutoff=like)
    return f"; did you mean {quoted(choices[near[0]])}?" if near else ""


def listed(names: Sequence[str], most: int = 10) -> str:
    """`a, b and 3 more`."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def local_time(at: float) -> str:
    """Seconds since the epoch as the clock of this place shows them: `2026-01-02 04:04`."""
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M")


def iso(at: float) -> str:
    """Seconds since the epoch as UTC, to the second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
