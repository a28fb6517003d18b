"""Where the reviews of a run stand: what `replay_reviews` folds their events into."""

from dataclasses import dataclass, field

from wtman.core.events_reviews import Coupled, Refuted, Reproduced, Reviewed
from wtman.core.findings import Claim, Reproducer
from wtman.core.model import Sha, TaskId


@dataclass(frozen=True, slots=True)
class Unit:
    """One review that is wanted: who looks at what, with which lens."""

    key: str
    kind: str
    lens: str
    agent: str
    members: tuple[TaskId, ...]
    tips: dict[TaskId, Sha]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A claim with everything that the journal says of it.

    `tips` are those that it was last claimed of; `proofs` the matrices of its reproducer, the
    newest last; `opinions` the refuters' words, of the tips that they saw.
    """

    id: str
    claim: Claim
    kind: str  # of the review that claimed it: branch, interaction, completeness
    members: tuple[TaskId, ...]  # what that review looked at
    tips: dict[TaskId, Sha]
    reviewers: tuple[str, ...] = ()  # "lens by agent"
    reproducer: Reproducer | None = None
    proofs: tuple[Reproduced, ...] = ()
    opinions: tuple[Refuted, ...] = ()
    spare: tuple[Reproducer, ...] = ()  # further proofs, run where those before show nothing


@dataclass(frozen=True, slots=True)
class Reviews:
    """All reviews of a run. `units` holds the newest try at each, `tries` how many counted."""

    units: dict[str, Reviewed] = field(default_factory=dict)
    findings: dict[str, Finding] = field(default_factory=dict)
    coupled: Coupled | None = None
    tries: dict[str, int] = field(default_factory=dict)
