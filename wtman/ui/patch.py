"""A patch as a terminal may show it: every byte of it visible, in colours of our own.

A branch holds what an agent wrote. Shown raw, it could hide lines from who reviews it,
recolour them, reverse their words or speak to the terminal. git's own colours could not
be told from those in a file, so the patch is taken without and coloured here.
"""

import re
from collections.abc import Iterator

_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_GRAPH = re.compile(r"( \| +\d+ )(\+*)(-*)$")
_BOLD, _RED, _GREEN, _CYAN = "1", "31", "32", "36"
_SIDES = {"+": _GREEN, "-": _RED, "@": _CYAN, "h": _BOLD, " ": ""}


def visible(text: str) -> str:
    """`text` with what is no printable letter spelt out: ^[ for escape, \\u202e and the like.

    Line feeds and tabs stay as they are.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_visible, text))


def _visible(letter: str) -> str:
    code = ord(letter)
    if letter.isprintable() or letter in "\n\t":
        return letter
    if code < 0x20 or code == 0x7F:
        return "^" + chr(code ^ 0x40)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def stat_shown(stat: bytes, *, colour: bool = False) -> str:
    """What `git diff --stat` said, without colours, fit for a terminal."""
    lines = _decoded(stat)
    return "".join(_graph(line) + "\n" if colour else line + "\n" for line in lines)


def patch_shown(patch: bytes, *, colour: bool = False) -> str:
    """A patch without colours, fit for a terminal; it does not apply any more."""
    return "".join(
        f"{_in(_SIDES[side], line) if colour else line}\n" for line, side in patch_lines(patch)
    )


def patch_lines(patch: bytes) -> Iterator[tuple[str, str]]:
    """The lines of a patch, every byte of them visible, each with what it is: `+`, `-`, `@` of a
    hunk, `h` of a file's head, or a blank."""
    old = new = 0  # lines that the hunk still has of either side
    for line in _decoded(patch):
        side = " "
        hunk = _HUNK.match(line)
        if old > 0 or new > 0:
            side = line[:1] if line[:1] in ("+", "-") else " "
            if line[:1] != "\\":  # "\ No newline at end of file" is of neither
                old, new = old - (line[:1] != "+"), new - (line[:1] != "-")
        elif hunk:
            old, new = (int(count or "1") for count in hunk.groups())
            side = "@"
        elif line[:1] != "\\":
            side = "h"
        yield line, side


def _decoded(said: bytes) -> list[str]:
    """Its lines; only a line feed ends one."""
    lines = said.decode("utf-8", "backslashreplace").split("\n")
    return [visible(line) for line in (lines if lines[-1] else lines[:-1])]


def _graph(line: str) -> str:
    found = _GRAPH.search(line)
    if not found:
        return line
    head, plus, minus = found.groups()
    return line[: found.start()] + head + _in(_GREEN, plus) + _in(_RED, minus)


def _in(style: str, text: str) -> str:
    return f"\x1b[{style}m{text}\x1b[0m" if style and text else text
