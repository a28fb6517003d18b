"""What reviews say of tasks: which are wanted, what they come to, and who has to fix what.

Pure, and derived anew from the journal each time, so that nothing is reviewed twice for the
same tips and a settled claim does not come back. An executed reproducer outranks any number
of opinions; a reviewer or refuter that crashed approves nothing and refutes nothing.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Literal

from wtman.journal.events import Refuted, Reproduced, Reviewed
from wtman.journal.state import Finding, State, TaskView, Unit, digest
from wtman.model.finding import DISPROVES, DOUBTFUL, SHOWS
from wtman.model.ids import Sha, TaskId
from wtman.model.plan import Role
from wtman.model.roles import agent_of_task, effort_of, is_program, key_of, model_of, review_agents
from wtman.model.settings import Settings
from wtman.model.values import dataclass

LENSES = ("correctness", "security", "tests", "interaction")
REFUTERS = ("does it happen", "is it meant")  # what each refuter of a claim asks itself
TRIES = 2  # sessions that a review or refutation gets before it is over without a verdict

CONFIRMED, REFUTED, NO_VERDICT = "confirmed", "refuted", "no verdict"
_TOLD, _TOLD_LEAST = 5600, 800  # characters on all findings to fix, and of each at least


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a finding comes to, as its branches are now.

    `pending`: what has to be run before that can be said. `open`: it holds for the tips
    as they are now; a confirmed finding that is not open was fixed. `culprits`: whom a proof
    names. `fixer`: who has to fix it.
    """

    verdict: str
    blocking: bool = False
    open: bool = False
    culprits: tuple[TaskId, ...] = ()
    fixer: tuple[TaskId, ...] = ()
    why: str = ""
    proof: Reproduced | None = None
    pending: Literal["", "proof", "opinions"] = ""


_FOR_PROOF = Judgement(NO_VERDICT, open=True, why="its reproducer is to be run", pending="proof")
_FOR_OPINIONS = Judgement(
    NO_VERDICT, open=True, why="refuters are to look at it", pending="opinions"
)


def reviewers(state: State, works: Iterable[TaskId] = ()) -> tuple[str, ...]:
    """The agents that review these works, in turn; none: there are no reviews."""
    views = (state.tasks[task] for task in works if task in state.tasks)
    authors = {
        agent_of_task(state.settings, state.roles, view.task) for view in views if not view.external
    }
    return review_agents(state.settings, state.roles.get("reviewer"), authors)


def refuter(state: State) -> str:
    """The agent that refutes claims without proof, or nothing."""
    role = state.roles.get("refuter")
    named = state.settings.roles.get("refuter") or (role.agent if role is not None else "")
    if named:
        return named
    able = [agent for agent in (*reviewers(state), state.settings.agent) if not is_program(agent)]
    return able[0] if able and reviewers(state) else ""


def tips(state: State, members: tuple[TaskId, ...]) -> dict[TaskId, Sha]:
    """The tips of these tasks as they are now."""
    return {task: state.tasks[task].head for task in members if task in state.tasks}


# --- which reviews are wanted -------------------------------------------------------------------


def branch_units(state: State, task: TaskId) -> tuple[Unit, ...]:
    """The reviews that a task's tip gets by itself: one round more as long as fewer than are
    wanted were dry, which is when all have answered and nothing is left to prove or to fix."""
    agents = reviewers(state, (task,)) if state.flow is None else ()
    each = state.settings.reviewers if agents else 0
    found: list[Unit] = []
    for dry in range(max(state.settings.dry_rounds, 1)):
        if dry and not _is_dry(state, task, found):
            break
        found += (
            unit_of(state, "branch", lens_name(number), agents[number % len(agents)], (task,))
            for number in range(dry * each, (dry + 1) * each)
        )
    return tuple(found)


def _is_dry(state: State, task: TaskId, units: Sequence[Unit]) -> bool:
    """Whether these reviews of a tip have come to nothing."""
    if not all(over(state, unit) for unit in units) or blockers(state, task):
        return False
    return not any(
        item.pending for finding, item in about(state, task) if finding.subjects[1:] == ()
    )


def lens_name(number: int) -> str:
    """The lens of the n-th reviewer; more reviewers than lenses look again with the same ones."""
    rounds, at = divmod(number, len(LENSES))
    return LENSES[at] + (f" {rounds + 1}" if rounds else "")


