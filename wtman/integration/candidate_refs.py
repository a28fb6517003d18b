"""The refs that keep what was judged: one for each set of branches put together.

They live as long as their merge, so that nothing of it is collected; afterwards only what
a command that reproduces a failure names is kept, until `wtman clean`. Promises to move
refs below refs/wtman/ only, by compare-and-swap. Blocking.
"""

from collections.abc import Iterable

from wtman.git import refs
from wtman.git.control_dir import Control
from wtman.git.discovery import Repository
from wtman.git.objects import history
from wtman.git.refs import RefChange
from wtman.model.ids import RunId, Sha

_PLACE = "refs/wtman/candidates"


def keep(repo: Repository, run: RunId, commit: Sha) -> None:
    """Keep a commit that was judged, or is about to be."""
    ref = f"{_PLACE}/{run}/{commit[:16]}"
    if refs.read_one(repo, ref) != commit:
        # Not `update`: two proofs on the same branches keep the same commit at the same time.
        refs.restore(repo, ref, commit)


def drop(ctl: Control, run: RunId, on: Sha, named: Iterable[Sha]) -> None:
    """Keep of the merge on `on` only what holds these commits, for it is over."""
    known = refs.read(ctl.repo, f"{_PLACE}/{run}")
    wanted: set[Sha] = set()
    for name in dict.fromkeys(named):
        if name in known.values():
            wanted.add(name)
        elif not history.is_ancestor(ctl, name, on):
            # What a branch conflicts with lies below a commit that was made to keep it.
            wanted |= {sha for sha in known.values() if history.is_ancestor(ctl, name, sha)}
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
