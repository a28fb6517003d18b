"""What a commit holds, with sizes: for a map of the repository."""

from collections.abc import Collection

from wtman.core.filemap import Entry
from wtman.git.control_dir import Control, call, oid
from wtman.git.history import contents
from wtman.git.run import text


def entries(ctl: Control, treeish: str) -> tuple[Entry, ...]:
    """Every file, link and submodule (size 0) of a tree."""
    listed = call(ctl, ["ls-tree", "-r", "-l", "-z", "--full-tree", oid(treeish)]).out
    found = []
    for item in listed.split(b"\0"):
        facts, tab, path = item.partition(b"\t")
        if tab:
            size = facts.split()[3]
            found.append(Entry(text(path), int(size) if size.isdigit() else 0))
    return tuple(found)


def texts(ctl: Control, treeish: str, paths: Collection[str], cap: int) -> dict[str, str]:
    """What these files of a tree say; links, submodules and what is larger than `cap` left out."""
    listed = call(ctl, ["ls-tree", "-r", "-z", "--full-tree", oid(treeish)]).out
    names: dict[str, str] = {}
    for item in listed.split(b"\0"):
        facts, tab, raw = item.partition(b"\t")
        if tab and facts.startswith(b"100") and (path := text(raw)) in paths:
            names[path] = facts.split()[2].decode()
    held = contents(ctl, list(names.values()), cap)
    return {
        path: held[name].decode("utf-8", "replace") for path, name in names.items() if name in held
    }