def interaction_units(state: State) -> tuple[Unit, ...]:
    """The reviews of branches that meet, each on their trial merge."""
    coupled = state.reviews.coupled
    if coupled is None or not reviewers(state):
        return ()
    return tuple(
        unit_of(
            state,
            "interaction",
            "interaction",
            reviewers(state, pair.members)[0],
            pair.members,
            pair.why,
        )
        for pair in coupled.couplings
        if all(state.tasks.get(name) is not None for name in pair.members)
        and tips(state, pair.members) == {name: coupled.tips.get(name) for name in pair.members}
    )


def unit_of(
    state: State, kind: str, lens: str, agent: str, members: tuple[TaskId, ...], why: str = ""
) -> Unit:
    """A unit under the key of all that it sees."""
    now = tips(state, members)
    seen = [f"{task} {state.tasks[task].start} {head}" for task, head in sorted(now.items())]
    role = state.roles.get("reviewer")
    asked = (agent, state.reviews.programs.get(agent, ""), *asked_as(state.settings, role, agent))
    key = _key("review", kind, lens, *asked, state.request, state.context, *seen)
    return Unit(key, kind, lens, agent, members, now, why)


# Every turn asks for the reviews of every task.
_key = lru_cache(maxsize=1 << 15)(digest)


def asked_as(settings: Settings, role: Role | None, agent: str) -> tuple[str, ...]:
    """How an agent is asked in a role: what its answers follow from besides the question."""
    return (key_of(role), model_of(settings, role, agent), effort_of(settings, role))


def over(state: State, unit: Unit) -> bool:
    """Whether a unit needs no session any more: it has an answer, or has had its tries."""
    done = state.reviews.units.get(unit.key)
    return done is not None and (done.ok or state.reviews.tries.get(unit.key, 0) >= TRIES)


def next_try(state: State, unit: Unit) -> int:
    """The number of the next session at a unit."""
    done = state.reviews.units.get(unit.key)
    return done.number + 1 if done is not None else 1


def silent(state: State, units: Sequence[Unit]) -> tuple[Reviewed, ...]:
    """Which of these reviews ended without a verdict."""
    done = (state.reviews.units.get(unit.key) for unit in units)
    return tuple(item for item in done if item is not None and not item.ok)


def unseen(state: State) -> tuple[Unit, ...]:
    """What was to be looked at as it is now and every reviewer failed on: of a branch one of its
    reviews. Where there is any, that nothing was found says nothing."""

    def failed(unit: Unit) -> bool:
        done = state.reviews.units.get(unit.key)
        return done is not None and not done.ok

    alone = (branch_units(state, task) for task in state.tasks)
    blind = (units[0] for units in alone if units and all(map(failed, units)))
    return (*blind, *filter(failed, interaction_units(state)))


def passes(state: State, task: TaskId) -> int:
    """How many tips of the task have been reviewed so far."""
    return len({item.tips[task] for item in state.reviews.units.values() if item.tips.get(task)})


# --- what a finding comes to --------------------------------------------------------------------


def judgement(state: State, finding: Finding) -> Judgement:
    """The finding's verdict for the tips as they are now."""
    named = finding.subjects
    if any(name not in state.tasks for name in named):
        return Judgement(NO_VERDICT, why="a branch that it is about is no longer in the plan")
    if lacking := [name for name in named if not state.tasks[name].head]:
        why = f"{', '.join(lacking)} has no work yet that it could be run on"
        return Judgement(NO_VERDICT, why=why)
    now = tips(state, named)
    proof = _shown_of(finding, now)
    before = next((item for item in reversed(finding.proofs) if _held(finding, item)), None)
    # Of a branch that its reviewer did not see it is claimed as it is.
    claimed = any(all(of.get(name, tip) == tip for name, tip in now.items()) for of in finding.tips)
    if finding.reproducer is not None and proof is None:
        if claimed or before is not None or _agreed(finding):
            return _FOR_PROOF
        return _stale(finding)
    if proof is not None and proof.kind in SHOWS:
        return _shown_by(state, finding, proof)
    if before is not None and proof is not None and before is not proof:
        if proof.kind in DISPROVES and proof.kind != "invalid":
            return Judgement(CONFIRMED, False, False, before.culprits, (), proof.reason, proof)
        # It passes nowhere any more, or only sometimes, or could not be run: that is no fix.
        why = f"not fixed: {proof.reason}"
        fixer = _fixer(state, before) or _last(state, _accused(before))
        return Judgement(CONFIRMED, True, True, _accused(before), fixer, why, proof)
    if proof is not None and proof.kind in DISPROVES:
        return Judgement(REFUTED, why=proof.reason, proof=proof)
    if not claimed and proof is None:
        return _stale(finding)
    return _by_opinion(state, finding, proof)


