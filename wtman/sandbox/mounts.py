"""How the folders of a policy become the mounts of one picture, and in which order.

Pure of effects but for looking at links: a folder is shown at its real place, and every
link on the way to it is made again, because a mount cannot be put on a link.
"""

import os
from collections.abc import Iterable

from wtman.model.values import dataclass
from wtman.sandbox import system
from wtman.sandbox.inside import SandboxView
from wtman.sandbox.policy import SandboxPolicy
from wtman.sandbox.system import is_below


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
    moved = tuple((os.path.realpath(folder), seen) for folder, seen in policy.view.moved)
    view = SandboxView(moved)
    writable = (*policy.write, *([policy.home] if policy.home else ()))
    readable = [*programs, *system.strays(), *policy.read]
    links: dict[str, str] = {}
    for path in (*readable, *writable, *(target for _, target, _ in policy.binds)):
        real = os.path.realpath(path)
        if view.seen(real) == real:  # else nothing is shown at its own path
            links.update(_links_to(path))
    writes = {os.path.realpath(path) for path in writable}
    reads = {os.path.realpath(path) for path in readable if os.path.exists(path)}
    mounts = [Mount(path, view.seen(path), True) for path in writes]
    mounts += [
        Mount(path, view.seen(path), False)
        for path in reads - writes
        if not system.holds(path) and not any(is_below(path, folder) for folder in writes)
    ]
    mounts += [
        Mount(os.path.realpath(source), os.path.realpath(target), writes_too)
        for source, target, writes_too in policy.binds
    ]
    kept = _without_needless(mounts)
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
            for target in _shown_at(path, view, kept)
            if os.path.exists(path)
        ),
        guarded=tuple(
            Mount(os.path.realpath(path), target, False)
            for path in guarded(policy)
            for target in _shown_at(path, view, kept)
        ),
    )


def _shown_at(path: str, view: SandboxView, mounts: tuple[Mount, ...]) -> list[str]:
    """Every place at which this path is shown: its own, and where a folder is moved to."""
    real = os.path.realpath(path)
    return [place for place in sorted({real, view.seen(real)}) if _is_covered(place, mounts)]


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


def _links_to(path: str) -> dict[str, str]:
    """Every link that is followed on the way to this path, by its own real path."""
    found: dict[str, str] = {}
    todo = [part for part in path.split(os.sep) if part][::-1]
    here = "/"
    while todo and len(found) < 64:
        part = todo.pop()
        if part in (".", ".."):
            here = os.path.dirname(here) if part == ".." else here
            continue
        step = os.path.join(here, part)
        if os.path.islink(step):
            text = os.readlink(step)
            found[step] = text
            here = "/" if text.startswith("/") else here
            todo += [part for part in text.split(os.sep) if part][::-1]
        else:
            here = step
    return found
