"""The map of a repository made, and kept: by tree, by blob and by commit. Blocking.

What a file defines and imports depends on its content alone, so the next commit costs what it
changed. Everything here can be made anew: a file that is damaged, or of another version, is.
"""

import hashlib
import json
import os
import zlib
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from itertools import accumulate, combinations, pairwise, starmap
from typing import Any, TypeVar

from wtman import files
from wtman.errors import WtmanError
from wtman.formats.git_output import raw
from wtman.formats.outline import MOST_LINES, PATTERN, PERL, UNIT, outline
from wtman.formats.source_languages import language_of
from wtman.git.control_dir import Control
from wtman.git.discovery import Repository
from wtman.git.objects import survey
from wtman.git.objects.history import changes_many, sizes, tree_of
from wtman.model.changes import TrackedFile
from wtman.model.places import Definition
from wtman.plan.map.file_list import file_map
from wtman.plan.map.grammars import exact_definitions, grammars_known
from wtman.plan.map.repository import (
    History,
    RepositoryMap,
    map_text,
    relevant_paths,
    with_definitions,
)
from wtman.text.search import ManyTexts

_Value = TypeVar("_Value")
_Row = tuple[str, str, int, str, str]  # path, name of the content, size, names, imports
_VERSION = 5
_COMMITS, _LARGE = 2000, 30  # commits that are looked at; files of one that says nothing
_MOST_PAIRS = 50_000
_FOLDERS = 12_000  # characters on the files by folder
_KEPT = 6  # trees, and histories
_MOST_BYTES = 256 << 20  # of a file of ours that is read
_NAMES_BYTES = 64 << 20  # of what is remembered of blobs
_NEAR = 500  # changed files; where there are more, the tree is looked over as a whole
_MOST_READ = 200  # files that are read at once
_READ = 1 << 20  # of a file whose definitions are read
_FIELD = "\0"
_SIZE = "Q"  # the type of a size, as `array` calls it


def map_folder(repo: Repository) -> str:
    """Where the maps of a repository are kept."""
    return os.path.join(repo.wtman_dir, "map")


def load_map(ctl: Control, base: str, folder: str) -> RepositoryMap:
    """The map of a commit, from `folder` where it is there."""
    tree = tree_of(ctl, base)
    with ThreadPoolExecutor(1) as helper:  # git reads the history, and the tree meanwhile
        history = helper.submit(_load_history, ctl, base, folder)
        made = _kept(folder, f"tree-{tree}", _tree_from)
        if made is None:
            made = _grown(ctl, tree, folder) or _surveyed(ctl, tree, folder)
            _keep(folder, f"tree-{tree}", _tree_to(made))
        return replace(made, history=history.result())


def _load_history(ctl: Control, base: str, folder: str) -> History:
    history = _kept(folder, f"history-{base}", _history_from)
    if history is None:
        history = _history(survey.commits_and_paths(ctl, base, _COMMITS))
        _keep(folder, f"history-{base}", _history_to(history))
    return history


def read_definitions(ctl: Control, map: RepositoryMap, paths: Collection[str]) -> RepositoryMap:
    """The map with the definitions of these files, read from the files themselves."""
    wanted = {path for path in paths if path not in map.definitions and language_of(path)}
    blobs = {
        path: blob
        for path, blob in zip(map.paths, map.blobs, strict=True)
        if blob and path in wanted
    }
    texts = survey.texts_of(ctl, blobs.values(), _READ) if blobs else {}
    return with_definitions(
        map,
        {
            path: exact_definitions(path, texts[blob])
            for path, blob in blobs.items()
            if blob in texts
        },
    )


def planner_map(ctl: Control, base: str, request: str) -> RepositoryMap:
    """The map of a commit with the definitions of what a request seems to be about."""
    folder = map_folder(ctl.repo)
    map = load_map(ctl, base, folder)
    folders = _kept(folder, f"folders-{base}", bytes.decode)
    if folders is None:
        folders = file_map(
            [*starmap(TrackedFile, zip(map.paths, map.sizes, strict=True))], _FOLDERS
        )
        _keep(folder, f"folders-{base}", folders.encode("utf-8", "replace"))
    map = replace(map, folders=folders)
    return read_definitions(ctl, map, relevant_paths(map, request))


def planner_text(ctl: Control, base: str, request: str) -> str:
    """What a planner of this request reads of a commit; the very same is told again from a file."""
    folder, name = map_folder(ctl.repo), f"text-{_digest(base, request, str(grammars_known()))}"
    told = _kept(folder, name, bytes.decode)
    if told is None:
        told = map_text(planner_map(ctl, base, request), request)
        _keep(folder, name, told.encode("utf-8", "replace"))
    return told


