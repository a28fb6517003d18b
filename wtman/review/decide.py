"""What the reviews of a run need next, as actions. Part of `decide`.

Reviews start as soon as a branch is checked, while other sessions still run; within the
slots that sessions share. A proof is run before anybody is asked for an opinion.
"""

from collections.abc import Iterator, Mapping

from wtman.journal.state import State, Unit
from wtman.model.actions import ActionKey
from wtman.model.ids import TaskId
from wtman.model.states import SETTLED, Standing, TaskState
from wtman.review.actions import Couple, Refute, Reproduce, Review
from wtman.review.judgement import (
    branch_units,
    interaction_units,
    judgement,
    next_try,
    over,
    refuter,
    reviewers,
    tips,
    unit_of,
    wanted_opinions,
)

# Tips that have passed their checks.
_CHECKED = frozenset({TaskState.REVIEWING, TaskState.VERIFIED, TaskState.UNCHECKED})


def review_actions(
    state: State, running: frozenset[ActionKey], known: Mapping[TaskId, Standing]
) -> tuple[list[Couple | Reproduce], list[Review | Refute]]:
    """What is to be run, and the sessions that are wanted, the most telling first."""
    if not reviewers(state) or state.flow is not None:
        return [], []
    checked = _checked(state, known)
    free: list[Couple | Reproduce] = [*_coupling(state, checked)]
    sessions: list[Review | Refute] = [
        Review(unit, next_try(state, unit)) for unit in _units_wanted(state, known, checked)
    ]
    for item in _verifications(state, checked):
        if isinstance(item, Reproduce):
            free.append(item)
        else:
            sessions.append(item)
    return (
        [item for item in free if item.key not in running],
        [item for item in sessions if item.key not in running],
    )


def _units_wanted(
    state: State, known: Mapping[TaskId, Standing], checked: tuple[TaskId, ...]
) -> Iterator[Unit]:
    """The reviews that have no answer yet, of what is checked now."""
    for task in checked:
        yield from (unit for unit in branch_units(state, task) if not over(state, unit))
    for unit in interaction_units(state):
        if set(unit.members) <= set(checked) and not over(state, unit):
            yield unit
    whole = _whole(state, known, checked)
    if whole is not None and not over(state, whole):
        yield whole


def pending(state: State, known: Mapping[TaskId, Standing]) -> bool:
    """Whether the reviews of the run have something left to do."""
    return any(review_actions(state, frozenset(), known))


def _checked(state: State, known: Mapping[TaskId, Standing]) -> tuple[TaskId, ...]:
    return tuple(
        task
        for task, item in known.items()
        if item.state in _CHECKED
        and (state.tasks[task].has_work or (state.tasks[task].external and state.merge is None))
    )


def _coupling(state: State, checked: tuple[TaskId, ...]) -> Iterator[Couple]:
    """Asked anew whenever another tip has passed its checks."""
    if len(checked) < 2:
        return
    now = tips(state, checked)
    seen = state.reviews.coupled.tips if state.reviews.coupled is not None else {}
    if any(seen.get(task) != tip for task, tip in now.items()):
        yield Couple(tuple(now.items()))


def _verifications(state: State, checked: tuple[TaskId, ...]) -> Iterator[Reproduce | Refute]:
    """What each finding waits for: its proof, or the refuters where that shows nothing."""
    for finding in state.reviews.findings.values():
        members = finding.subjects
        if not set(members) <= set(checked):
            continue
        waits_for = judgement(state, finding).pending
        if waits_for == "proof":
            yield Reproduce(finding.id, tips(state, members))
        elif waits_for == "opinions":
            for lens in wanted_opinions(state, finding):
                number = sum(1 for item in finding.opinions if item.lens == lens) + 1
                yield Refute(finding.id, lens, refuter(state), number, tips(state, members))


def _whole(
    state: State, known: Mapping[TaskId, Standing], checked: tuple[TaskId, ...]
) -> Unit | None:
    """The completeness review, once everything else has come to an end."""
    if state.kind.external or state.merge is not None or len(checked) < 2:
        return None
    if any(item.state not in SETTLED for item in known.values()):
        return None
    if any(not over(state, unit) for unit in interaction_units(state)):
        return None
    return unit_of(state, "completeness", "completeness", reviewers(state, checked)[0], checked)
