"""A tree with some of its paths as another tree has them; no checkout is touched. Blocking."""

from collections.abc import Sequence

from wtman.core.model import Identity, Sha
from wtman.core.protect import Change
from wtman.git.control_dir import Control, call, oid, scratch_file
from wtman.git.history import commit, tree_of
from wtman.git.run import raw, text

_NOBODY = Identity("wtman", "wtman@localhost")


def changes(ctl: Control, a: str, b: str) -> tuple[Change, ...]:
    """The paths that differ between two commits; a rename is two."""
    trees = (tree_of(ctl, a), tree_of(ctl, b))
    words = call(ctl, ["diff-tree", "-r", "-z", "--no-renames", *trees]).out.split(b"\0")
    found = []
    for facts, path in zip(words[0::2], words[1::2], strict=False):
        mode, _, blob, _, kind = facts.decode().lstrip(":").split()
        found.append(Change(text(path), mode, blob, added=kind == "A"))
    return tuple(found)


def restored(ctl: Control, head: str, old: Sequence[Change]) -> Sha:
    """A commit on `head` in which these paths are what they were; always the same one."""
    lines = [b"%s %s\t%s\0" % (i.mode.encode(), oid(i.blob).encode(), raw(i.path)) for i in old]
    with scratch_file(ctl) as index:
        call(ctl, ["read-tree", tree_of(ctl, head)], index=index)
        args = ["update-index", "-z", "--add", "--replace", "--index-info"]
        call(ctl, args, index=index, input=b"".join(lines))
        tree = call(ctl, ["write-tree"], index=index).out.decode().strip()
    return commit(ctl, tree, (head,), "With protected paths as they were\n", _NOBODY, 0.0)
