"""Whether a proof holds a branch to what it was asked to change, or to what it was asked for.

Pure. A test of a reviewer that passes on the base and fails on a branch is a regression,
unless the branch was to change just that. What tells the two apart are words: what the
branch takes away (a value, a name, a text) and the proof still insists on, in the lines
of the branch's own tests that it changed, or in what its author was asked. Each is a sign
and no proof: where it is clear the finding does not block by itself, where it is not only
refuters may throw it out. A regression that has no such sign is what it looks like.
"""

import re
import shlex
from collections.abc import Iterable, Iterator

from wtman.checks.comparison import told_by
from wtman.formats.gitignore import matches
from wtman.formats.test_paths import TESTS
from wtman.model.finding import BASE, Cell, Reproducer
from wtman.model.values import dataclass
from wtman.text.late_pattern import late
from wtman.text.words import printable

_LEAST = 3  # characters of a text from which it can be told from any other
_LONG = 12  # and from which it needs nothing beside it
_SHOWN = 80
_DOCS = ("*.md", "*.rst", "*.txt", "*.adoc", "CHANGELOG*", "CHANGES*", "NEWS*", "README*")


@dataclass(frozen=True, slots=True)
class Purpose:
    """What speaks for it that a change was meant, in words; `clear`: it does so plainly."""

    clear: bool = False
    words: str = ""


def purpose_of(proof: Reproducer, diff: str, asked: str) -> Purpose:
    """What the branch's own difference and what its author was asked say of a proof that fails."""
    insisted = [_read(line) for line in _lines_of(proof)]
    hunks, moved = _hunks(diff)
    tests = [hunk for hunk in hunks if matches(TESTS, hunk.path)]
    docs = [hunk for hunk in hunks if matches(_DOCS, hunk.path) and hunk not in tests]
    sources = [hunk for hunk in hunks if hunk not in tests and hunk not in docs]
    vanished = _defined(sources) - _kept(sources)
    for hunk in tests:
        if line := _taken_away(hunk, _kept(tests), vanished, insisted):
            what = printable(line.strip(), _SHOWN)
            return Purpose(True, f"changed its own test that said so ({hunk.path}: {what})")
    documented = "\n".join(line for hunk in docs for line in hunk.added)
    for told, how in ((asked, "was asked for"), (documented, "documents")):
        for hunk in sources:
            if _taken_away(hunk, _kept(sources), vanished, insisted) and (
                word := _named(hunk, insisted, told)
            ):
                return Purpose(True, f"{how} a change of {word}")
        if word := _moved(moved, proof, told):
            return Purpose(True, f"{how} a change of {word}")
    for hunk in tests:
        if word := _tested(hunk, insisted):
            return Purpose(False, f"changed its own tests of {word} too: {hunk.path}")
    return Purpose()


def promised(cells: Iterable[Cell], asked: str) -> bool:
    """Whether what a failing run misses is in what the authors were asked for."""
    words = frozenset(re.findall(r"\w+", asked))
    lines = [line for cell in cells if cell.tree != BASE for line in told_by(cell.detail)]
    named = {word for line in lines for word in re.findall(r"['\"`](\w{3,})['\"`]", line)}
    named |= {word for line in lines for word in re.findall(r"\bundefined: (\w{3,})", line)}
    return bool(named & words)


# --- what lines say -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Read:
    """What a line says: as a whole, its names, its texts, and values that are short (numbers)."""

    whole: str
    names: frozenset[str]
    texts: frozenset[str]
    values: frozenset[str]

    @property
    def all(self) -> frozenset[str]:
        return self.names | self.values | self.texts


@dataclass(frozen=True, slots=True)
class _Hunk:
    """One hunk; `names` and `texts` are those in it, around the changed lines too."""

    path: str
    removed: tuple[str, ...]
    added: tuple[str, ...]
    names: frozenset[str]
    texts: frozenset[str]


