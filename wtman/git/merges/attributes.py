"""What a commit's `.gitattributes` say of merging, laid out for a git that merges.

`merge-tree` reads attributes from its work tree only, so the files are written into an
empty one, as data: nothing else of the commit is there. Promises that what the target
keeps from being merged as text (`-merge`, `binary`) is a conflict where both sides
changed it, and that `union` keeps all lines of both, as for plain git. No driver runs: a
file with one of its own is merged as text, and whoever asks is told.
"""

import os
from collections.abc import Sequence

from wtman.formats.git_output import raw, text, tree_lines
from wtman.git.control_dir import OWN_DRIVER, Control, call, oid, scratch_file

NAME = b".gitattributes"
_OUTSIDE = {b"", b".", b"..", b".git"}  # names that lead out of a folder: a tree can hold any
_CAP = 1 << 20
_BUILT_IN = (b"unspecified", b"set", b"unset", b"text", b"union", b"binary")
_NAMED = ".drivers"  # beside the folder, where a driver is named in it


def laid_out(ctl: Control, commit: str) -> str:
    """A folder with the attribute files of a commit or tree; "" where it has none, or is "".

    It is beside the objects of a trial (`ctl.aside`) and goes with them.
    """
    if not (ctl.aside and commit):
        return ""
    folder = _folder(ctl, commit)
    if not os.path.isdir(folder):
        _lay_out(ctl, commit, folder)
    return folder if os.listdir(folder) else ""


def _folder(ctl: Control, commit: str) -> str:
    return os.path.join(ctl.aside, f"attributes-{oid(commit)}")


def drivers_of(ctl: Control, commit: str, paths: Sequence[str]) -> dict[str, str]:
    """The drivers of their own that these paths want, which do not run.

    Costs nothing where the attributes that were laid out name none.
    """
    if not os.path.exists(_folder(ctl, commit) + _NAMED):
        return {}
    wanted = merge_of(ctl, commit, paths)
    return {path: text(name) for path, name in wanted.items() if name not in _BUILT_IN}


def merge_of(ctl: Control, commit: str, paths: Sequence[str]) -> dict[str, bytes]:
    """What the attributes of a commit say of merging each path, in git's words."""
    if not paths:
        return {}
    with scratch_file(ctl) as index:
        call(ctl, ["read-tree", oid(commit)], index=index)
        args = ["check-attr", "--cached", "-z", "--stdin", "merge"]
        asked = b"".join(raw(path) + b"\0" for path in paths)
        out = call(ctl, args, index=index, input=asked).out
    return dict(zip(paths, out.split(b"\0")[2:-1:3], strict=True))


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
                file.write(OWN_DRIVER.sub(b"merge=text", content))
            if OWN_DRIVER.search(content):
                with open(folder + _NAMED, "w"):
                    pass
