"""Tests counted: what a branch lost though every line of it is there.

The train should collect what the target collects and what each branch adds. Two
branches that add the same test, or one that takes a test of another away, make a
difference. It is told, not judged: the conservation proof judges.
"""

from wtman.journal.events import CandidateJudged
from wtman.journal.state import State
from wtman.model.check import CheckResult
from wtman.model.ids import TaskId
from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class Tally:
    """Tests that one check collected: on the target, added by the branches, on the train."""

    command: str
    before: int
    added: int
    collected: int

    @property
    def expected(self) -> int:
        return self.before + self.added


def tallies(state: State, candidate: CandidateJudged) -> tuple[Tally, ...]:
    """One for each check whose tests are counted on the train and on every branch of it."""
    found = []
    for result in candidate.results:
        added = [_added(state, task, result.command) for task in candidate.members]
        if result.collected is None or result.base_collected is None or None in added:
            continue
        total = sum(item for item in added if item is not None)
        found.append(Tally(result.command, result.base_collected, total, result.collected))
    return tuple(found)


def describe(tally: Tally) -> str:
    """The tally as a line for people."""
    sum_ = f"{tally.before} of the target + {tally.added} of the branches"
    if tally.collected == tally.expected:
        return f"`{tally.command}` collected {tally.collected} tests = {sum_}"
    return (
        f"`{tally.command}` collected {tally.collected} tests, where {tally.expected} were "
        f"expected ({sum_}): see whether two branches share one, or one lost another's"
    )


def _added(state: State, task: TaskId, command: str) -> int | None:
    view = state.tasks.get(task)
    results: tuple[CheckResult, ...] = ()
    if view is not None and view.checked is not None:
        results = view.checked.results
    for result in results:
        if result.command == command and result.collected is not None:
            before = result.base_collected
            return None if before is None else result.collected - before
    return None
