"""What is told of reviews: findings as JSON and as lines, and their part of the report.

Pure. Every decision can be followed: who claimed it, what running its proof showed on which
tree, what the refuters said, what became of it, and the command that shows it by hand. A
reviewer without a verdict is named, and so is a missing review.
"""

from collections.abc import Iterable
from typing import Any

from wtman.journal.events import Reproduced
from wtman.journal.state import Finding, State, Unit
from wtman.model.finding import DOUBTFUL, SHOWS, UNPROVEN
from wtman.model.ids import TaskId
from wtman.review.judgement import (
    CONFIRMED,
    NO_VERDICT,
    REFUTED,
    Judgement,
    branch_units,
    interaction_units,
    is_audit,
    judgements,
    reviewers,
    unseen,
    words_on,
)
from wtman.text.terminal import count
from wtman.text.words import printable

_EVIDENCE_LINES = 12
Judged = tuple[Finding, Judgement]


def findings_json(state: State) -> list[dict[str, Any]]:
    """The findings of a run as SPEC section 8 has them."""
    return [finding_json(state, *item) for item in judgements(state)]


def finding_json(state: State, finding: Finding, judged: Judgement) -> dict[str, Any]:
    """One finding. `state` says what its verdict means now: open, mended, refuted, ..."""
    claim, proof = finding.claim, shown_by(finding, judged)
    return {
        "id": finding.id,
        "title": claim.title,
        "severity": claim.severity,
        "branches": [state.label(name) for name in (judged.culprits or claim.branches)],
        "path": claim.path,
        "line": claim.line or None,
        "why": claim.why,
        "reviewer": ", ".join(
            f"{lens} by {agent}" if lens else agent for lens, agent in finding.reviewers
        ),
        "verdict": judged.verdict,
        "blocking": judged.blocking,
        "matrix": [
            {name: getattr(cell, name) for name in ("tree", "result", "runs", "failures")}
            for cell in (proof.cells if proof is not None else ())
        ],
        "reproduce": proof.by_hand if proof is not None else "",
        "state": standing_of(judged),
        "reason": judged.why,
        "kind": proof.kind if proof is not None else "",
    }


def shown_by(finding: Finding, judged: Judgement) -> Reproduced | None:
    """The matrix to show: what confirmed it, else that of the tips now, else the newest."""
    if judged.verdict == CONFIRMED and not judged.open:
        confirming = [item for item in finding.proofs if item.kind in SHOWS]
        if confirming:
            return confirming[-1]
    return judged.proof or (finding.proofs[-1] if finding.proofs else None)


def standing_of(judged: Judgement) -> str:
    """What a finding comes to in a word: pending, open, mended, refuted, concern or moot."""
    if judged.pending:
        return "pending"
    if judged.verdict == CONFIRMED:
        return "open" if judged.open else "mended"
    if judged.verdict == REFUTED:
        return "refuted"
    return "concern" if judged.open else "moot"


def standing_words(finding: Finding, judged: Judgement) -> str:
    """The same as people read it, with what kind of proof stands behind it."""
    words, proof = STANDINGS[standing_of(judged)], shown_by(finding, judged)
    kinds = SHOWS | DOUBTFUL | {UNPROVEN}
    telling = proof is not None and judged.verdict != REFUTED and proof.kind in kinds
    return f"{words} ({proof.kind})" if telling and proof is not None else words


# --- lines --------------------------------------------------------------------------------------

# The most pressing first: each standing as people read it.
STANDINGS = {
    "open": "confirmed",
    "pending": "not verified yet",
    "concern": "concern",
    "mended": "confirmed, fixed",
    "refuted": "refuted",
    "moot": "outdated",
}
_LOUDEST = tuple(STANDINGS)
_WORST = ("blocker", "major", "minor")


def finding_lines(state: State, most: int = 0) -> list[str]:
    """A line a finding, the most pressing first; of no more than `most` (0: all)."""
    found = list(judgements(state))
    found.sort(
        key=lambda it: (_LOUDEST.index(standing_of(it[1])), _WORST.index(it[0].claim.severity))
    )
    if is_audit(state):
        found = [item for item in found if standing_of(item[1]) not in ("refuted", "moot")]
    lines = [_line(state, finding, judged) for finding, judged in found[: most or None]]
    if most and len(found) > most:
        lines.append(f"and {count(len(found) - most, 'more finding')}")
    if is_audit(state):
        from wtman.review.audit import audit_findings

        if refuted := audit_findings(state).refuted:
            lines.append(f"{refuted} refuted")
    return lines


def _line(state: State, finding: Finding, judged: Judgement) -> str:
    claim = finding.claim
    names = ", ".join(state.label(name) for name in (judged.culprits or claim.branches))
    blocks = ", blocks" if judged.blocking and judged.verdict != CONFIRMED else ""
    standing = standing_words(finding, judged)
    head = f"{finding.id}  {standing}{blocks}  {claim.severity}  {names}: "
    return printable(head + claim.title + _place(finding, " (", ")"), 400)


def _place(finding: Finding, before: str, after: str = "") -> str:
    claim = finding.claim
    line = f":{claim.line}" if claim.line else ""
    return f"{before}{claim.path}{line}{after}" if claim.path else ""


def tally(found: Iterable[Judged]) -> str:
    """Findings in a few words; empty where there are none."""
    standings = [standing_of(judged) for _, judged in found]
    counted = {name: standings.count(name) for name in STANDINGS if name in standings}
    return ", ".join(
        count(number, name) if name == "concern" else f"{number} {STANDINGS[name]}"
        for name, number in counted.items()
    )


