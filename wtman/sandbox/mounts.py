"""How the folders of a policy become the mounts of one picture, and in which order.

Pure of effects but for looking at links: a folder is shown at its real place, and every
link on the way to it is made again, because a mount cannot be put on a link.
"""

import os
from collections.abc import Iterable
from functools import cache

from wtman.model.values import dataclass
from wtman.sandbox import system
from wtman.sandbox.inside import SandboxView
from wtman.sandbox.policy import SandboxPolicy
from wtman.sandbox.system import is_below

_MOST_LINKS = 64  # on the way to one path; the kernel follows 40
_MOST_PARTS = 1024


@dataclass(frozen=True, slots=True)
class Mount:
    """At `target`, what is at `source`; both real paths."""

    source: str
    target: str
    writable: bool


@dataclass(frozen=True, slots=True)
class MountPlan:
    """What is put together, in this order; `links` are (path, what it says).

    `guarded` are mounts that take a right to write away again.
    """

    mounts: tuple[Mount, ...]
    links: tuple[tuple[str, str], ...]
    hidden: tuple[str, ...]
    guarded: tuple[Mount, ...]


def picture(policy: SandboxPolicy, programs: tuple[str, ...]) -> MountPlan:
    """What of the host is seen, the system's own folders apart."""
    walk = _LinkWalk()
    real = cache(walk.real)  # nothing moves while one picture is put together
    view = SandboxView(tuple((real(folder), seen) for folder, seen in policy.view.moved))
    writable = (*policy.write, *([policy.home] if policy.home else ()))
    readable = [*programs, *system.strays(), *policy.read]
    links: dict[str, str] = {}
    for path in (*readable, *writable, *(target for _, target, _ in policy.binds)):
        if view.seen(real(path)) == real(path):  # else nothing is shown at its own path
            links.update(walk.links(path))
    writes = {real(path) for path in writable}
    reads = {real(path) for path in readable if os.path.exists(path)}
    mounts = [Mount(path, view.seen(path), True) for path in writes]
    mounts += [
        Mount(path, view.seen(path), False)
        for path in reads - writes
        if not system.holds(path) and not any(is_below(path, folder) for folder in writes)
    ]
    mounts += [
        Mount(real(source), real(target), writes_too) for source, target, writes_too in policy.binds
    ]
    kept = _without_needless(mounts)

    def shown_at(path: str) -> list[str]:
        """Every place at which this path is shown: its own, and where a folder is moved to."""
        places = sorted({real(path), view.seen(real(path))})
        return [place for place in places if _is_covered(place, kept)]

    return MountPlan(
        mounts=kept,
        links=tuple(
            (path, text)
            for path, text in sorted(links.items())
            if path not in system.folders() and not _is_covered(os.path.dirname(path), kept)
        ),
        hidden=outermost(
            target
            for path in (*system.secrets(), *policy.hide)
            for target in shown_at(path)
            if os.path.exists(path)
        ),
        guarded=tuple(
            Mount(real(path), target, False)
            for path in guarded(policy)
            for target in shown_at(path)
        ),
    )


def guarded(policy: SandboxPolicy) -> tuple[str, ...]:
    """What stays read-only in writable folders: the pointer of a worktree to its git, too."""
    pointers = (os.path.join(folder, ".git") for folder in policy.write)
    return (*(path for path in pointers if os.path.isfile(path)), *policy.guard)


def _without_needless(mounts: list[Mount]) -> tuple[Mount, ...]:
    """Parents first, without what its parent shows already in the same way."""
    kept: list[Mount] = []
    for mount in sorted(mounts, key=lambda mount: (mount.target.count("/"), mount.target)):
        above = [other for other in kept if is_below(mount.target, other.target)]
        nearest = above[-1] if above else None
        if nearest is None or nearest.writable != mount.writable:
            kept.append(mount)
        elif mount.source != nearest.source + mount.target[len(nearest.target) :]:
            kept.append(mount)
    return tuple(kept)


def outermost(paths: Iterable[str]) -> tuple[str, ...]:
    """Without what is in another of them: in what is hidden there is nothing to hide."""
    kept: list[str] = []
    for path in sorted(set(paths), key=lambda path: path.split(os.sep)):
        if not kept or not is_below(path, kept[-1]):
            kept.append(path)
    return tuple(kept)


def _is_covered(folder: str, mounts: tuple[Mount, ...]) -> bool:
    return system.holds(folder) or any(is_below(folder, mount.target) for mount in mounts)


class _LinkWalk:
    """Where paths lead, and over which links; each step of them is looked at once."""

    def __init__(self) -> None:
        self._step = cache(_link_at)

    def real(self, path: str) -> str:
        """What `os.path.realpath` says of an absolute path."""
        real, _ = self._walked(path)
        return real or os.path.realpath(path)

    def links(self, path: str) -> dict[str, str]:
        """Every link that is followed on the way to this path, by its own real path."""
        return self._walked(path)[1]

    def _walked(self, path: str) -> tuple[str, dict[str, str]]:
        found: dict[str, str] = {}
        todo = path.split(os.sep)[::-1]
        here = ""
        while todo:
            part = todo.pop()
            if part in ("", ".", ".."):
                here = here.rpartition("/")[0] if part == ".." else here
                continue
            step = f"{here}/{part}"
            text = self._step(step)
            if text is None:
                here = step
                continue
            found[step] = text
            here = "" if text.startswith("/") else here
            todo += text.split(os.sep)[::-1]
            if len(found) >= _MOST_LINKS or len(todo) > _MOST_PARTS:
                return "", found  # a loop
        return here or "/", found


def _link_at(path: str) -> str | None:
    """What a link says, None for anything else."""
    try:
        return os.readlink(path)
    except OSError:
        return None
