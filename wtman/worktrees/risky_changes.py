"""What a branch changes that acts on others later, for the notes of its session.

Blocking. Reads the two trees and the few files that have to be looked into (where links
lead, what manifests run on install); `risky_paths.suspects` judges.
"""

from wtman.context import Context
from wtman.formats.git_output import text
from wtman.git.objects import history
from wtman.model.changes import Changes, Entry
from wtman.model.ids import Sha
from wtman.worktrees.risky_paths import LINK, PathModes, install_hooks, suspects

_READ_CAP = 1 << 20  # bytes
_MOST_READ = 100  # links and manifests of one branch that are looked into


def notable(ctx: Context, start: Sha, commit: Sha) -> tuple[str, ...]:
    """What the branch changes that acts on others later, in words."""
    changed = history.changes(ctx.control, start, commit)
    read = _read(ctx, changed)
    touched: list[PathModes] = []
    notes: list[str] = []
    for change in changed:
        path, target = change.path, ""
        old, new = _mode(change.old), _mode(change.new)
        if change.new is not None and change.new.oid in read:
            content = read[change.new.oid]
            if new == LINK:
                target = content
            else:
                before = read.get(change.old.oid, "") if change.old is not None else ""
                hooks = ", ".join(install_hooks(before, content))
                notes += [f"{path} runs something new on install: {hooks}"] if hooks else []
        if old or new:
            touched.append(PathModes(path, old, new, target))
    return (*suspects(touched), *notes)


def _mode(entry: Entry | None) -> str:
    return entry.mode if entry is not None else ""


def _read(ctx: Context, changed: Changes) -> dict[str, str]:
    """Where links lead, and what manifests of npm hold, by the names of the objects."""
    wanted: list[str] = []
    for change in changed:
        manifest = change.path.rpartition("/")[2] == "package.json"
        if _mode(change.new) == LINK or (manifest and change.new is not None):
            wanted += [entry.oid for entry in (change.old, change.new) if entry is not None]
    found = history.contents(ctx.control, wanted[:_MOST_READ], _READ_CAP)
    return {name: text(content) for name, content in found.items()}
