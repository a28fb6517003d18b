"""What leads from one commit to another, file by file with its content. Blocking."""

from collections.abc import Collection

from wtman.formats.git_output import tree_lines
from wtman.git.control_dir import Control, call, oid
from wtman.git.objects.history import changes, contents
from wtman.model.changes import Edit, TrackedFile

_MOST = 256 * 1024 * 1024  # bytes of one file; a larger one is left out
_FILES = ("100644", "100755", "120000")


def edits(ctl: Control, a: str, b: str) -> tuple[Edit, ...]:
    """The files and links that differ, as `b` has them; a repository inside is left out."""
    changed = changes(ctl, a, b)
    news = [(item.path, item.new) for item in changed if item.new and item.new.mode in _FILES]
    held = contents(ctl, [entry.oid for _, entry in news], _MOST)
    found = [
        Edit(item.path)
        for item in changed
        if item.old is not None and item.old.mode in _FILES and item.new is None
    ]
    for path, entry in news:
        if entry.oid in held:
            found.append(Edit(path, entry.mode, held[entry.oid]))
    return tuple(found)


def entries(ctl: Control, treeish: str) -> tuple[TrackedFile, ...]:
    """Every file, link and submodule (size 0) of a tree."""
    listed = call(ctl, ["ls-tree", "-r", "-l", "-z", "--full-tree", oid(treeish)]).out
    return tuple(TrackedFile(path, size) for path, _, size in tree_lines(listed))


def texts(ctl: Control, treeish: str, paths: Collection[str], cap: int) -> dict[str, str]:
    """What these files of a tree say; links, submodules and what is larger than `cap` left out."""
    listed = call(ctl, ["ls-tree", "-r", "-z", "--full-tree", oid(treeish)]).out
    names = {
        path: entry.oid for path, entry, _ in tree_lines(listed) if entry.regular and path in paths
    }
    held = contents(ctl, list(names.values()), cap)
    return {
        path: held[name].decode("utf-8", "replace") for path, name in names.items() if name in held
    }
