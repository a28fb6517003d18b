"""A text for a shell as its simple commands, where its words alone tell what it runs.

Pure. What needs a running shell to be understood (loops, subshells, `$(...)`, variables,
globs, input from files, jobs in the background) is not: then there is no answer at all.
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import field
from posixpath import isabs, join, normpath

from wtman.formats.shell_words import tokens
from wtman.model.values import dataclass

_ASSIGNED = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_UNKNOWN = re.compile(r"[$`*?\[{}\0]")
_LITERAL = re.compile(r"'([^']*)'")
_SPECIAL = "$`*?[]{}#~"
_PLAIN = {ord(char): chr(0xE000 + at) for at, char in enumerate(_SPECIAL)}  # while it is split
_BACK = {ord(plain): chr(char) for char, plain in _PLAIN.items()}
_EXTRAS = re.compile(r"([^\[]*)\[[\w., -]*\](.*)", re.DOTALL)  # `.[dev]` of pip is no glob
_OPERATORS = frozenset(";()<>|&\n`")
_BETWEEN = ("&&", "||", "|", ";", "\n")
_FORWARD = ("exec", "command", "nohup", "time", "env")  # they run what is behind them as it is
_TIME = re.compile(r"\d+(?:\.\d+)?[smhd]?")


@dataclass(frozen=True, slots=True)
class SimpleCommand:
    """`words` begin with the program, and are empty where variables are set alone.

    `folder` is where it runs and `written` what its output goes to, relative to the start.
    """

    words: tuple[str, ...]
    folder: str = ""
    assigned: Mapping[str, str] = field(default_factory=dict)
    written: tuple[str, ...] = ()


def simple_commands(text: str) -> tuple[SimpleCommand, ...] | None:
    """The commands of a text in their order; None where words alone do not tell."""
    try:
        words = shlex.split(text.removeprefix("command:"))
    except ValueError:
        return None  # a quote is open
    if text.startswith("command:"):
        return (SimpleCommand(tuple(words)),) if words else ()
    if not set(text) & set('"\\'):
        # What stands between single quotes means itself.
        text = _LITERAL.sub(lambda found: f"'{found[1].translate(_PLAIN)}'", text)
    folder = ""
    found: list[SimpleCommand] = []
    for part in _parts(tokens(text)) or (None,):
        if part is None or any(map(_is_unknown, part)):
            return None
        split = _outputs([word.translate(_BACK) for word in part], folder)
        if split is None:
            return None
        left, written = split
        assigned, left = _assignments(left)
        if left[:1] == ["cd"]:
            moved = relative(folder, left[1]) if len(left) == 2 and not written else None
            if moved is None:
                return None
            folder = moved
        else:
            found.append(SimpleCommand(tuple(left), folder, assigned, written))
    return tuple(found)


def relative(folder: str, path: str) -> str | None:
    """Where a path leads that a command in `folder` names; "" is the start itself.

    None for one that is absolute, or leads out of it.
    """
    place = normpath(join(folder, path))
    if isabs(path) or path.startswith("~") or place == ".." or place.startswith("../"):
        return None
    return "" if place == "." else place


def _parts(words: list[str]) -> list[list[str]] | None:
    """The words between `&&`, `||`, `|`, `;` and line ends; None where another operator is."""
    parts: list[list[str]] = [[]]
    for word in words:
        if not word or not _OPERATORS.issuperset(word) or set(word) & set("<>"):
            parts[-1].append(word)
        elif word.strip("\n") in ("", *_BETWEEN) and word.count(";") < 2:
            parts.append([])
        else:
            return None
    return [part for part in parts if part]


def _is_unknown(word: str) -> bool:
    plain = _EXTRAS.sub(r"\1\2", word)
    return bool(_UNKNOWN.search(plain)) or word.startswith(("#", "~"))


def _outputs(words: list[str], folder: str) -> tuple[list[str], tuple[str, ...]] | None:
    """The words without redirections, and the files of the checkout that these write."""
    left: list[str] = []
    written: list[str] = []
    at = 0
    while at < len(words):
        word = words[at]
        if not word or not _OPERATORS.issuperset(word):
            left.append(word)
            at += 1
            continue
        if "<" in word or at + 1 == len(words):
            return None
        target = words[at + 1]
        if left and left[-1].isdecimal() and len(left[-1]) == 1:
            left.pop()  # `2>`
        if not (target.isdecimal() or target == "-" or target.startswith("/dev/")):
            place = relative(folder, target)
            if place is None:
                return None
            written.append(place)
        at += 2
    return left, tuple(written)


def _assignments(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """What is set for the command, and the words from its program on."""
    assigned: dict[str, str] = {}
    at = 0
    while at < len(words):
        if given := _ASSIGNED.fullmatch(words[at]):
            assigned[given[1]] = given[2]
        elif words[at] == "timeout" and words[at + 1 : at + 2] and _TIME.fullmatch(words[at + 1]):
            at += 1
        elif words[at] not in _FORWARD:
            break
        at += 1
    return assigned, words[at:]
