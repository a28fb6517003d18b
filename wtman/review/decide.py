"""What the reviews of a run need next, as actions. Part of `decide`.

Reviews start as soon as a branch is checked, while other sessions still run; within the
slots that sessions share. A proof is run before anybody is asked for an opinion.
"""

from collections.abc import Iterator, Mapping

from wtman.journal.state import State, Unit
from wtman.model.actions import ActionKey
from wtman.model.ids import Sha, TaskId
from wtman.model.states import SETTLED, Standing, TaskState
from wtman.review.actions import Couple, Refute, Reproduce, Review
from wtman.review.judgement import (
    branch_units,
    completeness_unit,
    interaction_units,
    judgement,
    next_try,
    over,
    refuter,
    reviewers,
    subjects,
    tips,
    wanted_opinions,
)

# Tips that have passed their checks.
_CHECKED = frozenset({TaskState.REVIEWING, TaskState.VERIFIED, TaskState.UNCHECKED})


def review_actions(
    state: State, running: frozenset[ActionKey], known: Mapping[TaskId, Standing]
) -> tuple[list[Couple | Reproduce], list[Review | Refute]]:
    """What is to be run, and the sessions that are wanted, the most telling first."""
    if not reviewers(state):
        return [], []
    checked = _checked(state, known)
    free: list[Couple | Reproduce] = [*_coupling(state, checked), *_proofs(state, checked)]
    free = [item for item in free if item.key not in running]
    sessions: list[Review | Refute] = [
        Review(unit, next_try(state, unit)) for unit in units_wanted(state, known)
    ]
    sessions += _opinions(state, checked)
    return free, [item for item in sessions if item.key not in running]


def units_wanted(state: State, known: Mapping[TaskId, Standing]) -> Iterator[Unit]:
    """The reviews that have no answer yet, of what is checked now."""
    checked = _checked(state, known)
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
    if not reviewers(state):
        return False
    free, sessions = review_actions(state, frozenset(), known)
    return bool(free or sessions)


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


def _proofs(state: State, checked: tuple[TaskId, ...]) -> Iterator[Reproduce]:
    for finding in state.reviews.findings.values():
        members = subjects(finding)
        if finding.reproducer is None or not set(members) <= set(checked):
            continue
        found = judgement(state, finding)
        if found.pending and found.proof is None and not _opinion_due(state, finding.id):
            yield Reproduce(finding.id, members, tips(state, members))


def _opinion_due(state: State, name: str) -> bool:
    """Whether the finding waits for refuters: its proof is run and shows nothing."""
    finding = state.reviews.findings[name]
    now: dict[TaskId, Sha] = tips(state, subjects(finding))
    proof = finding.reproducer
    return any(
        item.tips == now and proof is not None and item.proof == proof.key
        for item in finding.proofs
    )


def _opinions(state: State, checked: tuple[TaskId, ...]) -> Iterator[Refute]:
    agent = refuter(state)
    if not agent:
        return
    for finding in state.reviews.findings.values():
        members = subjects(finding)
        if not set(members) <= set(checked) or not judgement(state, finding).pending:
            continue
        if finding.reproducer is not None and not _opinion_due(state, finding.id):
            continue
        for lens in wanted_opinions(state, finding):
            number = sum(1 for item in finding.opinions if item.lens == lens) + 1
            yield Refute(finding.id, lens, agent, number, tips(state, members))


def _whole(
    state: State, known: Mapping[TaskId, Standing], checked: tuple[TaskId, ...]
) -> Unit | None:
    """The completeness review, once everything else has come to an end."""
    if state.kind.external or state.merge is not None:
        return None
    if any(item.state not in SETTLED for item in known.values()):
        return None
    if any(not over(state, unit) for unit in interaction_units(state)):
        return None
    return completeness_unit(state, checked)
