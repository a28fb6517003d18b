"""What the setup of a commit can be kept as: its key, from all that its result follows from.

Besides the inputs in the tree these are the commands, what `copy` and `symlink` bring, the
variables and programs that setup finds, the sandbox, and whether the main checkout is seen.
Blocking.
"""

import os
import shutil
from collections.abc import Mapping
from functools import lru_cache

from wtman.context import Context
from wtman.formats.git_output import text, tree_lines
from wtman.formats.shell_words import Position, mentions
from wtman.git.control_dir import Control, call
from wtman.git.objects import history
from wtman.journal.state import digest
from wtman.model.changes import Entry
from wtman.model.ids import Sha
from wtman.model.settings import Settings
from wtman.model.values import dataclass
from wtman.provision import package_cache_folder
from wtman.provision.files import stamp
from wtman.provision.inputs.commands import OF_TASK, ROOT, SetupParts, inputs_of, parts
from wtman.provision.inputs.model import TreeFiles, all_of
from wtman.provision.programs import named_programs
from wtman.provision.stamps import marks_of, packages_around, stable
from wtman.sandbox import inside
from wtman.sandbox.environment import surroundings

_VERSION = "1"  # of what makes a key
_CAP = 16 << 20  # bytes of one manifest
_TOGETHER = 2000  # files of one name that are read at once
_NAMED = 500  # paths that git is asked about one by one
_RUNTIMES = ("python3", "python", "node")  # what installers run, named or not


@dataclass(frozen=True, slots=True)
class Wanted:
    """The setup of `commit`: its parts, and `digest`, under which the result of what can be
    kept is kept.

    `inputs` are its files, path -> object name; `ignores` tells one set of `.gitignore` files
    from another.
    """

    commit: Sha
    parts: SetupParts
    digest: str
    inputs: Mapping[str, str]
    ignores: str


@dataclass(frozen=True, slots=True)
class _OfTree:
    parts: SetupParts
    lines: tuple[str, ...]
    inputs: Mapping[str, str]
    ignores: str


def wanted(ctx: Context, settings: Settings, commit: Sha) -> Wanted | None:
    """What setup of a commit can be kept as; None where nothing of it can."""
    main = ctx.repo.main or ctx.repo.toplevel
    if not settings.setup or not ctx.view(ctx.folder).moved:
        return None
    tree = history.tree_of(ctx.control, commit)
    found = _of_tree(ctx.control, tree, settings.setup, settings.setup_inputs, main)
    if not found.parts.kept:
        return None
    env = surroundings(ctx.sandbox.name, ctx.environ, "", settings.env).env
    named = named_programs(ctx.repo, ctx.environ, found.parts.kept)
    source = stamp(main, (*settings.copy, *settings.symlink)) if main else ()
    cache = package_cache_folder.folder_of(ctx.repo)
    package_cache_folder.make(cache)
    lines = (
        (_VERSION, ctx.sandbox.name, inside.checkout_of(main or ctx.repo.common_dir)),
        found.parts.kept,
        found.lines,
        (
            *settings.copy,
            "",
            *settings.symlink,
            *(source if settings.copy or settings.symlink else ()),
        ),
        # What is in the cache alone is gone with it.
        (str(os.stat(cache.packages).st_ino),) if found.parts.fetches else (),
        stable(env),
        packages_around(ctx, settings, env),
        marks_of(named.read),
        _programs(found.parts.kept, env),
    )
    key = digest(*("\n".join(part) for part in lines))
    return Wanted(commit, found.parts, key, found.inputs, found.ignores)


def _programs(texts: tuple[str, ...], env: Mapping[str, str]) -> tuple[str, ...]:
    """The programs that the commands find on the PATH: another release installs other things."""
    named = (item for command in texts for item in mentions(command, env))
    names = [item.path for item in named if item.position is Position.PROGRAM]
    bare = dict.fromkeys((*(name for name in names if "/" not in name), *_RUNTIMES))
    places = (shutil.which(name, path=env.get("PATH", os.defpath)) for name in bare)
    return marks_of(os.path.realpath(place) for place in places if place)


@lru_cache(maxsize=256)
def _of_tree(
    ctl: Control, tree: Sha, texts: tuple[str, ...], given: tuple[str, ...], main: str
) -> _OfTree:
    listed = call(ctl, ["ls-tree", "-r", "-z", "--full-tree", tree]).out
    entries = {path: entry for path, entry, _ in tree_lines(listed)}
    files = TreeFiles(entries, _Reader(ctl, entries))
    naming = _naming(ctl, tree, texts, files, main)
    found = parts(texts, files, naming, given=given, main=main)
    inputs = found.inputs
    chosen = entries if inputs.whole else {path: entries[path] for path in sorted(inputs.paths)}
    lines = [tree] if inputs.whole else [f"{e.mode} {e.oid} {path}" for path, e in chosen.items()]
    lines += sorted(inputs.names) if not inputs.whole else []
    ignores = [f"{entries[path].oid} {path}" for path in sorted(files.called(".gitignore"))]
    return _OfTree(
        found,
        tuple(lines),
        {} if inputs.whole else {path: entry.oid for path, entry in chosen.items()},
        digest(*ignores),
    )


class _Reader:
    """What files of a tree say. Those of one name are read together, when the first is."""

    def __init__(self, ctl: Control, entries: Mapping[str, Entry]) -> None:
        self._ctl = ctl
        self._entries = entries
        self._known: dict[str, str] = {}

    def __call__(self, path: str) -> str:
        if path not in self._known:
            if path not in self._entries or not self._entries[path].regular:
                return ""
            name = path.rpartition("/")[2]
            like = [one for one in self._entries if one.rpartition("/")[2] == name]
            group = [path, *(one for one in like if self._entries[one].regular)][:_TOGETHER]
            names = {one: self._entries[one].oid for one in group}
            held = history.contents(self._ctl, list(dict.fromkeys(names.values())), _CAP)
            for one, oid in names.items():
                self._known[one] = held.get(oid, b"").decode("utf-8", "replace")
        return self._known[path]


def _naming(
    ctl: Control, tree: Sha, texts: tuple[str, ...], files: TreeFiles, main: str
) -> dict[str, frozenset[str]]:
    """The files that setup may come across which name a variable of the task, or the checkout."""
    read = all_of(inputs_of(command, files) for command in texts)
    if not read.whole and not read.paths:
        return {}
    narrow = not read.whole and len(read.paths) <= _NAMED
    paths = [f":(top,literal){path}" for path in sorted(read.paths)] if narrow else []
    words = [*OF_TASK, ROOT, *((main,) if main else ())]
    asked = [word for name in words for word in ("-e", name)]
    args = ["grep", "-z", "-o", "-I", "-F", *asked, tree, "--", *paths]
    found: dict[str, set[str]] = {}
    for line in call(ctl, args, ok=(0, 1)).out.split(b"\n"):
        place, _, said = line.partition(b"\0")
        path = text(place).partition(":")[2]
        if path:
            name = text(said)
            found.setdefault(path, set()).add(ROOT if name == main else name)
    return {path: frozenset(names) for path, names in found.items()}
