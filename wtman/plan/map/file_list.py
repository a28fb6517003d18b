"""What a repository looks like, as a bounded text for somebody who is to plan a change of it.

Folders with their sizes, and of each the files that tell most. What does not fit is counted,
never silently left out.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from posixpath import basename

from wtman.model.changes import TrackedFile

_MOST = 14_000  # characters of a map
_NAMES = (16, 8, 4, 2, 0)  # names shown of a folder, the fewer the larger the repository
_PATH = 160
_LANGUAGES = 8
_TELLING = frozenset(
    "readme pyproject setup package cargo go makefile dockerfile tox build pom gemfile composer"
    " main index app cli api routes urls models schema settings config conftest __init__"
    " agents claude contributing architecture".split()
)


def file_map(entries: Sequence[TrackedFile], most: int = _MOST) -> str:
    """The map of a repository in at most `most` characters."""
    folders: dict[str, list[TrackedFile]] = {}
    for entry in entries:
        folders.setdefault(entry.path.rpartition("/")[0], []).append(entry)
    head = f"{len(entries):,} files, {_size(sum(item.size for item in entries))}{_kinds(entries)}"
    deepest = max((folder.count("/") for folder in folders), default=0)
    tries = chain(
        (_lines(folders, names) for names in _NAMES),
        # Not even the folders fit: the larger part of them is summed up below the ones above.
        (_lines(_merged(folders, depth), 0) for depth in range(min(deepest, 8), 0, -1)),
    )
    for lines in tries:
        text = head
        for line in lines:
            if len(text) + 1 + len(line) > most:
                break
            text += f"\n{line}"
        else:
            return text
    return f"{text}\n… and {len(folders):,} folders in all"


def readme_of(paths: Iterable[str]) -> str:
    """The path of the file that introduces the repository, or nothing."""
    found = [path for path in paths if "/" not in path and _stem(path) == "readme"]
    return min(found, key=lambda path: (not path.endswith(".md"), path), default="")


def _lines(folders: dict[str, list[TrackedFile]], names: int) -> Iterator[str]:
    for folder in sorted(folders):
        held = folders[folder]
        total = _size(sum(item.size for item in held))
        line = f"{quoted(folder + '/' if folder else './')} ({len(held)}, {total})"
        # Of the root everything is told first: it says what kind of project this is.
        shown = sorted(held, key=_rank)[: names if folder else names * 2] if names else []
        if shown:
            listed = ", ".join(f"{quoted(basename(e.path))} {_size(e.size)}" for e in shown)
            more = len(held) - len(shown)
            line += f": {listed}" + (f", and {more} more" if more else "")
        yield line


def _merged(folders: dict[str, list[TrackedFile]], depth: int) -> dict[str, list[TrackedFile]]:
    """Folders deeper than `depth` counted to the one above them."""
    out: dict[str, list[TrackedFile]] = {}
    for folder, held in folders.items():
        out.setdefault("/".join(folder.split("/")[:depth]), []).extend(held)
    return out


def _rank(entry: TrackedFile) -> tuple[bool, bool, int]:
    return _stem(entry.path) not in _TELLING, entry.opaque, -entry.size


def _stem(path: str) -> str:
    return basename(path).partition(".")[0].lower()


def _kinds(entries: Sequence[TrackedFile]) -> str:
    last: dict[tuple[str, str], list[TrackedFile]] = {}  # by what is before and behind the dot
    for entry in entries:
        at = entry.path.rfind(".")
        last.setdefault((entry.path[max(at - 1, 0) : at], entry.path[at:]), []).append(entry)
    count: Counter[str] = Counter()
    for held in last.values():
        if not held[0].opaque:
            count[held[0].ending] += sum(entry.size for entry in held)
    told = [
        f"{ending} {_size(size)}"
        for ending, size in count.most_common()
        if ending.isprintable() and 0 < len(ending) < 12
    ]
    return "; by kind: " + ", ".join(told[:_LANGUAGES]) if told else ""


def _size(number: int) -> str:
    if number < 1000:
        return f"{number} B"
    return f"{number / 1000:.0f} kB" if number < 1_000_000 else f"{number / 1_000_000:.1f} MB"


def quoted(path: str) -> str:
    """A name as it is, where it is a plain one; else in quotes, so that it stays one name."""
    short = path if len(path) <= _PATH else path[:_PATH] + "…"
    plain = short.isprintable() and short.isascii() and not set(short) & set(" \"',:()")
    return short if plain else json.dumps(short)
