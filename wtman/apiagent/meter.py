"""Tokens, money and turns of a session, and whether a cap is reached.

Counts every response that was begun, also those that failed on the way: they are
billed. Money is unknown as soon as one model has no known price.
"""

from dataclasses import dataclass, field
from typing import Any

from wtman.apiagent.options import Options
from wtman.model.session import Usage
from wtman.prices import cost

PROVIDER = "anthropic"
KEYS = (
    "input_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "output_tokens",
)


@dataclass(frozen=True)
class CapReached:
    """A cap that is reached: the subtype of the result, and one line for people."""

    subtype: str
    reason: str


@dataclass
class Meter:
    """What was used so far."""

    usage: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KEYS, 0))
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    usd: float | None = 0.0
    turns: int = 0
    prompt: int = 0  # tokens that the last whole response read

    @property
    def tokens(self) -> int:
        return sum(self.usage.values())

    def add(self, model: str, usage: Any) -> dict[str, int]:
        """Count a response, from the `usage` of the SDK; its four numbers."""
        found = {key: int(getattr(usage, key, None) or 0) for key in KEYS}
        split = getattr(usage, "cache_creation", None)
        hour = int(getattr(split, "ephemeral_1h_input_tokens", None) or 0)
        written = found["cache_creation_input_tokens"]
        cached = found["cache_read_input_tokens"]
        used = Usage(found["input_tokens"] + written + cached, found["output_tokens"], None, cached)
        price = cost(PROVIDER, model, used, written=written, written_1h=min(hour, written))
        self.usd = None if self.usd is None or price is None else self.usd + price
        for key, number in found.items():
            self.usage[key] += number
        self._count(model, found, price)
        return found

    def _count(self, model: str, found: dict[str, int], price: float | None) -> None:
        names = ("inputTokens", "cacheCreationInputTokens", "cacheReadInputTokens", "outputTokens")
        entry = self.models.setdefault(model, {**dict.fromkeys(names, 0), "costUSD": 0.0})
        for name, key in zip(names, KEYS, strict=True):
            entry[name] += found[key]
        known = entry["costUSD"] is not None and price is not None
        entry["costUSD"] = entry["costUSD"] + price if known else None

    def reached(self, options: Options) -> CapReached | None:
        """The cap that forbids another response."""
        if options.max_turns and self.turns >= options.max_turns:
            reason = f"Reached maximum number of turns ({options.max_turns})"
            return CapReached("error_max_turns", reason)
        if options.max_tokens and self.tokens >= options.max_tokens:
            reason = f"Reached maximum number of tokens ({options.max_tokens})"
            return CapReached("error_max_budget_tokens", reason)
        # A price that became unknown on the way may already be above any cap.
        if options.max_usd and (self.usd is None or self.usd >= options.max_usd):
            reason = f"Reached maximum budget (${options.max_usd:g})"
            return CapReached("error_max_budget_usd", reason)
        return None

    def nearly(self, options: Options) -> bool:
        """Whether four fifths of a cap are used up."""
        used = (
            (self.turns, options.max_turns),
            (self.tokens, options.max_tokens),
            (self.usd or 0.0, options.max_usd),
        )
        return any(most and now >= 0.8 * most for now, most in used)


def priced(model: str) -> bool:
    return cost(PROVIDER, model, Usage(1)) is not None
