"""One gitignore-style pattern, taken apart into steps, character sets and a regular expression.

Exists so that matching (`gitignore.matches`) and the overlap decision
(`gitignore.can_both_match`) read a pattern in the same way: git's, as its manual
page gitignore(5) documents it. A pattern becomes *steps*, one a folder level;
`DEEP` is any number of levels. A step is the text of one path segment.

Promises that no pattern makes matching slow: stars are matched leftmost and
atomically, never by backtracking over each other. Refuses nothing by itself: a
malformed pattern matches no path, as in git; `flaw` says what is wrong with it.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from wtman.model.values import dataclass

DEEP = "**"  # as a step: any number of folder levels, also none
ANY = "*"  # as a step: any one segment

_POSIX = {
    "alnum": "09AZaz",
    "alpha": "AZaz",
    "blank": "  \t\t",
    "cntrl": "\x00\x1f\x7f\x7f",
    "digit": "09",
    "graph": "!~",
    "lower": "az",
    "print": " ~",
    "punct": "!/:@[`{~",
    "space": "  \t\r",
    "upper": "AZ",
    "xdigit": "09AFaf",
}

# Folders with such names do not occur in practice ("github.com" does); without this, "*.md" and
# "*.py" would be said to overlap at "a.md/a.py".
_FILE_SUFFIX = re.compile(
    r"\.(?:bash|bat|c|cc|cfg|cjs|cpp|cs|css|csv|dart|ex|exs|gif|go|gradle|graphql|h|hpp|hs|html|ini"
    r"|ipynb|java|jpg|js|json|jsonl|jsx|kt|less|lock|lua|m|md|mk|mdx|mjs|ml|php|pl|png|proto|ps1|py|pyi"
    r"|rb|rs|rst|scala|scss|sh|sql|svelte|svg|swift|tf|toml|ts|tsx|txt|vue|xml|yaml|yml)$"
)
# Behind a wildcard nearly every suffix means files.
_ANY_SUFFIX = re.compile(r"\.(?!(?:app|bundle|d|git)$)[A-Za-z0-9]{1,8}$")
_FILE_NAMES = frozenset(
    "Cargo.lock CHANGELOG CODEOWNERS COPYING Dockerfile Gemfile Jenkinsfile Justfile LICENSE"
    " Makefile NOTICE Procfile README Rakefile .dockerignore .editorconfig .gitattributes"
    " .gitignore go.mod go.sum".split()
)


@dataclass(frozen=True, slots=True)
class Chars:
    """One character out of a set. The slash is never in it."""

    ranges: tuple[tuple[str, str], ...] = ()
    negated: bool = False

    def __contains__(self, char: str) -> bool:
        return any(low <= char <= high for low, high in self.ranges) != self.negated


Item = Chars | None  # None is a star: any number of characters


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern ready for use. `prefix` is the literal text that every owned path starts with.

    `part` is a literal text that every owned path has, the longest; `suffix` the
    literal end of the last step, `file_like` whether that step looks like the name
    of a file.
    """

    negated: bool
    folder_only: bool
    steps: tuple[str, ...]
    regex: re.Pattern[str]
    prefix: str
    part: str
    suffix: str
    file_like: bool


@lru_cache(maxsize=16384)
def compiled(text: str) -> Pattern:
    """Take a pattern apart."""
    body = _without_trailing_spaces(text)
    negated = body.startswith("!")
    body = body[1:] if negated else body
    folder_only = body.endswith("/")
    body = body[:-1] if folder_only else body
    steps = _steps(body)
    suffix = "" if steps[-1] == DEEP else literal_end(steps[-1])
    alone = literal_text(steps[-1])
    known = _ANY_SUFFIX if alone is None else _FILE_SUFFIX
    named = alone in _FILE_NAMES or known.search(suffix) is not None
    return Pattern(
        negated=negated,
        folder_only=folder_only,
        steps=steps,
        regex=re.compile(_path_regex(steps, folder_only), re.DOTALL),
        prefix=_prefix(steps),
        part=_part(steps),
        suffix=suffix,
        file_like=named and not folder_only,
    )


def flaw(text: str) -> str:
    """What makes a pattern unusable for a list of paths in the repository; empty if nothing."""
    body = text[1:] if text.startswith("!") else text
    if not body.strip() or not body.strip("/"):
        return "is empty"
    if "\0" in body:
        return "holds a NUL character"
    if re.match(r"~|[A-Za-z]:[\\/]|//|/(?:home|Users|Volumes|root|tmp|private|mnt)/", body):
        return "is an absolute path; patterns are relative to the root of the repository"
    if re.search(r"\\[A-Za-z0-9/]|\\$", body):
        return "has a backslash as a separator; write /"
    segments = body.removeprefix("/").removesuffix("/").split("/")
    for segment in segments:
        if segment in ("", ".", ".."):
            return f'has a segment "{segment}"; patterns are relative to the repository\'s root'
        if segment.casefold() == ".git":
            return "names git's own folder"
        if items(segment) is None:
            return 'has a malformed "[...]"; write \\[ for the character itself'
    return ""


@lru_cache(maxsize=16384)
def items(segment: str) -> tuple[Item, ...] | None:
    """The characters and stars of one segment; None if malformed, which never matches."""
    found: list[Item] = []
    at = 0
    while at < len(segment):
        char = segment[at]
        at += 1
        if char == "*":
            if not found or found[-1] is not None:
                found.append(None)
        elif char == "?":
            found.append(Chars(negated=True))
        elif char == "[":
            bracket = _bracket(segment, at)
            if bracket is None:
                return None
            chars, at = bracket
            found.append(chars)
        elif char == "\\":
            if at == len(segment):
                return None
            found.append(_one(segment[at]))
            at += 1
        else:
            found.append(_one(char))
    return tuple(found)


