"""On which line each key of a TOML document stands; `tomllib` does not say.

Only for documents that `tomllib` accepts: this scanner knows just enough
(comments, the four kinds of strings, brackets, dotted and quoted keys) to walk
from statement to statement. A key within an inline table has the line of the
statement that it is in.
"""

import re
from collections.abc import Mapping
from dataclasses import field

from wtman.model.values import dataclass

Path = tuple[str | int, ...]  # keys, and numbers in arrays of tables: ("task", 0, "owns")

_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_KEY_PART = re.compile(
    r"[ \t]*(?:(?P<bare>[A-Za-z0-9_-]+)|'(?P<raw>[^'\n]*)'|\"(?P<basic>(?:\\.|[^\"\\\n])*)\")[ \t]*"
)
# The longer quotes come first: "" must not hide the start of """. One or two more quotes may
# stand before the closing three.
_STRING = re.compile(
    r"\"\"\"(?>[^\"\\]+|\\.|\"(?!\"\"(?!\")))*\"\"\"|'''.*?'''(?!')"
    r"|\"(?:\\.|[^\"\\\n])*\"|'[^'\n]*'",
    re.DOTALL,
)
_MOST_TOKENS = 500_000
_MOST_PARTS = 32  # of a dotted key: `tomllib` takes their square
# A text cut into what may be a part of a key, dots, and all else; possessive, so that no text
# makes it go back.
_TOKEN = re.compile(
    r"(?P<part>[A-Za-z0-9_-]++|'(?!'')[^'\n]*+'|\"(?!\"\")(?:[^\"\\\n]++|\\.)*+\")"
    r"|(?P<dot>\.)|(?P<space>[ \t]++)"
    r"|\"\"\"(?:[^\"\\]++|\\.|\"(?!\"\"))*+\"{3,5}|'''(?:[^']++|'(?!''))*+'{3,5}"
    r"|#[^\n]*+|[^A-Za-z0-9_.\-'\" \t#]++",
    re.DOTALL,
)
_PLAIN = re.compile(r"[^\"'#\[\]{}\n]+")


@dataclass(frozen=True, slots=True)
class Places:
    """Where things stand in a document, for messages. Without lines it says the name only."""

    name: str = ""
    lines: Mapping[Path, int] = field(default_factory=dict)

    def line(self, *path: str | int) -> int:
        """The line of a key, or of the nearest thing around it; 0 if unknown."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return 0

    def at(self, *path: str | int) -> str:
        """The place of a key as the start of a message: "plan.toml:12: ", maybe empty."""
        line = self.line(*path)
        if not self.name:
            return f"line {line}: " if line else ""
        return f"{self.name}:{line}: " if line else f"{self.name}: "


def key_lines(text: str) -> dict[Path, int]:
    """The line, counted from 1, of each table and key of a document that `tomllib` accepts."""
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    at, line, counted = 0, 1, 0
    while True:
        at = _end(_BLANK, text, at)
        line += text.count("\n", counted, at)
        counted = at
        if at >= len(text):
            return found
        if text[at] == "[":
            double = text.startswith("[[", at)
            keys, at = _keys(text, at + 1 + double)
            at = text.find("\n", at)
            at = len(text) if at < 0 else at
            table = _located(keys, counts)
            if double:
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            found.setdefault(table, line)
        else:
            keys, at = _keys(text, at)
            for end in range(1, len(keys) + 1):
                found.setdefault((*table, *keys[:end]), line)
            at = _value_end(text, at + 1)


def excess(text: str) -> tuple[int, str]:
    """The line where any text holds more than a document may, and what it is; (0, "") if none.

    One pass: a string that is not closed cannot be TOML, and ends the search.
    """
    at, parts, joined = 0, 0, False
    for number, token in enumerate(_TOKEN.finditer(text)):
        if token.start() != at:
            break
        at, kind = token.end(), token.lastgroup
        if number >= _MOST_TOKENS:
            return _line(text, at), f"more than {_MOST_TOKENS:,} keys, values and signs"
        if kind == "dot":
            joined = True
        elif kind == "part":
            parts = parts + 1 if joined else 1
            joined = False
            if parts > _MOST_PARTS:
                return _line(text, at), f"a key has more than {_MOST_PARTS} parts"
        elif kind != "space":
            parts, joined = 0, False
    return 0, ""


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _located(keys: tuple[str, ...], counts: dict[Path, int]) -> Path:
    """A header's keys with the number of the newest element behind each array of tables."""
    path: Path = ()
    for number, key in enumerate(keys):
        path = (*path, key)
        if path in counts and number + 1 < len(keys):
            path = (*path, counts[path])
    return path


def _keys(text: str, at: int) -> tuple[tuple[str, ...], int]:
    """The dotted key at a position, and the position of what follows it."""
    keys = []
    while match := _KEY_PART.match(text, at):
        if match["basic"] is not None:
            keys.append(_unescaped(match["basic"]))
        else:
            keys.append(match["bare"] if match["raw"] is None else match["raw"])
        at = match.end()
        if text[at : at + 1] != ".":
            break
        at += 1
    return tuple(keys), at


def _unescaped(text: str) -> str:
    import tomllib

    return str(tomllib.loads(f'x = "{text}"')["x"]) if "\\" in text else text


def _value_end(text: str, at: int) -> int:
    """The position of the newline that ends the value which starts here."""
    depth = 0
    while at < len(text):
        char = text[at]
        if char == "\n" and not depth:
            return at
        if char in "\"'":
            at = max(_end(_STRING, text, at), at + 1)
        elif char == "#":
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        elif char in "[]{}\n":
            depth += (char in "[{") - (char in "]}")
            at += 1
        else:
            at = _end(_PLAIN, text, at)
    return at


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at
