"""What may be asked of reviews."""

from dataclasses import dataclass

from wtman.journal.state import Unit
from wtman.model.ids import Sha, TaskId


@dataclass(frozen=True, slots=True)
class Couple:
    """Find out which of these tips meet, in paths, hunks or imports."""

    tips: tuple[tuple[TaskId, Sha], ...]

    @property
    def key(self) -> str:
        return "couple"


@dataclass(frozen=True, slots=True)
class Review:
    """One review session: `unit` says who looks at what, with which lens."""

    unit: Unit
    number: int
    max_usd: float = 0.0
    max_tokens: int = 0

    @property
    def key(self) -> str:
        return f"review/{self.unit.key}"


@dataclass(frozen=True, slots=True)
class Reproduce:
    """Run the finding's reproducer on base, each branch and all of them together."""

    finding: str
    members: tuple[TaskId, ...]
    tips: dict[TaskId, Sha]

    @property
    def key(self) -> str:
        return f"reproduce/{self.finding}"


@dataclass(frozen=True, slots=True)
class Refute:
    """One session of a refuter on a claim that nothing has proven."""

    finding: str
    lens: str
    agent: str
    number: int
    tips: dict[TaskId, Sha]
    max_usd: float = 0.0
    max_tokens: int = 0

    @property
    def key(self) -> str:
        return f"refute/{self.finding}/{self.lens}"
