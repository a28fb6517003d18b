"""A train apart from a merge: works put together on some commit, checked, landed nowhere.

The one way in which parts are put together without moving a target: for a flow's script, and for
a lead. Pure; the search is that of a merge.
"""

from collections.abc import Iterable
from dataclasses import replace

from wtman.journal.events import CandidateJudged, MergeAsked
from wtman.journal.state import MergeView, State
from wtman.model.ids import Branch, Sha


def as_merge(
    state: State,
    on: Sha,
    check: tuple[str, ...],
    candidates: Iterable[CandidateJudged],
    at: float,
) -> State:
    """The run as if a merge onto `on` had been asked for; `at` is the date of its commits."""
    asked = MergeAsked(Branch(""), on, check=check, unchecked=True)
    found = {(item.on, item.members): item for item in candidates}
    merge = MergeView(asked=asked, at=at, on=on, candidates=found)
    return replace(state, settings=replace(state.settings, check=check), merge=merge)
