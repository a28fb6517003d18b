"""A run that only looks: an audit of the repository as it stands, told by what it found. Pure."""

import shlex

from wtman.journal.state import Finding, State
from wtman.model.values import dataclass
from wtman.review.judgement import CONFIRMED, REFUTED, Judgement, judgements

_WORST = ("blocker", "major", "minor")


@dataclass(frozen=True, slots=True)
class AuditFindings:
    """Its findings by what they came to, each the worst first."""

    confirmed: tuple[tuple[Finding, Judgement], ...]
    concerns: tuple[tuple[Finding, Judgement], ...]
    refuted: int

    @property
    def words(self) -> str:
        """What it came to, in a few words."""
        return f"{len(self.confirmed)} confirmed" if self.confirmed else "nothing confirmed"


def fix_command(state: State) -> str:
    """What fixes what an audit has confirmed, with the agents that it was given; where a run was
    made for that, how that stands."""
    if state.reviews.taken:
        return f"wtman status {state.reviews.taken}"
    flags = state.configured.flags if state.configured is not None else ()
    words = ["wtman", "split", "--findings", state.run]
    if "agent" in flags and state.settings.agent:
        words += ["--agent", state.settings.agent]
    for agent in state.settings.reviewed_by if "reviewed_by" in flags else ():
        words += ["--reviewer", agent]
    return shlex.join(words)


def audit_findings(state: State) -> AuditFindings:
    """What an audit has found so far."""
    found = sorted(judgements(state), key=lambda it: _WORST.index(it[0].claim.severity))
    confirmed = tuple(item for item in found if item[1].verdict == CONFIRMED and item[1].open)
    refuted = sum(judged.verdict == REFUTED for _, judged in found)
    concerns = tuple(item for item in found if item[1].open and item[1].verdict != CONFIRMED)
    return AuditFindings(confirmed, concerns, refuted)
