"""Markdown with front matter to plain values: `key: value` lines between two `---`.

Not YAML, on purpose: the role files that other tools write put whole sentences with
colons, quotes and angle brackets behind `description:`, which no YAML reader takes. What
is read is what they all have in common: one text a key, a list in brackets, with commas
or as `- item` lines, and indented lines that go on. Everything else is kept as text.
"""

import re

from wtman.model.values import dataclass

_KEY = re.compile(r"([A-Za-z][\w-]*):(?:[ \t]+(.*))?$")
_BLOCK = re.compile(r"[|>][+-]?$")
_ITEM = re.compile(r"[ \t]*-[ \t]+(.*)$")
_MARK = "---"


@dataclass(frozen=True, slots=True)
class Document:
    """`fields` are texts as written, without quotes; the lines of a list are joined by commas."""

    fields: dict[str, str]
    body: str


def read(text: str) -> Document:
    """The document in a text. Raises ValueError where front matter begins and does not end."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    if lines[0].rstrip() != _MARK:
        return Document({}, text)
    for end, line in enumerate(lines[1:], 1):
        if line.rstrip() == _MARK:
            return Document(_fields(lines[1:end]), "\n".join(lines[end + 1 :]).strip())
    raise ValueError("its front matter has no end: a line of three dashes")


def words(text: str) -> tuple[str, ...]:
    """The items of a list: `Read, Grep` or `[Read, Grep]`; commas in parentheses belong to one."""
    inner = text.strip()
    if inner.startswith("[") and inner.endswith("]"):
        inner = inner[1:-1]
    items, depth, item = [], 0, ""
    for letter in inner:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth <= 0:
            items.append(item)
            item = ""
        else:
            item += letter
    return tuple(word for part in (*items, item) if (word := _unquoted(part.strip())))


def _fields(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    key = ""
    for line in lines:
        match = _KEY.match(line)
        if match:
            key = match[1].lower()
            value = (match[2] or "").strip()
            found[key] = "" if _BLOCK.match(value) else _unquoted(value)
        elif item := _ITEM.match(line):
            if key:
                found[key] += f"{', ' if found[key] else ''}{_unquoted(item[1].strip())}"
        elif key and line[:1] in (" ", "\t") and line.strip():
            found[key] = f"{found[key]} {line.strip()}".strip()
    return found


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text