@lru_cache(maxsize=16384)
def literal_text(segment: str) -> str | None:
    """The only text that a segment matches, if there is just one."""
    parts = items(segment)
    text = _run(parts or ())
    return text if parts is not None and len(text) == len(parts) else None


@lru_cache(maxsize=16384)
def segment_regex(segment: str) -> str:
    """A regular expression for one segment, linear in practice whatever the stars."""
    parts = items(segment)
    if not parts:
        return "(?!)"
    blocks = [""]
    for part in parts:
        if part is None:
            blocks.append("")
        else:
            blocks[-1] += _chars_regex(part)
    if len(blocks) == 1:
        return blocks[0]
    middle = "".join(f"(?>[^/]*?{block})" for block in blocks[1:-1])
    # A segment is never empty, so a lone star needs one character.
    need_one = "(?=[^/])" if not blocks[0] and not middle else ""
    return f"{need_one}{blocks[0]}{middle}[^/]*{blocks[-1]}"


@lru_cache(maxsize=16384)
def literal_start(segment: str) -> str:
    """The text that everything which a segment matches starts with."""
    return _run(items(segment) or ())


@lru_cache(maxsize=16384)
def literal_end(segment: str) -> str:
    """The text that everything which a segment matches ends with."""
    return _run(reversed(items(segment) or ()))[::-1]


def _run(parts: Iterable[Item]) -> str:
    """The characters up to the first place where there may be several."""
    text = ""
    for part in parts:
        char = _single(part)
        if char is None:
            break
        text += char
    return text


def _without_trailing_spaces(text: str) -> str:
    end = len(text.rstrip(" "))
    backslashes = len(text[:end]) - len(text[:end].rstrip("\\"))
    if backslashes % 2 and end < len(text):
        end += 1
    return text[:end]


def _steps(body: str) -> tuple[str, ...]:
    if "/" not in body:
        return (DEEP, ANY if _is_deep(body) else body)
    segments = body.removeprefix("/").split("/")
    steps: list[str] = []
    for segment in segments:
        if not _is_deep(segment):
            steps.append(segment)
        elif not steps or steps[-1] != DEEP:
            steps.append(DEEP)
    if steps[-1] == DEEP:
        steps[-1] = ANY  # what a pattern names owns all below it, so one level says it all
    return tuple(steps)


def _is_deep(segment: str) -> bool:
    return len(segment) > 1 and not segment.strip("*")


def _path_regex(steps: tuple[str, ...], folder_only: bool) -> str:
    blocks: list[list[str]] = [[]]
    for step in steps:
        if step == DEEP:
            blocks.append([])
        else:
            blocks[-1].append(segment_regex(step))
    last = "/".join(blocks[-1]) + ("/.+" if folder_only else "(?:/.+)?")
    if len(blocks) == 1:
        return last
    first = "".join(segment + "/" for segment in blocks[0])
    middle = "".join(
        "(?>(?:[^/]+/)*?" + "".join(segment + "/" for segment in block) + ")"
        for block in blocks[1:-1]
    )
    return f"{first}{middle}(?:[^/]+/)*{last}"


def _prefix(steps: tuple[str, ...]) -> str:
    prefix = ""
    for number, step in enumerate(steps):
        text = None if step == DEEP else literal_text(step)
        if text is None:
            return prefix + ("" if step == DEEP else literal_start(step))
        prefix += text + ("/" if number + 1 < len(steps) else "")
    return prefix


def _part(steps: tuple[str, ...]) -> str:
    runs = [""]
    for step in steps:
        for item in (None, *(items(step) or ()), None) if step != DEEP else ():
            char = _single(item)
            if char is None:
                runs.append("")
            else:
                runs[-1] += char
    return max(runs, key=len)


def _one(char: str) -> Chars:
    return Chars(((char, char),))


def _single(part: Item) -> str | None:
    if part is None or part.negated or len(part.ranges) != 1:
        return None
    low, high = part.ranges[0]
    return low if low == high else None


def _chars_regex(chars: Chars) -> str:
    single = _single(chars)
    if single is not None:
        return re.escape(single)
    inside = "".join(f"{_escaped(low)}-{_escaped(high)}" for low, high in chars.ranges)
    if chars.negated:
        return f"[^/{inside}]"
    return f"(?!/)[{inside}]" if inside else "(?!)"


def _escaped(char: str) -> str:
    return f"\\U{ord(char):08x}"


def _bracket(segment: str, at: int) -> tuple[Chars, int] | None:
    """The set that starts after `[` and its end, by the rules of git's wildmatch.c."""
    negated = segment[at : at + 1] in ("!", "^")
    at += negated
    ranges: list[tuple[str, str]] = []
    before = ""  # a possible start of a range
    first = True
    while at < len(segment):
        char = segment[at]
        at += 1
        if char == "]" and not first:
            return Chars(tuple(ranges), negated), at
        first = False
        if char == "-" and before and segment[at : at + 1] not in ("", "]"):
            at += segment[at] == "\\"
            if at == len(segment):
                return None
            if before <= segment[at]:
                ranges.append((before, segment[at]))
            before = ""
            at += 1
        elif char == "[" and segment[at : at + 1] == ":":
            end = segment.find("]", at + 1)
            if end < 0:
                return None
            name = segment[at + 1 : end - 1]
            if end - 1 <= at or segment[end - 1] != ":":
                ranges.append(("[", "["))
                before = "["
                continue
            if name not in _POSIX:
                return None
            ends = _POSIX[name]
            ranges.extend(zip(ends[::2], ends[1::2], strict=True))
            before = ""
            at = end + 1
        else:
            if char == "\\":
                if at == len(segment):
                    return None
                char = segment[at]
                at += 1
            ranges.append((char, char))
            before = char
    return None
