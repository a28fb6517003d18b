"""What may be asked of the planner."""

from dataclasses import dataclass

from wtman.model.ids import Sha


@dataclass(frozen=True, slots=True)
class MakePlan:
    """Have a planner cut the request into tasks."""

    attempt: int
    agent: str
    base: Sha
    max_usd: float = 0.0  # of all its sessions; 0 is none
    max_tokens: int = 0

    @property
    def key(self) -> str:
        return "plan"
