"""The git directory that a session or a check gets: made for it, and never used by wtman.

It reads the repository's objects and writes its own; of refs and settings it has what its
maker names.
"""

import os
import shutil
from collections.abc import Mapping, Sequence

from wtman.git.control_dir import REMOTES, Control
from wtman.git.refs import listed


def write_git_dir(
    ctl: Control,
    place: str,
    *,
    head: str,
    objects: Sequence[str],
    refs: Sequence[str],
    without: tuple[str, ...],
    settings: str = "",
) -> None:
    """Make one at `place`, where nothing is.

    `objects` are the folders that it borrows from, `refs` the prefixes of the refs that it
    knows. Its settings are those of the control directory, but for lines that begin as
    `without` says, the addresses of remotes, and `settings`.
    """
    for part in ("objects/info", "objects/pack", "refs/heads", "refs/tags", "info", "hooks"):
        os.makedirs(os.path.join(place, part), mode=0o700)
    with open(os.path.join(ctl.path, "config"), encoding="utf-8", errors="surrogateescape") as file:
        config = "".join(line for line in file if not line.startswith(without))
    with open(os.path.join(ctl.path, REMOTES), encoding="utf-8", errors="surrogateescape") as file:
        config += file.read()
    known = os.fsdecode(listed(ctl.repo.common_dir, *refs))
    write_texts(
        place,
        {
            "HEAD": f"{head}\n",
            "config": config + settings,
            "objects/info/alternates": "".join(f"{folder}\n" for folder in objects),
            "packed-refs": "# pack-refs with: sorted \n" + known,
        },
    )
    for name in ("info/exclude", "info/attributes", "shallow"):
        if os.path.exists(os.path.join(ctl.path, name)):
            shutil.copyfile(os.path.join(ctl.path, name), os.path.join(place, name))


def admin_files(branch: str, worktree: str) -> dict[str, str]:
    """The administrative files of a linked worktree that stands on a branch."""
    return {
        "HEAD": f"ref: refs/heads/{branch}\n",
        "commondir": "../..\n",
        "gitdir": os.path.join(worktree, ".git") + "\n",
    }


def write_texts(place: str, texts: Mapping[str, str]) -> None:
    """Write files into a folder that nobody else sees yet."""
    for name, content in texts.items():
        path = os.path.join(place, name)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(path, "wb") as file:
            file.write(os.fsencode(content))