def relevant_definitions(
    ctl: Control, base: str, request: str, most: int, others: Collection[str]
) -> dict[str, tuple[Definition, ...]]:
    """What the files define that a request is about, and these others, as often as it is asked."""
    folder, kind = map_folder(ctl.repo), f"defined-{'exact' if grammars_known() else 'rough'}-"
    name = f"{kind}{_digest(base, request, str(most), *others)}"
    found = _kept(folder, name, _definitions_from)
    if found is None:
        map = load_map(ctl, base, folder)
        wanted = dict.fromkeys((*others, *relevant_paths(map, request, most)))
        paths = [*wanted][:_MOST_READ]
        # Most of these files were read for the last commit, or the last request, too.
        last = _kept(folder, f"{kind}{_newest(folder, kind)}", _definitions_from) or {}
        blobs = dict(zip(map.paths, map.blobs, strict=True))
        same = {
            path: items
            for path, (blob, items) in last.items()
            if path in wanted and blobs.get(path) == blob
        }
        made = read_definitions(ctl, with_definitions(map, same), paths).definitions
        found = {path: (blobs[path], made[path]) for path in paths if path in made}
        _keep(folder, name, _definitions_to(found))
    return {path: items for path, (_, items) in found.items()}


def _digest(*said: str) -> str:
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]


_Defined = Mapping[str, tuple[str, tuple[Definition, ...]]]  # by path, with the blob


def _definitions_to(found: _Defined) -> bytes:
    rows = {
        path: [blob, [[item.name, item.kind, item.first, item.last] for item in items]]
        for path, (blob, items) in found.items()
    }
    return json.dumps(rows, separators=(",", ":")).encode()


def _definitions_from(data: bytes) -> _Defined:
    return {
        path: (
            blob,
            tuple(Definition(name, kind, first, last) for name, kind, first, last in items),
        )
        for path, (blob, items) in json.loads(data).items()
    }


# --- a tree -------------------------------------------------------------------------------------


def _surveyed(ctl: Control, tree: str, folder: str) -> RepositoryMap:
    """The map of a tree without its history, made from what is known of its blobs."""
    listed = [(path, entry, size) for path, entry, size in survey.entries(ctl, tree)]
    sources = {path: entry.oid for path, entry, _ in listed if entry.regular and language_of(path)}
    keys = {path: f"{blob}{os.path.splitext(path)[1].lower()}" for path, blob in sources.items()}
    known = _kept(folder, "blobs", _blobs_from) or {}
    missing = {path: sources[path] for path, key in keys.items() if key not in known}
    if missing:
        fresh = dict.fromkeys((keys[path] for path in missing), _FIELD)
        # While git looks for more.
        for path, found in survey.lines_like(ctl, tree, PATTERN, missing, MOST_LINES, PERL):
            fresh[keys[path]] = _line(path, found)
        known = known | fresh
        _keep(folder, "blobs", _blobs_to(known, keys.values()))
    lines = [known.get(keys.get(path, ""), "") for path, _, _ in listed]
    return _made(
        (path, entry.oid if entry.regular else "", size, *_parts(line))
        for (path, entry, size), line in zip(listed, lines, strict=True)
    )


def _grown(ctl: Control, tree: str, folder: str) -> RepositoryMap | None:
    """The map of a tree by what it changed of the one that was asked about last; None where that
    is not known, or far away."""
    last = _newest(folder, "tree-")
    known = _kept(folder, f"tree-{last}", _tree_from) if last else None
    try:
        changed = changes_many(ctl, ((last, tree),))[0] if known is not None else ()
    except WtmanError:  # nobody has that tree any more
        return None
    if known is None or len(changed) > _NEAR:
        return None
    came = {item.path: item.new for item in changed if item.new is not None}
    regular = {path: entry.oid for path, entry in came.items() if entry.regular}
    held = sizes(ctl, [entry.oid for entry in came.values()])
    sources = {path: name for path, name in regular.items() if language_of(path)}
    like = survey.lines_like(ctl, tree, PATTERN, sources, MOST_LINES, PERL) if sources else ()
    found = dict(like)
    rows: dict[str, _Row] = {}
    for path, entry in came.items():
        line = _line(path, found.get(path, "")) if path in sources else ""
        rows[path] = (path, regular.get(path, ""), held.get(entry.oid, 0), *_parts(line))
    return _with_rows(known, {item.path: rows.get(item.path) for item in changed})


def _with_rows(map: RepositoryMap, rows: Mapping[str, _Row | None]) -> RepositoryMap:
    """The map with these rows in place of those of the same paths; None: there is none any more."""
    names, imports = ManyTexts.of(map.names).parts(), ManyTexts.of(map.imports).parts()
    columns: list[list[Any]] = [[*map.paths], [*map.blobs], [*map.sizes], names, imports]
    paths = columns[0]
    for path, row in rows.items():
        at = bisect_left(paths, raw(path), key=raw)  # as git has them
        there = slice(at, at + (paths[at : at + 1] == [path]))
        cells = (*row[:3], row[3].encode(), row[4].encode()) if row is not None else None
        for number, column in enumerate(columns):
            column[there] = [cells[number]] if cells is not None else []
    return RepositoryMap(
        tuple(paths),
        tuple(columns[2]),
        ManyTexts.joined(names),
        ManyTexts.joined(imports),
        blobs=tuple(columns[1]),
    )