def _shown_of(finding: Finding, now: dict[TaskId, Sha]) -> Reproduced | None:
    """What the finding's proofs have shown of these tips; None: the newest is still to be run.

    A further proof that shows nothing does not undo what an earlier one left open.
    """
    seen = [item for item in finding.proofs if item.tips == now]
    newest = next((item for item in reversed(seen) if _is_of(finding, item)), None)
    if newest is None or newest.kind not in DISPROVES:
        return newest
    return next((item for item in reversed(seen) if item.kind not in DISPROVES), newest)


def _held(finding: Finding, proof: Reproduced) -> bool:
    """Whether the finding was confirmed by this proof, at the tips that it saw."""
    if proof.kind in SHOWS:
        return not (_needs_word(proof) and _refuted(finding))
    return proof.kind in DOUBTFUL and _agreed(finding)


def _is_of(finding: Finding, proof: Reproduced) -> bool:
    return finding.reproducer is not None and proof.proof == finding.reproducer.key


def _shown_by(state: State, finding: Finding, proof: Reproduced) -> Judgement:
    """What a proof that fails where the claim holds makes of it."""
    if _needs_word(proof):
        if _refuted(finding):
            return _by_opinion(state, finding, proof)
        if wanted_opinions(state, finding):
            return _FOR_OPINIONS
    fixer = _fixer(state, proof)
    return Judgement(CONFIRMED, True, True, proof.culprits, fixer, proof.reason, proof)


def _needs_word(proof: Reproduced) -> bool:
    """Whether refuters are heard although it fails only where the claim holds: in an audit there
    is no tree without the defect, and a change may have been meant."""
    return proof.kind == "defect" or (proof.kind == "regression" and bool(proof.meant))


def _stale(finding: Finding) -> Judgement:
    """Claimed of tips that are gone, never shown, and not claimed again."""
    verdict = REFUTED if _refuted(finding) else NO_VERDICT
    return Judgement(verdict, why="nobody claims it of its branch as it is now")


def _by_opinion(state: State, finding: Finding, proof: Reproduced | None) -> Judgement:
    why = proof.reason if proof is not None else "no reproducer"
    # First all of them: who answers sooner must not decide, a kill between two neither.
    if wanted_opinions(state, finding):
        return _FOR_OPINIONS
    if _refuted(finding):
        word = next(item for item in finding.opinions if item.answer == REFUTED)
        return Judgement(REFUTED, why=word.evidence or "refuted", proof=proof)
    culprits = tuple(finding.claim.branches)
    if proof is not None and proof.kind in DOUBTFUL and _agreed(finding):
        failing = tuple(
            name for name in culprits if any(c.tree == name and c.bad for c in proof.cells)
        )
        reason = f"fails, and every refuter takes the test to be right ({why})"
        fixer = _last(state, culprits)
        return Judgement(CONFIRMED, True, True, failing or culprits, fixer, reason, proof)
    blocks = bool({finding.claim.severity, "concern"} & set(state.settings.block_on))
    fixer = _last(state, culprits) if blocks else ()
    return Judgement(NO_VERDICT, blocks, True, culprits, fixer, why, proof)


def _refuted(finding: Finding) -> bool:
    words = [item.answer for item in finding.opinions]
    return words.count(REFUTED) > words.count(CONFIRMED)


def _agreed(finding: Finding) -> bool:
    """Whether every refuter that was to be asked has confirmed it."""
    words = {item.lens: item.answer for item in finding.opinions}
    return all(words.get(lens) == CONFIRMED for lens in REFUTERS)