_TEXT = late(r"'([^'\\]*(?:\\.[^'\\]*)*)'|\"([^\"\\]*(?:\\.[^\"\\]*)*)\"|`([^`]*)`")
_NAME = late(r"[^\W\d]\w+")
_VALUE = late(
    r"(?<![\w.])-?\d+(?:\.\d+)?\b|\b(?:True|False|None|true|false|null|nil|not|raises)\b"
    r"|\b(?:assert|to)(?:True|False|Raises|Is|In|Not|Throw|Be[A-Z])\w*"
)
_MODULE = late(r"\s*(?:from\s+([\w.]+)\s+import\b|import\s+([\w.]+(?:\s+as\s+\w+)?)\s*$)")
_DEFINED = late(
    r"\b(?:def|class|function|func|fn|const|let|var|struct|enum|type|interface|trait)\s+(\w{2,})"
    r"|^\s*[\"']?([^\W\d][\w-]+)[\"']?\s*[:=](?!=)"
)
_HEAD = late(r"^\s*(?:async\s+)?def\s+\w+\([^)]*\)[^:]*:(?=\s*\S)")  # of a test on one line
_ASSERTS = late(r"(?i)assert|expect|should|raises|equal|==")
_SYNTAX = frozenset(
    """
    and as assert async await class const def describe do elif else end equal equals except expect
    expected export false fn for from func function if import in is it lambda let main nil none
    not null or pass print private pub public py raise raises require return self static struct
    test testcase tests this true try unittest use using var void while with
    bash grep node pytest python python3 run_tests sh
    """.split()
)


def _read(line: str) -> _Read:
    texts = {_plain("".join(found)) for found in _TEXT.findall(line)}
    bare = _TEXT.sub(" ", line)
    if not texts and not re.search(r"[(=:]", line):
        texts = {_plain(line)}  # of a file that is only text
    names = frozenset(name for name in _NAME.findall(bare) if not _is_syntax(name))
    whole = re.sub(r"\s+", "", _HEAD.sub("", line)).replace("'", '"').rstrip(";")
    return _Read(
        whole, names - _modules(line), frozenset(texts - {""}), frozenset(_VALUE.findall(bare))
    )


def _modules(line: str) -> frozenset[str]:
    """What a line imports from: it names everything in there and so nothing."""
    found = _MODULE.match(line)
    return (
        frozenset(_NAME.findall(" ".join(filter(None, found.groups())))) if found else frozenset()
    )


def _plain(text: str) -> str:
    return re.sub(r"(?:\\[nrt]|\s)+", " ", text).strip()


def _is_syntax(name: str) -> bool:
    return name.lower() in _SYNTAX or re.match(r"(?i)(?:assert|test)", name) is not None


def _lines_of(proof: Reproducer) -> Iterator[str]:
    """The lines that a proof adds, and those of a program in its command."""
    try:
        words = shlex.split(proof.command)
    except ValueError:
        words = proof.command.split()
    yield " ".join(word for word in words if not re.search(r"\s", word))
    for word in words:
        if re.search(r"\s", word):
            yield from re.split(r"[;\n]", word)
    for line in proof.patch.splitlines():
        if line.startswith("+") and not line.startswith("+++"):
            yield line[1:]


def _hunks(diff: str) -> tuple[list[_Hunk], list[str]]:
    """The hunks of a difference as git shows it, and paths that are no longer there."""
    found: list[_Hunk] = []
    moved: list[str] = []
    path, body, gone = "", list[str](), False
    for line in (*diff.splitlines(), "diff --git "):
        if line.startswith(("diff --git ", "@@ ")):
            if body:
                found.append(_hunk(path, body))
            # What stands after the second @@ is the function that the hunk is in.
            body = [f" {line.split('@@', 2)[2]}"] if line.startswith("@@ ") else []
            path, gone = (path, gone) if body else ("", False)
        elif body:
            body.append(line)
        elif line.startswith(("--- a/", "+++ b/")):
            path = line[6:].rstrip("\t")
            moved += [path] if gone else []
        elif line.startswith("rename from "):
            moved.append(line.removeprefix("rename from "))
        gone = gone or (not body and line.startswith("deleted file "))
    return found, moved