def _made(rows: Iterable[_Row]) -> RepositoryMap:
    columns: list[Any] = [*zip(*rows, strict=True)] or [()] * 5
    paths, blobs, sizes, names, imports = columns
    return RepositoryMap(paths, sizes, ManyTexts.of(names), ManyTexts.of(imports), blobs=blobs)


def _parts(line: str) -> tuple[str, str]:
    names, _, imports = line.partition(_FIELD)
    return names, imports


def _line(path: str, lines: str) -> str:
    """What is remembered of a file: its names and words, then what it imports."""
    made = outline(path, lines)
    names = " ".join(" ".join((*made.names, made.said)).lower().split())
    imports = UNIT.join(line for line in made.imports if line.replace("\t", " ").isprintable())
    return f"{names}{_FIELD}{imports}"


def _tree_to(map: RepositoryMap) -> bytes:
    """Columns behind a line with their lengths: no row is taken apart before somebody asks."""
    columns = (
        ManyTexts.of(map.paths).data,
        ManyTexts.of(map.blobs).data,
        array(_SIZE, map.sizes).tobytes(),
        ManyTexts.of(map.names).data,
        ManyTexts.of(map.imports).data,
    )
    head = " ".join(str(len(column)) for column in columns)
    return b"\n".join((head.encode(), b"".join(columns)))


def _tree_from(data: bytes) -> RepositoryMap:
    head, _, rest = data.partition(b"\n")
    ends = [*accumulate(map(int, head.split()), initial=0)]
    columns = [rest[start:end] for start, end in pairwise(ends)]
    paths, blobs, names, imports = (ManyTexts(columns[number]) for number in (0, 1, 3, 4))
    sizes = array(_SIZE, columns[2])
    made = RepositoryMap(tuple(paths), tuple(sizes), names, imports, blobs=tuple(blobs))
    if {len(made.paths)} != {len(sizes), len(made.blobs), len(names), len(imports)}:
        raise ValueError("columns of different lengths")
    return made


def _blobs_to(known: Mapping[str, str], now: Collection[str]) -> bytes:
    """Those of the tree at hand, then of others as far as there is room."""
    out, size = [], 0
    for key in dict.fromkeys((*now, *known)):
        line = f"{key}{_FIELD}{known[key]}".encode()
        size += len(line) + 1
        if size > _NAMES_BYTES:
            break
        out.append(line)
    return b"\n".join(out)


def _blobs_from(data: bytes) -> dict[str, str]:
    found = {}
    for line in data.decode().split("\n"):
        key, _, rest = line.partition(_FIELD)
        found[key] = rest
    return found


# --- history ------------------------------------------------------------------------------------


def _history(commits: list[Any]) -> History:
    times: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    count = 0
    for changed in commits:
        if not 0 < len(changed) <= _LARGE:
            continue
        count += 1
        times.update(changed)
        pairs.update(combinations(sorted(set(changed)), 2))
    kept = {pair: number for pair, number in pairs.most_common(_MOST_PAIRS) if number > 1}
    return History(count, dict(times), kept)


def _history_to(history: History) -> bytes:
    pairs = [[one, other, count] for (one, other), count in history.pairs.items()]
    return json.dumps([history.commits, history.times, pairs], separators=(",", ":")).encode()


def _history_from(data: bytes) -> History:
    commits, times, pairs = json.loads(data)
    return History(int(commits), times, {(one, other): count for one, other, count in pairs})


# --- files --------------------------------------------------------------------------------------


def _kept(folder: str, name: str, read: Callable[[bytes], _Value]) -> _Value | None:
    """What is kept under a name; None where it is not there, or not as it was written."""
    path = os.path.join(folder, name)
    data = files.head(path, _MOST_BYTES)
    if data is None:
        return None
    head, _, body = data.partition(b"\n")
    try:
        if head != _mark(body):
            return None
        made = read(body)
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return None
    with suppress(OSError):
        os.utime(path)  # the longest unused goes first
    return made


def _keep(folder: str, name: str, body: bytes) -> None:
    """Keep it, and no more than a few of its kind. A map that cannot be kept is still a map."""
    with suppress(OSError):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        files.replace(os.path.join(folder, name), _mark(body) + b"\n" + body)
        kind = name.partition("-")[0]
        with os.scandir(folder) as listed:
            held = [entry for entry in listed if entry.name.startswith(f"{kind}-")]
            held.sort(key=lambda entry: -entry.stat(follow_symlinks=False).st_mtime_ns)
        for entry in held[_KEPT:]:
            os.unlink(entry.path)


def _newest(folder: str, kind: str) -> str:
    """What was used last of a kind, without its kind; nothing where there is none."""
    try:
        with os.scandir(folder) as listed:
            held = [(it.stat().st_mtime_ns, it.name) for it in listed if it.name.startswith(kind)]
    except OSError:
        return ""
    return max(held)[1].removeprefix(kind) if held else ""


def _mark(body: bytes) -> bytes:
    return f"wtman map {_VERSION} {zlib.crc32(body):08x} {len(body)}".encode()
