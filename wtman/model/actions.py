"""Actions that no domain owns."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Wait before a provider that turned sessions away is asked again."""

    seconds: float

    @property
    def key(self) -> str:
        return "backoff"


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop the running action of this key politely."""

    target: str

    @property
    def key(self) -> str:
        return f"cancel/{self.target}"


@dataclass(frozen=True, slots=True)
class Pause:
    """Journal that the run is paused; nothing is performed."""

    reason: str
    hint: str = ""

    @property
    def key(self) -> str:
        return "pause"