def _hunk(path: str, body: list[str]) -> _Hunk:
    reads = [_read(line[1:]) for line in body]
    modules = frozenset[str]().union(*(_modules(line[1:]) for line in body))
    return _Hunk(
        path,
        tuple(line[1:] for line in body if line.startswith("-")),
        tuple(line[1:] for line in body if line.startswith("+")),
        frozenset[str]().union(*(read.names for read in reads)) - modules,
        frozenset[str]().union(*(read.texts for read in reads)),
    )


def _kept(hunks: Iterable[_Hunk]) -> frozenset[str]:
    """All that the branch's new lines say."""
    reads = (_read(line) for hunk in hunks for line in hunk.added)
    return frozenset[str]().union(*({read.whole, *read.all} for read in reads))


def _defined(hunks: Iterable[_Hunk]) -> frozenset[str]:
    """The names whose definitions the branch removes."""
    lines = (line for hunk in hunks for line in hunk.removed)
    return frozenset(name for line in lines for names in _DEFINED.findall(line) for name in names)


# --- signs --------------------------------------------------------------------------------------


def _taken_away(
    hunk: _Hunk, kept: frozenset[str], vanished: frozenset[str], insisted: list[_Read]
) -> str:
    """The line of the hunk that says something which the branch says nowhere any more, and the
    proof does; empty if there is none."""
    names = frozenset[str]().union(*(said.names for said in insisted))
    around = names.union(*(said.texts for said in insisted)) & (hunk.names | hunk.texts)
    for line in hunk.removed:
        gone = _read(line)
        for said in insisted:
            if said.whole == gone.whole and _ASSERTS.search(line) and gone.whole not in kept:
                return line
            if said.names & gone.names & vanished:
                return line
            texts = {text for text in (said.texts | said.names) & gone.texts if text not in kept}
            if any(_says_much(text, line) or around - {text} for text in texts):
                return line
            # A number says nothing by itself: it has to be of the same thing.
            if said.values & gone.values - kept and said.names & hunk.names:
                return line
    return ""


def _tested(hunk: _Hunk, insisted: list[_Read]) -> str:
    """What the proof calls and an assertion that the branch changed does, too."""
    names = frozenset[str]().union(*(said.names for said in insisted)) & hunk.names
    calls = (rf"\.{name}\b|\b{name}\(" for name in sorted(names))
    removed = "\n".join(line for line in hunk.removed if _ASSERTS.search(line))
    found = (re.search(call, removed) for call in calls)
    return next((one[0].strip(".(") for one in found if one), "")


def _says_much(text: str, line: str) -> bool:
    return len(text) >= _LONG or (len(text) >= _LEAST and text == _plain(line))


def _named(hunk: _Hunk, insisted: list[_Read], told: str) -> str:
    """What was told of: something that the hunk takes away and the proof insists on, or that
    the hunk puts in its place; empty if it is not named."""
    before = frozenset[str]().union(*(_read(line).all for line in hunk.removed))
    after = frozenset[str]().union(*(_read(line).all for line in hunk.added))
    wanted = frozenset[str]().union(*(said.all for said in insisted))
    for word in (*sorted((before - after) & wanted), *sorted(after - before)):
        if _says(told, word):
            return printable(word, _SHOWN)
    return ""


def _moved(paths: Iterable[str], proof: Reproducer, told: str) -> str:
    """A file that the branch was told to move or remove, and the proof names."""
    insisted = f"{proof.command}\n{proof.patch}"
    for path in paths:
        stem = path.rpartition("/")[2].partition(".")[0]
        if len(stem) >= _LEAST and _says(insisted, stem) and _says(told, stem):
            return path
    return ""


def _says(told: str, word: str) -> bool:
    words = rf"(?<!\w){re.escape(word)}(?!\w)"
    return re.search(words, " ".join(told.split()), re.IGNORECASE) is not None
