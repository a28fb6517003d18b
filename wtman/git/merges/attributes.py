"""What a commit's `.gitattributes` say of merging, laid out for a git that merges.

`merge-tree` reads attributes from its work tree only, so the files are written into an
empty one, as data: nothing else of the commit is there. Promises that what the target
keeps from being merged as text (`-merge`, `binary`) is a conflict where both sides
changed it, as for plain git. No driver runs: one by a name of its own counts as text,
and so does `union`, for which there is `union.py`.
"""

import os
import re

from wtman.formats.git_output import raw, tree_lines
from wtman.git.control_dir import Control, call, oid

NAME = b".gitattributes"
_OUTSIDE = {b"", b".", b"..", b".git"}  # names that lead out of a folder: a tree can hold any
_CAP = 1 << 20
_DRIVER = re.compile(rb"(?<=\s)merge=(?!binary(?:\s|$))\S+")


def laid_out(ctl: Control, commit: str) -> str:
    """A folder with the attribute files of a commit or tree; "" where it has none, or is "".

    It is beside the objects of a trial (`ctl.aside`) and goes with them.
    """
    if not (ctl.aside and commit):
        return ""
    folder = os.path.join(ctl.aside, f"attributes-{oid(commit)}")
    if not os.path.isdir(folder):
        _lay_out(ctl, commit, folder)
    return folder if os.listdir(folder) else ""


def _lay_out(ctl: Control, commit: str, folder: str) -> None:
    listed = call(ctl, ["ls-tree", "-r", "-z", oid(commit)]).out
    os.makedirs(folder)
    found = b"\0".join(line for line in listed.split(b"\0") if line.endswith(NAME))
    for path, entry, _ in tree_lines(found):
        parts = raw(path).split(b"/")
        # git does not follow a link to attributes either.
        if parts[-1] != NAME or not entry.regular or {part.lower() for part in parts} & _OUTSIDE:
            continue
        content = call(ctl, ["cat-file", "blob", entry.oid]).out
        if len(content) <= _CAP:
            place = os.path.join(os.fsencode(folder), *parts)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "xb") as file:
                file.write(_DRIVER.sub(b"merge=text", content))
