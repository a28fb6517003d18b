"""What a commit's `.gitattributes` say of merging, laid out for a git that merges.

`merge-tree` reads attributes from its work tree only, so the files are written into an
empty one, as data: nothing else of the commit is there. Promises that what the target
keeps from being merged as text (`-merge`, `binary`) is a conflict where both sides
changed it, as for plain git. No driver runs: one by a name of its own counts as text,
and so does `union`, for which there is a rung of its own.
"""

import os
import re

from wtman.git.control_dir import Control, call, oid

NAME = b".gitattributes"
_PLAIN = (b"100644", b"100755")
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
    if NAME not in listed:
        return
    for line in listed.split(b"\0"):
        facts, _, path = line.partition(b"\t")
        if path.rpartition(b"/")[2] != NAME or not _is_inside(path):
            continue
        mode, _, name = facts.split(b" ")
        if mode not in _PLAIN:
            continue  # git does not follow a link to attributes either
        content = call(ctl, ["cat-file", "blob", oid(name.decode())]).out
        if len(content) <= _CAP:
            place = os.path.join(os.fsencode(folder), path)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "xb") as file:
                file.write(_DRIVER.sub(b"merge=text", content))


def _is_inside(path: bytes) -> bool:
    """Whether the path stays in the folder: a tree can hold any name."""
    return not any(part.lower() in (b"", b".", b"..", b".git") for part in path.split(b"/"))