def wanted_opinions(state: State, finding: Finding) -> tuple[str, ...]:
    """The lenses of refuters that have not had their say; each is asked once of a finding."""
    if not refuter(state):
        return ()
    tried = [item.lens for item in finding.opinions if item.counts]
    answered = {item.lens for item in finding.opinions if item.answer}
    return tuple(lens for lens in REFUTERS if lens not in answered and tried.count(lens) < TRIES)


def _fixer(state: State, proof: Reproduced) -> tuple[TaskId, ...]:
    return proof.culprits if proof.kind == "regression" else _last(state, proof.culprits)


def _last(state: State, names: tuple[TaskId, ...]) -> tuple[TaskId, ...]:
    """The last of them in the plan: it builds on what the others are."""
    return tuple(task for task in state.tasks if task in names)[-1:]


# --- what it means for a task -------------------------------------------------------------------


def about(state: State, task: TaskId) -> Iterator[tuple[Finding, Judgement]]:
    """The findings that concern a task, with what they come to."""
    for finding in state.reviews.findings.values():
        if task in finding.subjects:
            yield finding, judgement(state, finding)


def judgements(state: State) -> tuple[tuple[Finding, Judgement], ...]:
    """Every finding of the run with what it comes to."""
    return tuple((item, judgement(state, item)) for item in state.reviews.findings.values())


def blockers(state: State, task: TaskId) -> tuple[tuple[Finding, Judgement], ...]:
    """What the task has to fix before it may land. In a flow the script says what is fixed."""
    if state.flow is not None:
        return ()
    return tuple(
        (finding, found)
        for finding, found in about(state, task)
        if found.blocking and found.open and task in found.fixer
    )


def once_confirmed(state: State, members: Collection[TaskId]) -> tuple[Finding, ...]:
    """Findings that a proof has shown of these branches, fixed or not; a train of them must
    not have one of them again."""
    found = []
    for finding in state.reviews.findings.values():
        held = [item for item in finding.proofs if _held(finding, item)]
        if finding.reproducer is not None and held and set(_accused(held[-1])) <= set(members):
            found.append(finding)
    return tuple(found)


def _accused(proof: Reproduced) -> tuple[TaskId, ...]:
    return proof.culprits or proof.members


def fix_text(state: State, view: TaskView) -> str:
    """What the author's next session is told of the findings that it has to fix."""
    found = blockers(state, view.task.id)
    if not found:
        return ""
    share = max(_TOLD // len(found), _TOLD_LEAST)
    parts = [
        "Reviewers found what follows, and it was shown by running it. Fix the code, do not "
        "argue with the test:"
        if any(judged.verdict == CONFIRMED for _, judged in found)
        else "Reviewers found what follows, and it has to be settled before this may land:"
    ]
    for finding, judged in found:
        claim = finding.claim
        place = f" ({claim.path}{f':{claim.line}' if claim.line else ''})" if claim.path else ""
        head = [f"[{finding.id}] {claim.title}{place}", claim.why[: share // 4]]
        head.append(f"Shown: {judged.why}." if judged.verdict == CONFIRMED else judged.why)
        parts.append(_bounded("\n".join([*head, *_shown(finding, judged, share // 4)]), share))
    return "\n\n".join(parts)


def _bounded(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 16] + "\n... (cut here)"


def _shown(finding: Finding, judged: Judgement, most: int) -> list[str]:
    lines: list[str] = []
    if judged.proof is not None:
        table = ", ".join(f"{cell.tree}: {cell.result}" for cell in judged.proof.cells)
        lines.append(f"Matrix: {table}")
        if judged.proof.evidence:
            lines.append(judged.proof.evidence[-most:])
    if finding.reproducer is not None:
        lines.append(f"It has to pass: {finding.reproducer.command}")
        if finding.reproducer.patch:
            lines.append(f"with this test added:\n{finding.reproducer.patch.rstrip()}")
    return lines


def words_on(event: Refuted) -> str:
    """One line on a refuter's word."""
    return f"{event.lens}: {event.answer or 'no verdict'}" + (
        f" ({event.evidence or event.reason})" if event.evidence or event.reason else ""
    )


def is_audit(state: State) -> bool:
    """Whether the run changes nothing and its reviews are of what was there before."""
    flow = state.flow
    if flow is None or flow.wanted or not state.tasks:
        return False
    return all(view.external and view.head == view.start for view in state.tasks.values())
