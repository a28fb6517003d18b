"""Lines as a pane shows them: cleaned text with a style, cut or folded to a width. Pure."""

import re
from collections.abc import Iterable, Iterator

from wtman.model.values import dataclass
from wtman.text.terminal import columns, fit

# Of the terminal's own palette, so that dark and light themes both stay readable.
STYLES = {
    "": "",
    "bold": "bold",
    "good": "green",
    "bad": "red",
    "warn": "yellow",
    "busy": "cyan",
    "quiet": "dim",
    "title": "bold red",
}
_RULE = re.compile(r"([-=_~─━*#. ])\1{9,}")  # one mark, repeated to fill a line


@dataclass(frozen=True, slots=True)
class Said:
    """A line of cleaned text; `kind` is a key of STYLES."""

    text: str
    kind: str = ""


def said(lines: Iterable[str], kind: str = "") -> Iterator[Said]:
    """Each line in one style."""
    return (Said(line, kind) for line in lines)


def folded(text: str, width: int) -> list[str]:
    """A line on as many rows as it needs, broken at blanks where that wastes little; the later ones
    are indented. A rule that fills a line (`==== FAILURES ====`) gets shorter instead."""
    if columns(text) <= width or width < 12:
        return [text]
    text = _RULE.sub(lambda found: found[0][: _shorter(text, found[0], width)], text)
    rows: list[str] = []
    rest = text
    while columns(rest) > width - 2 * bool(rows):
        head = fit(rest, width - 2 * bool(rows) + 1)[:-1] or rest[0]
        blank = head.rfind(" ")
        if blank > len(head) * 2 // 3:
            head = head[: blank + 1]
        rows.append("  " * bool(rows) + head.rstrip())
        rest = rest[len(head) :].lstrip(" ")
    return [*rows, "  " * bool(rows) + rest] if rest else rows


def _shorter(text: str, rule: str, width: int) -> int:
    """How long a rule in the text is where the text has only so many columns."""
    rules = sum(len(found[0]) for found in _RULE.finditer(text))
    left = max(width - (columns(text) - rules), 0)
    return max(len(rule) * left // rules, 3)
