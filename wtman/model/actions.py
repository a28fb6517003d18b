"""Actions that no domain owns."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cool:
    """Wait before a provider that turned sessions away is asked again."""

    seconds: float

    @property
    def key(self) -> str:
        return "cool"


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop the running action of this key politely."""

    target: str

    @property
    def key(self) -> str:
        return f"cancel/{self.target}"


@dataclass(frozen=True, slots=True)
class Park:
    """Journal that the run is parked; nothing is performed."""

    reason: str
    hint: str = ""

    @property
    def key(self) -> str:
        return "park"
