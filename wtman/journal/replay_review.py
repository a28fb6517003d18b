"""The folds of review events. Part of `replay`."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from wtman.journal.copies import replace
from wtman.journal.events import (
    Coupled,
    FindingsTaken,
    ProgramsSeen,
    Refuted,
    Reproduced,
    Reviewed,
)
from wtman.journal.replay_limits import done, session_over
from wtman.journal.state import Finding, Reviews, State
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.finding import SHOWS, Claim, Reproducer, finding_id, same

_MOST_SPARE = 10  # proofs of one finding that wait


def _reviewed(state: State, event: Reviewed, at: float) -> State:
    state = _session_over(state, ActionKey(ActionKind.REVIEW, event.unit), event, answered=event.ok)
    findings = dict(state.reviews.findings)
    for claim in event.claims:
        _take(findings, claim, event)
    known = state.reviews
    units = {**known.units, event.unit: event}
    tries = {**known.tries, event.unit: known.tries.get(event.unit, 0) + event.counts}
    return replace(state, reviews=replace(known, units=units, findings=findings, tries=tries))


def _take(findings: dict[str, Finding], claim: Claim, event: Reviewed) -> None:
    who = (event.lens, event.agent)
    made = Finding("", claim, event.kind, event.members, (event.tips,), (who,), claim.reproducer)
    about = frozenset(made.subjects)
    alike = (item for item in findings.values() if frozenset(item.subjects) == about)
    known = next((item for item in alike if same(claim, _as_it_is(item))), None)
    if known is None:
        name = finding_id(claim, about)
        while name in findings:
            name += "x"
        findings[name] = replace(made, id=name)
        return
    reviewers = known.reviewers if who in known.reviewers else (*known.reviewers, who)
    tips = known.tips if event.tips in known.tips else (*known.tips, event.tips)
    known = replace(known, tips=tips, reviewers=reviewers)
    findings[known.id] = _next_proof(_with_proof(known, claim.reproducer))


def _as_it_is(known: Finding) -> Claim:
    """The claim with the proof that somebody gave since."""
    return replace(known.claim, reproducer=known.reproducer)


def _with_proof(known: Finding, proof: Reproducer | None) -> Finding:
    """The finding with one more proof: whoever claims it first may have a worthless one."""
    if proof is None:
        return known
    if known.reproducer is None:
        return replace(known, reproducer=proof)
    tried = {known.reproducer.key, *(item.proof for item in known.proofs)}
    if proof.key in tried | {item.key for item in known.spare}:
        return known
    return replace(known, spare=(*known.spare, proof)[:_MOST_SPARE])


def _next_proof(known: Finding) -> Finding:
    """Take the next proof where the one that there is has shown nothing."""
    if not known.spare or known.reproducer is None:
        return known
    key = known.reproducer.key
    seen = next((item for item in reversed(known.proofs) if item.proof == key), None)
    if seen is None or seen.kind in SHOWS:
        return known
    return replace(known, reproducer=known.spare[0], spare=known.spare[1:])


def _reproduced(state: State, event: Reproduced, at: float) -> State:
    state = done(state, ActionKey(ActionKind.REPRODUCE, event.finding))
    known = state.reviews.findings.get(event.finding)
    if known is None:
        return state
    others = (item for item in known.proofs if (item.tips, item.proof) != (event.tips, event.proof))
    return _with(state, _next_proof(replace(known, proofs=(*others, event))))


def _refuted(state: State, event: Refuted, at: float) -> State:
    key = ActionKey(ActionKind.REFUTE, f"{event.finding}/{event.lens}")
    state = _session_over(state, key, event, answered=bool(event.answer))
    known = state.reviews.findings.get(event.finding)
    if known is None:
        return state
    known = replace(known, opinions=(*known.opinions, event))
    return _with(state, _next_proof(_with_proof(known, event.reproducer)))


def _coupled(state: State, event: Coupled, at: float) -> State:
    state = done(state, ActionKey(ActionKind.COUPLE))
    return replace(state, reviews=replace(state.reviews, coupled=event))


def _programs_seen(state: State, event: ProgramsSeen, at: float) -> State:
    """What an edited program has said before it has not said; what was proven stays so."""
    known = state.reviews
    old = {name for name, key in known.programs.items() if event.programs.get(name, key) != key}
    findings = {name: _unsaid(item, old) for name, item in known.findings.items()}
    programs = {**known.programs, **event.programs}
    return replace(state, reviews=replace(known, findings=findings, programs=programs))


def _unsaid(finding: Finding, old: Collection[str]) -> Finding:
    opinions = tuple(
        replace(item, answer="", stopped=True) if item.agent in old else item
        for item in finding.opinions
    )
    claimed = any(agent not in old for _, agent in finding.reviewers)
    return replace(finding, opinions=opinions, tips=finding.tips if claimed else ())


def asked_again(reviews: Reviews) -> Reviews:
    """The reviews, with new tries for what has ended without a verdict."""
    tries = {
        key: count
        for key, count in reviews.tries.items()
        if (done := reviews.units.get(key)) is None or done.ok
    }
    findings = {
        name: replace(
            finding,
            opinions=tuple(
                item if item.answer else replace(item, stopped=True) for item in finding.opinions
            ),
        )
        for name, finding in reviews.findings.items()
    }
    return replace(reviews, tries=tries, findings=findings)


def _session_over(
    state: State, key: ActionKey, event: Reviewed | Refuted, *, answered: bool
) -> State:
    """Sessions beyond the one that was intended (a repair) count too."""
    state = replace(state, sessions=state.sessions + max(event.sessions - 1, 0))
    return session_over(state, key, event, answered=answered)


def _with(state: State, finding: Finding) -> State:
    findings = {**state.reviews.findings, finding.id: finding}
    return replace(state, reviews=replace(state.reviews, findings=findings))


def _taken(state: State, event: FindingsTaken, at: float) -> State:
    return replace(state, reviews=replace(state.reviews, taken=event.by))


FOLDS: Mapping[type, Callable[[State, Any, float], State]] = {
    FindingsTaken: _taken,
    Reviewed: _reviewed,
    Reproduced: _reproduced,
    Refuted: _refuted,
    Coupled: _coupled,
    ProgramsSeen: _programs_seen,
}