# --- who looked ---------------------------------------------------------------------------------


def unlooked(state: State) -> list[str]:
    """What no reviewer has looked at, or looked at without saying anything, in sentences."""
    if not reviewers(state) and not state.reviews.units:
        return ["no reviewer looked at these branches"]
    lines = []
    for task, view in state.tasks.items():
        if not (view.has_work or view.external or view.merged) or not reviewers(state):
            continue
        units = branch_units(state, task)
        silent = [unit.lens for unit in units if not _answered(state, unit)]
        if silent and len(silent) == len(units):
            lines.append(_no_verdict(state, units[0]))
        elif silent:
            lines.append(f"{state.label(task)}: no verdict from the lens {', '.join(silent)}")
    for unit in interaction_units(state):
        done = state.reviews.units.get(unit.key)
        if done is not None and done.apart:
            lines.append(f"no reviewer looked at {_together(state, unit)}: {done.reason}")
        elif not _answered(state, unit):
            lines.append(_no_verdict(state, unit))
    whole = [item for item in state.reviews.units.values() if item.kind == "completeness"]
    if whole and not whole[-1].ok:
        lines.append("no reviewer gave a verdict on the whole against the request")
    return lines


def blind(state: State) -> list[str]:
    """On what every reviewer failed, in sentences."""
    return [_no_verdict(state, unit) for unit in unseen(state)]


def outcome(state: State) -> str:
    """What the reviews come to: confirmed, no verdict, or nothing confirmed."""
    found = (judged for _, judged in judgements(state))
    if any(judged.verdict == CONFIRMED and judged.open for judged in found):
        return CONFIRMED
    done = state.reviews.units.values()
    silent = bool(done) and not any(item.ok for item in done)
    return NO_VERDICT if silent or unseen(state) else "nothing confirmed"


def reviews_json(state: State) -> dict[str, Any]:
    """What reviews there were, and what they come to."""
    return {"outcome": outcome(state), "unlooked": unlooked(state), "problems": problems(state)}


def audit_json(state: State) -> dict[str, Any]:
    """What an audit came to and who looked, under a key of its own; of another run nothing."""
    if not is_audit(state):
        return {}
    from wtman.review.audit import audit_findings

    found = audit_findings(state)
    looked = [
        {"lens": it.lens, "agent": it.agent, "answered": it.ok, "claims": len(it.claims)}
        for it in state.reviews.units.values()
    ]
    counted = {"confirmed": len(found.confirmed), "concerns": len(found.concerns)}
    return {"audit": {**counted, "refuted": found.refuted, "looked": looked}}


def _no_verdict(state: State, unit: Unit) -> str:
    return f"no reviewer gave a verdict on {_together(state, unit)}"


def _together(state: State, unit: Unit) -> str:
    names = " and ".join(state.label(name) for name in unit.members)
    return f"{names} together" if len(unit.members) > 1 else f"{names} as it is"


def _answered(state: State, unit: Unit) -> bool:
    done = state.reviews.units.get(unit.key)
    return done is not None and done.ok


def problems(state: State) -> list[str]:
    """What was wrong with reviews that came to nothing, or to less than they said."""
    lines = []
    for item in state.reviews.units.values():
        names = ", ".join(state.label(name) for name in item.members)
        who = f"{item.lens or item.kind} by {item.agent} on {names}"
        if not item.ok:
            lines.append(f"no verdict: {who}: {item.reason or 'it did not answer'}")
        elif item.reason and not item.apart:
            lines.append(f"{who}: {item.reason}")
        lines += [f"{who}: {problem}" for problem in item.problems]
    return lines


def reviewed_words(state: State, task: TaskId) -> str:
    """`reviewed by 2 (correctness, security)`: of the task's tip as it is; empty if nobody."""
    head = state.tasks[task].head
    units = state.reviews.units.values()
    done = [item for item in units if item.ok and item.tips.get(task) == head]
    lenses = ", ".join(dict.fromkeys(item.lens or item.kind for item in done))
    return f"reviewed by {len(done)} ({lenses})" if done else ""


# --- the report ---------------------------------------------------------------------------------


def finding_told(state: State, finding: Finding, judged: Judgement) -> list[str]:
    """What there is to say of a finding, a text a fact, not escaped."""
    claim = finding.claim
    names = ", ".join(state.label(name) for name in claim.branches)
    lenses = ", ".join(dict.fromkeys(lens or "completeness" for lens, _ in finding.reviewers))
    many = "reviewer" if len(finding.reviewers) == 1 else "reviewers"
    told = [
        f"reported on {names}{_place(finding, ' in ')} by the {lenses} {many}, {claim.severity}"
    ]
    if claim.why:
        told.append(claim.why)
    for item in finding.proofs:
        tips = ", ".join(f"{state.label(task)} {tip[:10]}" for task, tip in item.tips.items())
        told.append(f"its reproducer on {tips}: {item.kind}, {item.reason}")
    told += [f"refuter, {words_on(item)}" for item in finding.opinions]
    return [*told, f"{standing_words(finding, judged)}: {judged.why}"]


def evidence_of(proof: Reproduced) -> str:
    """The last lines of what it said where it failed."""
    lines = [line for line in proof.evidence.splitlines() if line.strip()]
    return "\n".join(lines[-_EVIDENCE_LINES:])
