"""Foreign text made safe for a terminal, and fitted to its width."""

import re
from unicodedata import category, combining, east_asian_width

# Whole sequences go, not only their ESC: what is left of one is noise.
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'', re.DOTALL)
_COMMAND, _ARGUMENT = 160, 50  # columns of a command in a sentence, and of what it quotes
_MARKS = 3  # combining marks kept on one letter; more only smear the lines around


def clean(text: str, width: int = 0) -> str:
    """`text` on one line, without controls, at most `width` columns wide (0: no cap)."""
    if not text.isprintable():
        text = _SEQUENCE.sub("", text)
        text = "".join(_safe(letter) for letter in text)
    if not text.isascii():
        text = _without_smear(text)
    return fit(text, width) if width else text


def _safe(letter: str) -> str:
    if letter.isprintable():
        return letter
    if letter in "\n\r\t\v\f\u2028\u2029" or category(letter) == "Zs":
        return " "
    return ""


def _without_smear(text: str) -> str:
    """The text without the marks that are more on a letter than any script needs."""
    kept: list[str] = []
    run = 0
    for letter in text:
        run = run + 1 if _columns(letter) == 0 else 0
        if run <= _MARKS:
            kept.append(letter)
    return "".join(kept)


def _columns(letter: str) -> int:
    if letter.isascii():
        return 1
    if combining(letter) or category(letter) in ("Mn", "Me"):
        return 0
    return 2 if east_asian_width(letter) in "WF" else 1


def command(text: str) -> str:
    """A command as a sentence names it: on one line, without the long texts in its quotes."""
    return clean(" ".join(_QUOTED.sub(_abridged, text).split()), _COMMAND)


def _abridged(found: re.Match[str]) -> str:
    quoted = found[0]
    plain = len(quoted) <= _ARGUMENT and "\\" not in quoted and "\n" not in quoted
    return quoted if plain else f"{quoted[0]}…{quoted[0]}"


def last_lines(text: str, most: int) -> list[str]:
    """The last lines of an output that say anything, each cleaned."""
    said = [line for line in map(clean, text.splitlines()) if line.strip()]
    return said[-most:]


def columns(text: str) -> int:
    """How many terminal columns cleaned text takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def fit(text: str, width: int) -> str:
    """Cleaned text cut to `width` columns, with an ellipsis where something is missing."""
    if columns(text) <= width:
        return text
    kept, used = "", 0
    for letter in text:
        used += _columns(letter)
        if used > width - 1:
            break
        kept += letter
    return kept + "…" if width > 0 else ""


def fold(text: str, width: int) -> list[str]:
    """Cleaned text on as many lines as it needs, the later ones indented."""
    from textwrap import wrap

    return wrap(
        text, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    ) or [""]


def pad(text: str, width: int) -> str:
    """Cleaned text cut or filled to exactly `width` columns."""
    text = fit(text, width)
    return text + " " * (width - columns(text))


def duration(seconds: float) -> str:
    """`0.3 s`, `41 s`, `12 m 03 s`, `2 h 05 m`."""
    if 0 < seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = max(int(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} m"


def elapsed(seconds: float) -> str:
    """A clock that runs: `0 s`, `8 s`, `12 m 03 s`. Whole seconds, so that it does not flicker."""
    whole = max(int(seconds), 0)
    return duration(whole) if whole > 9 else f"{whole} s"


def roughly(seconds: float) -> str:
    """A guess: `2 s`, `10 s`, `50 s`, `4 min`, `1 h 20 min`."""
    if seconds < 9.5:
        return f"{max(round(seconds), 1)} s"
    if seconds < 55:
        return f"{max(round(seconds / 10), 1) * 10} s"
    minutes = max(round(seconds / 60), 1)
    if minutes < 60:
        return f"{minutes} min"
    minutes = round(minutes / 10) * 10
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")


def count(number: int, word: str) -> str:
    """`1 file`, `3 files`, `2 branches`."""
    if number == 1:
        return f"1 {word}"
    return f"{number:,} {word}es" if word.endswith(("ch", "sh", "s")) else f"{number:,} {word}s"


def storage(number: int) -> str:
    """Bytes as `0.1 MB`, `12 MB` or `4.4 GB` (powers of 1000), never less than a tenth."""
    unit, amount = ("GB", number / 1e9) if number >= 999.5e6 else ("MB", number / 1e6)
    amount = max(amount, 0.1 if number else 0.0)
    return f"{amount:.1f} {unit}" if 0 < amount < 9.95 else f"{amount:,.0f} {unit}"


def size(files: int, insertions: int, deletions: int) -> str:
    """`3 files, +120 -4`."""
    return f"{count(files, 'file')}, +{insertions} -{deletions}"


def paint(text: str, code: str, colour: bool) -> str:
    """Text in a colour of the terminal's own palette, where colours are wanted."""
    return f"\x1b[{code}m{text}\x1b[0m" if colour and code else text
