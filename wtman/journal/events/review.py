"""Events of reviews: what reviewers, refuters and the reproducer matrix said, of which tips."""

from wtman.journal.events.event import Event
from wtman.model.finding import Cell, Claim, Reproducer
from wtman.model.ids import RunId, Sha, TaskId
from wtman.model.session import Usage
from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class Coupling:
    """Branches that meet, in paths, hunks or imports; `why` in words."""

    members: tuple[TaskId, ...]
    why: str


@dataclass(frozen=True, slots=True)
class ProgramsSeen(Event):
    """What the programs among reviewers and refuters are made of from now on, by agent: what an
    earlier one said is no answer of these."""

    programs: dict[str, str]


@dataclass(frozen=True, slots=True)
class Coupled(Event):
    """Which branches meet, as far as these tips go: these couplings and no others."""

    tips: dict[TaskId, Sha]
    couplings: tuple[Coupling, ...]


@dataclass(frozen=True, slots=True)
class Reviewed(Event):
    """A review session is over. `ok` False: it gave no verdict, which approves nothing.

    `unit` is the content key of what it looked at, with which lens and by whom; `number`
    counts the tries at it. `kind` is branch, interaction or completeness.
    """

    unit: str
    kind: str
    lens: str
    agent: str
    members: tuple[TaskId, ...]
    tips: dict[TaskId, Sha]
    ok: bool
    number: int = 1
    reason: str = ""
    claims: tuple[Claim, ...] = ()
    problems: tuple[str, ...] = ()
    usage: Usage = Usage()
    session: str = ""
    seconds: float = 0.0
    sessions: int = 1
    fatal: str = ""
    limited: bool = False  # its provider turned it away: tried again later
    stopped: bool = False  # somebody stopped it: that says nothing of what it looked at
    apart: bool = False  # its branches do not merge: there was nothing to look at

    @property
    def counts(self) -> bool:
        """Whether it is one of the tries that a review has."""
        return self.ok or not (self.fatal or self.limited or self.stopped)


@dataclass(frozen=True, slots=True)
class Reproduced(Event):
    """A reproducer was run on base, branches and combination. `kind` is that of `MatrixResult`."""

    finding: str
    proof: str  # key of the reproducer
    members: tuple[TaskId, ...]
    tips: dict[TaskId, Sha]
    cells: tuple[Cell, ...]
    kind: str
    culprits: tuple[TaskId, ...] = ()
    reason: str = ""
    evidence: str = ""  # what it said where it failed, bounded
    by_hand: str = ""  # a line for the shell
    meant: str = ""  # what speaks for it that the branch was asked for the change


@dataclass(frozen=True, slots=True)
class Refuted(Event):
    """A refuter's word on a claim without proof: `refuted`, `confirmed`, `cannot tell`, or
    empty: no verdict. With a reproducer the claim is a proven one from then on, or thrown out."""

    finding: str
    lens: str
    agent: str
    tips: dict[TaskId, Sha]
    answer: str = ""
    evidence: str = ""
    reproducer: Reproducer | None = None
    reason: str = ""  # why there is no answer
    usage: Usage = Usage()
    seconds: float = 0.0
    sessions: int = 1
    fatal: str = ""
    limited: bool = False
    stopped: bool = False

    @property
    def counts(self) -> bool:
        """Whether it is one of the tries that a refuter has."""
        return bool(self.answer) or not (self.fatal or self.limited or self.stopped)


@dataclass(frozen=True, slots=True)
class FindingsTaken(Event):
    """The run `by` was made to fix what this one has confirmed."""

    by: RunId
