"""A review that a script asks for: its units, what they still need, and what they come to.

Pure. It is about works, which are commits: what reviewers look at and what proofs are run on is
the run as it stood at these works, whatever has become of their branches since.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from wtman.flow.actions import ReviewStep, SettleStep
from wtman.flow.steps import HEAD
from wtman.journal import events as e
from wtman.journal.state import Finding, FlowStep, State, Unit, digest
from wtman.model.actions import ActionKey
from wtman.model.ids import Sha, TaskId
from wtman.review.actions import Refute, Reproduce, Review
from wtman.review.judgement import (
    CONFIRMED,
    NO_VERDICT,
    Judgement,
    judgement,
    lens_name,
    next_try,
    over,
    refuter,
    reviewers,
    tips,
    unit_of,
    wanted_opinions,
)


def at_works(state: State, step: FlowStep, findings: Iterable[Finding] | None = None) -> State:
    """The run as it stood at the works of a review or train, and at what they started from.

    What was found by then is what was said of these works and of those they went on from: a
    review of another work of the same branch, later or at the same time, is not of this one.
    `findings` are those that may be about them; all, where none are given.
    """
    flow = state.flow
    assert flow is not None
    views = flow.views(step.commits)
    past = {task: flow.past(view.head) for task, view in views.items()}
    past[HEAD] = frozenset({state.base})
    known = state.reviews.findings.values() if findings is None else findings
    said = {item.id: then for item in known if (then := _said_of(item, past)) is not None}
    reviews = replace(state.reviews, findings=said)
    return replace(state, tasks={**state.tasks, **views}, reviews=reviews)


def _said_of(finding: Finding, past: Mapping[TaskId, Collection[Sha]]) -> Finding | None:
    """What the finding was when these commits were the newest; None where it was not yet."""

    def by_then(tips: Mapping[TaskId, Sha]) -> bool:
        return all(tip in past.get(task, ()) for task, tip in tips.items())

    tips = tuple(filter(by_then, finding.tips))
    if not tips:
        return None
    proofs = tuple(item for item in finding.proofs if by_then(item.tips))
    opinions = tuple(item for item in finding.opinions if by_then(item.tips))
    return replace(finding, tips=tips, proofs=proofs, opinions=opinions)


def units_of(state: State, step: FlowStep) -> tuple[Unit, ...]:
    """Who looks at the works, with which lens; `state` is that of `at_works`."""
    agents = reviewers(state, members_of(state, step))
    named = [str(lens) for lens in step.spec.get("lenses") or ()]
    many = max(int(step.spec.get("reviewers") or 0), len(named), 1)
    members = members_of(state, step)
    kind = "interaction" if len(members) > 1 else "branch" if step.commits else "audit"
    found = []
    for number in range(many if agents else 0):
        agent = agents[number % len(agents)]
        unit = unit_of(state, kind, _lens(named, number), agent, members)
        # Equal calls are never merged: each has reviewers of its own.
        found.append(replace(unit, key=digest(unit.key, step.key)))
    return tuple(found)


def _lens(named: list[str], number: int) -> str:
    if not named:
        return lens_name(number)
    rounds, at = divmod(number, len(named))
    return named[at] + (f" {rounds + 1}" if rounds else "")


def members_of(state: State, step: FlowStep) -> tuple[TaskId, ...]:
    """The tasks of the works; without one what stands for the base."""
    assert state.flow is not None
    works = state.flow.works
    return tuple(dict.fromkeys(works[commit].planned.id for commit in step.commits)) or (HEAD,)


def review_steps(state: State) -> tuple[list[ReviewStep], list[ReviewStep], list[SettleStep]]:
    """What is to be run for the reviews that are asked for, the sessions that they need, and
    the reviews that have come to their end."""
    flow = state.flow
    free: list[ReviewStep] = []
    sessions: list[ReviewStep] = []
    settled: list[SettleStep] = []
    if flow is None or flow.ended is not None:
        return free, sessions, settled
    begun: set[ActionKey] = set()
    about = _by_task(state.reviews.findings.values())
    for step in flow.current:
        if step.kind != "review" or not step.open:
            continue
        members = members_of(state, step)
        then = at_works(state, step, {it.id: it for name in members for it in about[name]}.values())
        units = units_of(then, step)
        asked = [Review(unit, next_try(then, unit)) for unit in units if not over(then, unit)]
        found = _findings(then, members)
        proofs, opinions = _wanted(then, found)
        # Two reviews may want the same of one finding: one does it, for the other it is known then.
        free += [ReviewStep(step.key, item) for item in proofs if item.key not in begun]
        sessions += [ReviewStep(step.key, unit) for unit in asked]
        sessions += [ReviewStep(step.key, item) for item in opinions if item.key not in begun]
        begun |= {item.key for item in proofs} | {item.key for item in opinions}
        if not (asked or proofs or opinions):
            settled.append(_outcome(then, step, units, found))
    return free, sessions, settled


def _by_task(findings: Iterable[Finding]) -> Mapping[TaskId, list[Finding]]:
    """The findings of each task that they name: there are many, and each review is of few."""
    found: dict[TaskId, list[Finding]] = defaultdict(list)
    for finding in findings:
        for task in finding.subjects:
            found[task].append(finding)
    return found


def _findings(state: State, members: tuple[TaskId, ...]) -> list[Finding]:
    """All findings on these branches, earlier ones too: what was shown once has to be gone."""
    return [
        finding
        for finding in state.reviews.findings.values()
        if set(finding.subjects) <= set(members)
    ]


def _wanted(state: State, found: list[Finding]) -> tuple[list[Reproduce], list[Refute]]:
    proofs: list[Reproduce] = []
    opinions: list[Refute] = []
    for finding in found:
        waits_for = judgement(state, finding).pending
        if waits_for == "proof":
            proofs.append(Reproduce(finding.id, tips(state, finding.subjects)))
        elif waits_for == "opinions":
            for lens in wanted_opinions(state, finding):
                number = sum(1 for item in finding.opinions if item.lens == lens) + 1
                now = tips(state, finding.subjects)
                opinions.append(Refute(finding.id, lens, refuter(state), number, now))
    return proofs, opinions


def _outcome(
    state: State, step: FlowStep, units: tuple[Unit, ...], found: list[Finding]
) -> SettleStep:
    """The Review that the script gets; an error where every reviewer failed."""
    ended = [state.reviews.units[unit.key] for unit in units]
    if not any(item.ok for item in ended):
        reason = next((item.reason for item in ended if item.reason), "no reviewer is named")
        told = f"no reviewer gave a verdict: {reason}"
        return SettleStep(e.StepFailed(step.key, "StepFailed", told, {"reason": told}))
    confirmed, concerns, unclear = [], [], []
    for finding in found:
        judged = judgement(state, finding)
        if not judged.open:
            continue  # fixed, refuted, or claimed of nothing that is there now
        if judged.verdict == CONFIRMED:
            confirmed.append(_told(finding, judged))
        elif finding.reproducer is None:
            concerns.append(_told(finding, judged))
        else:
            unclear.append(_told(finding, judged))
    unclear += [
        {"title": f"no verdict from {item.lens}", "why": item.reason, "verdict": NO_VERDICT}
        for item in ended
        if not item.ok
    ]
    review = {
        "works": step.spec["works"],
        "confirmed": confirmed,
        "concerns": concerns,
        "no_verdict": unclear,
    }
    return SettleStep(e.StepAnswered(step.key, {"review": review}))


def _told(finding: Finding, judged: Judgement) -> dict[str, Any]:
    claim, proof = finding.claim, judged.proof
    return {
        "id": finding.id,
        "title": claim.title,
        "severity": claim.severity,
        "path": claim.path,
        "line": claim.line or None,
        "why": f"{claim.why}\n{judged.why}".strip(),
        "verdict": judged.verdict,
        "reproduce": finding.reproducer.command if finding.reproducer is not None else "",
        "proof": proof.proof if proof is not None and judged.verdict == CONFIRMED else "",
    }
