"""What leads from one commit to another, file by file with its content. Blocking."""

from wtman.core.recording import Edit
from wtman.git.changes import changes_many
from wtman.git.control_dir import Control
from wtman.git.history import contents
from wtman.git.run import text

_MOST = 256 * 1024 * 1024  # bytes of one file; a larger one is left out
_FILES = (b"100644", b"100755", b"120000")


def edits(ctl: Control, a: str, b: str) -> tuple[Edit, ...]:
    """The files and links that differ, as `b` has them; a repository inside is left out."""
    (changed,) = changes_many(ctl, [(a, b)])
    news = [(item.path, item.new) for item in changed if item.new and item.new.mode in _FILES]
    held = contents(ctl, [entry.oid for _, entry in news], _MOST)
    found = [
        Edit(text(item.path))
        for item in changed
        if item.old is not None
        and item.old.mode in _FILES
        and (item.new is None or item.new.is_folder)
    ]
    for path, entry in news:
        if entry.oid in held:
            found.append(Edit(text(path), entry.mode.decode("ascii"), held[entry.oid]))
    return tuple(found)
