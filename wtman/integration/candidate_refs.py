"""The refs that keep what was judged: one for each set of branches that a merge has tried.

They live as long as their merge, so that nothing of it is collected; afterwards only what
a command that reproduces a failure names is kept, until `wtman clean`. Promises to move
refs below refs/wtman/ only, by compare-and-swap. Blocking.
"""

import re
from collections.abc import Iterable

from wtman.git import refs
from wtman.git.control_dir import Control
from wtman.git.discovery import Repository
from wtman.git.objects import history
from wtman.git.refs import RefChange
from wtman.model.ids import RunId, Sha

_PLACE = "refs/wtman/probes"
_NAMED = re.compile(r"\b[0-9a-f]{12,64}\b")


def keep(repo: Repository, run: RunId, commit: Sha) -> None:
    """Keep a commit of a merge that is under way."""
    ref = f"{_PLACE}/{run}/{commit[:16]}"
    if refs.read_one(repo, ref) != commit:
        refs.update(repo, [RefChange(ref, commit, None)])


def drop(ctl: Control, run: RunId, on: Sha, reproduce: Iterable[str]) -> None:
    """Keep of the merge on `on` only what these commands name, for it is over."""
    known = refs.read(ctl.repo, f"{_PLACE}/{run}")
    wanted: set[Sha] = set()
    for name in {name for line in reproduce for name in _NAMED.findall(line)}:
        exact = {commit for commit in known.values() if commit.startswith(name)}
        wanted |= exact or {
            # What a branch conflicts with lies below a commit that was made to keep it.
            commit
            for commit in known.values()
            if len(name) >= len(on)
            and history.is_ancestor(ctl, name, commit)
            and not history.is_ancestor(ctl, name, on)
        }
    _remove(ctl.repo, {ref: commit for ref, commit in known.items() if commit not in wanted})


def forget(repo: Repository, runs: Iterable[RunId]) -> None:
    """Let go of all that merges of these runs have tried."""
    for run in runs:
        _remove(repo, refs.read(repo, f"{_PLACE}/{run}"))


def runs_with(repo: Repository) -> frozenset[RunId]:
    """The runs that have something kept here."""
    depth = _PLACE.count("/") + 1
    return frozenset(RunId(ref.split("/")[depth]) for ref in refs.read(repo, _PLACE))


def _remove(repo: Repository, found: dict[str, Sha]) -> None:
    refs.update(repo, [RefChange(ref, None, commit) for ref, commit in found.items()])
