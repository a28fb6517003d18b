"""The files that a command for a shell names, wherever in its text they stand.

Pure, and tolerant: no shell is imitated. Quotes, assignments, `cd`, wrappers (`env`, `timeout`)
and texts within texts (`sh -c '...'`) are followed as far as their words tell; what only a
running shell could know (globs, `$(...)`) is left out.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from enum import StrEnum
from posixpath import basename, isabs, join, normpath

from wtman.model.values import dataclass

_OPERATORS = ";()<>|&\n`"
_DEEPEST = 4  # texts within texts
_LONGEST = 64 * 1024  # characters that are looked at
_ASSIGNED = re.compile(r"([A-Za-z_]\w*)\+?=(.*)", re.DOTALL)
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?[smhd]?")
_FALLBACK = re.compile(r"[^\s;|&<>()'\"`]+")
_TEXT = re.compile(r"[\s;|&<>()`]")  # what no single word has: a text within the text
_OPTION = re.compile(r"--?\w[\w-]*=(.*)", re.DOTALL)
_NAME = re.compile(r"[\w.+-]*\w[\w.+-]*")
_UNKNOWN = re.compile(r"[$*?\[\]{}\0:]")
_KEYWORDS = frozenset("if then else elif do while until ! {".split())
_SHELLS = frozenset("sh bash dash zsh ksh".split())
_TEXTS = ("-c", "-m", "-e")  # of interpreters: no script follows
_EXPORTS = ("export", "declare", "typeset", "readonly", "local")
_SWITCHES = ("-X", "-W")  # of Python, with a word
_INTERPRETER = re.compile(r"(?:python|pypy)[\d.]*|node|ruby|perl|php|deno|bun|(?:ba|da|z|k)?sh")
# Programs that run the program behind them, and which of their options take a word.
_WRAPPERS: Mapping[str, frozenset[str]] = {
    "env": frozenset(("-u", "--unset", "-C", "--chdir")),
    "timeout": frozenset(("-s", "--signal", "-k", "--kill-after")),
    "nice": frozenset(("-n",)),
    "ionice": frozenset(("-c", "-n")),
    "stdbuf": frozenset(("-i", "-o", "-e")),
    "xargs": frozenset(("-n", "-I", "-P", "-L", "-d")),
    "time": frozenset(("-f", "-o")),
    **dict.fromkeys(("exec", "command", "builtin", "nohup", "setsid", "chronic"), frozenset()),
}


class Position(StrEnum):
    PROGRAM = "program"  # where a shell looks for what to run
    SOURCED = "sourced"  # behind `.` or `source`
    SCRIPT = "script"  # the first argument of an interpreter
    PATH = "path"  # an entry of PATH
    VALUE = "value"  # of another variable
    FOLDER = "folder"  # behind `cd`
    ARGUMENT = "argument"


@dataclass(frozen=True, slots=True)
class Mention:
    """A path that a text names: absolute, or relative to where the command starts.

    `path` of a program may be a bare name, which is looked up on PATH.
    """

    path: str
    position: Position


def mentions(text: str, environ: Mapping[str, str]) -> tuple[Mention, ...]:
    """What a text names, in its order; `environ` gives the variables it does not set itself."""
    reading = _Reading(dict(environ))
    return tuple(dict.fromkeys(reading.read(text.removeprefix("command:")[:_LONGEST])))


def with_home(text: str, home: str) -> str:
    """A text that no shell runs, with the home folder where a word begins with `~/`."""
    try:
        words = shlex.split(text)
    except ValueError:
        return text  # refused, with its reason, by whoever runs it
    starts = ("~/", "$HOME/", "${HOME}/")
    if not home or not any(word.startswith(starts) for word in words):
        return text
    found = (
        next((f"{home}/{word[len(it) :]}" for it in starts if word.startswith(it)), word)
        for word in words
    )
    return shlex.join(found)


def tokens(text: str) -> list[str]:
    """The words and operators of a text; of one with an open quote what looks like words."""
    lexer = shlex.shlex(text.replace("\\\n", " "), posix=True, punctuation_chars=_OPERATORS)
    lexer.whitespace = " \t\r"
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        return list(lexer)
    except ValueError:
        return _FALLBACK.findall(text)


class _Reading:
    """A text read from left to right. `known` are the variables, which texts within it share."""

    def __init__(self, known: dict[str, str], folder: str = "", depth: int = 0) -> None:
        self._known = known
        self._folder = folder
        self._depth = depth

    def read(self, text: str) -> Iterator[Mention]:
        position, program = Position.PROGRAM, ""
        valued: frozenset[str] | None = None  # behind a wrapper: its options with a word
        skipped = nested = False
        for word in tokens(text):
            if word and not word.strip(_OPERATORS):
                redirects = bool(set(word) & set("<>"))
                position = Position.ARGUMENT if redirects else Position.PROGRAM
                valued, nested = None, False
            elif skipped:
                skipped = False
            elif (position is Position.PROGRAM or program in _EXPORTS) and (
                given := _ASSIGNED.fullmatch(word)
            ):
                self._known[given[1]] = self._filled(given[2])
                yield from self._word(
                    given[2], Position.PATH if given[1] == "PATH" else Position.VALUE
                )
            elif position is Position.PROGRAM:
                if word in _KEYWORDS:
                    continue
                if valued is not None and (word.startswith("-") or _NUMBER.fullmatch(word)):
                    skipped = word in valued
                    continue
                yield from self._word(word, position)
                program = basename(word)
                if (valued := _WRAPPERS.get(program)) is None:
                    position = _behind(program)
            elif word.startswith("-") and position in (Position.SCRIPT, Position.FOLDER):
                nested = program in _SHELLS and word.endswith("c") and word[1] != "-"
                if nested or (word in _TEXTS and program not in _SHELLS):
                    position = Position.ARGUMENT
                skipped = word in _SWITCHES
                yield from self._word(word, Position.ARGUMENT)
            elif nested:
                nested = False
                yield from self._nested(word)
            else:
                yield from self._word(word, position)
                if position is Position.FOLDER:
                    self._folder = join(self._folder, self._filled(word))
                position = Position.ARGUMENT

    def _nested(self, text: str) -> Iterator[Mention]:
        if self._depth < _DEEPEST:
            yield from _Reading(self._known, self._folder, self._depth + 1).read(text)

    def _word(self, word: str, position: Position) -> Iterator[Mention]:
        """What a word names: itself, a value, the parts of a PATH, or a text in quotes."""
        if _TEXT.search(word):
            # A path with a space, or a text; whether anything runs that is not known: of what
            # is relative in it nothing is claimed.
            for item in self._path(word, position):
                if isabs(item.path) or position is not Position.ARGUMENT:
                    yield item
            yield from (item for item in self._nested(word) if isabs(item.path))
            return
        if "://" in word:
            return
        given = _OPTION.fullmatch(word) or _ASSIGNED.fullmatch(word)
        value = given[given.lastindex or 0] if given else word
        for part in value.split(":"):
            yield from self._path(part, position)

    def _path(self, word: str, position: Position) -> Iterator[Mention]:
        path = self._filled(word)
        if not path or _UNKNOWN.search(path) or path.startswith(("~", "-")):
            return
        if "/" not in path and position is Position.PROGRAM:
            if _NAME.fullmatch(path):
                yield Mention(path, position)
        elif "/" in path or position in (Position.SOURCED, Position.SCRIPT, Position.FOLDER):
            path = normpath(join(self._folder, path))
            if isabs(path):
                path = f"/{path.lstrip('/')}"  # two slashes in front are one
            elif "/" not in path and position is Position.PROGRAM:
                path = f"./{path}"  # looked up here and not on PATH
            if not _UNKNOWN.search(path):
                yield Mention(path, position)

    def _filled(self, word: str) -> str:
        """The word with its variables, as far as they are known."""
        if word == "~" or word.startswith("~/"):
            word = "$HOME" + word[1:]
        return _VARIABLE.sub(lambda it: self._known.get(it[1] or it[2], it[0]), word)


def _behind(program: str) -> Position:
    """What the first word behind a program is."""
    if program in (".", "source"):
        return Position.SOURCED
    if program in ("cd", "pushd"):
        return Position.FOLDER
    return Position.SCRIPT if _INTERPRETER.fullmatch(program) else Position.ARGUMENT
