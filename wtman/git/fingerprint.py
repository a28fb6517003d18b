"""What a session must not change in the user's repository, in a form that can be compared.

Refs, HEAD and the stash, configuration, hooks, `info`, the index of the main checkout,
the list of worktrees, alternates. Looking again costs little where nothing was touched:
only files whose state differs are read. Not covered: the bytes of objects (nothing short
of fsck sees them) and the files of the main checkout (their user works there).
"""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256

from wtman import files
from wtman.errors import OutsideError, WtmanError
from wtman.formats.git_output import packed_refs, text
from wtman.git.control_dir import Control, call
from wtman.model.values import dataclass

_SMALL = 1 << 10
_CAP = 64 << 20
_FILES = (
    "HEAD",
    "config",
    "config.worktree",
    "packed-refs",
    "shallow",
    "index",
    "objects/info/alternates",
    "info/exclude",
    "info/attributes",
    "info/sparse-checkout",
    "info/grafts",
)
_OF_WORKTREES = ("HEAD", "commondir", "gitdir", "locked", "config.worktree")
Stat = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`facts` by what they are about: `refs/heads/main`, `config`, `hooks/pre-commit`,
    `worktrees/x/HEAD`. `seen` spares reading what has not been touched: by path, its state
    and the facts that came of it."""

    facts: dict[str, str]
    seen: dict[str, tuple[Stat, dict[str, str]]]


def take(ctl: Control, last: Fingerprint | None = None) -> Fingerprint:
    """The repository as it is; `last` itself where nothing was touched since."""
    known = last.seen if last is not None else {}
    seen: dict[str, tuple[Stat, dict[str, str]]] = {}
    common = ctl.repo.common_dir
    changed = False
    for name, state in _walk(common):
        old = known.get(name)
        if old is not None and old[0] == state:
            seen[name] = old
            continue
        changed = True
        seen[name] = (state, _facts(ctl, common, name, state))
    if last is not None and not changed and len(seen) == len(known):
        return last
    facts: dict[str, str] = {}
    # A loose ref outranks a packed one of the same name.
    for name in sorted(seen, key=lambda item: item != "packed-refs"):
        facts |= seen[name][1]
    return Fingerprint(facts, seen)


def difference(
    before: Fingerprint,
    after: Fingerprint,
    ours: Callable[[str, str, str], bool] = lambda what, old, new: False,
) -> tuple[tuple[str, str], ...]:
    """What changed and one line of words for it; `ours(what, old, new)` leaves out wtman's own.

    A value is "" where the thing is not there.
    """
    if before is after or before.facts == after.facts:
        return ()
    found = []
    for what in sorted(before.facts.keys() | after.facts.keys()):
        old, new = before.facts.get(what, ""), after.facts.get(what, "")
        if old != new and not ours(what, old, new):
            found.append((what, _words(what, old, new)))
    return tuple(found)


def written(of: Fingerprint, what: str) -> float:
    """When the file that says this was last written, in seconds; 0 where there is none.

    By the kernel's own clock (ctime), which no call sets.
    """
    states = (state for state, facts in of.seen.values() if what in facts and state)
    return max((state[3] / 1e9 for state in states), default=0.0)


def _words(what: str, old: str, new: str) -> str:
    named = _named(what)
    if not old:
        return f"{named} was made"
    if not new:
        return f"{named} was deleted"
    if what.startswith("refs/") or what == "HEAD" or what.endswith("/HEAD"):
        verb = "moved" if what.startswith("refs/") else "was moved"
        return f"{named} {verb} from {_short(old)} to {_short(new)}"
    return f"{named} was changed"


def _short(value: str) -> str:
    value = value.removeprefix("ref: ").removeprefix("refs/heads/")
    return value[:12] if len(value) in (40, 64) else value[:80]


def _named(what: str) -> str:
    if what == "refs/stash":
        return "the stash"
    if what == "index":
        return "the index of the main checkout"
    if what == "HEAD":
        return "HEAD of the main checkout"
    top, _, rest = what.partition("/")
    match top:
        case "config" | "config.worktree":
            return "the repository's configuration"
        case "hooks":
            return f"the hook {rest}"
        case "worktrees":
            name, _, part = rest.partition("/")
            return f"{part} of the worktree {name}" if part else f"the worktree {name}"
        case "refs":
            return what
    return f"{what} of the git directory"


# --- what is there --------------------------------------------------------------------------


def _walk(common: str) -> Iterator[tuple[str, Stat]]:
    """Every file that counts, relative to the common directory, with its state."""
    yield from _below(common, "refs")
    yield from _below(common, "hooks")
    worktrees: list[str] = []
    with suppress(OSError):
        worktrees = [f"worktrees/{name}" for name in os.listdir(os.path.join(common, "worktrees"))]
    yield from ((place, ()) for place in worktrees)
    for name in (*_FILES, *(f"{place}/{part}" for place in worktrees for part in _OF_WORKTREES)):
        with suppress(OSError):
            yield name, _signature(os.lstat(os.path.join(common, name)))


def _below(common: str, folder: str) -> Iterator[tuple[str, Stat]]:
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        try:
            with os.scandir(os.path.join(common, place)) as items:
                for item in items:
                    name = f"{place}/{item.name}"
                    if item.is_dir(follow_symlinks=False):
                        waiting.append(name)
                    elif not name.endswith(".lock"):
                        yield name, _signature(item.stat(follow_symlinks=False))
        except OSError:
            continue


def _signature(facts: os.stat_result) -> Stat:
    return (facts.st_mode, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino)


# --- what it says ---------------------------------------------------------------------------


def _facts(ctl: Control, common: str, name: str, state: Stat) -> dict[str, str]:
    if not state:
        return {name: "there"}
    path = os.path.join(common, name)
    mode = state[0]
    if stat.S_ISLNK(mode):
        try:
            return {name: f"link to {os.readlink(path)}"}
        except OSError:
            return {}
    if not stat.S_ISREG(mode):
        return {name: f"no file ({stat.S_IFMT(mode):o})"}
    content = files.head(path, _CAP)
    if content is None:
        return {name: "unreadable"} if os.path.lexists(path) else {}
    if name == "packed-refs":
        return packed_refs(content)
    if name == "index":
        return {name: _index(ctl, path, content)}
    if name.startswith("refs/") or name == "HEAD" or name.endswith("/HEAD"):
        return {name: text(content[:_SMALL]).strip()}
    runs = "x" if mode & 0o111 else "-"
    return {name: runs + sha256(content).hexdigest()}


def _index(ctl: Control, path: str, content: bytes) -> str:
    """The entries with their flags: git rewrites the file whenever it looks at the files."""
    args = ["ls-files", "--stage", "-v", "-z"]
    try:
        listed = call(ctl, args, worktree=ctl.path, index=path).out
    except OutsideError:
        raise
    except WtmanError:
        return "broken " + sha256(content).hexdigest()
    return sha256(listed).hexdigest()
