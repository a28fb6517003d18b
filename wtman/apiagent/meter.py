"""Tokens, money and turns of a session, and whether a cap is reached.

Counts every response that was begun, also those that failed on the way: they are
billed. Money is unknown as soon as one model has no known price.
"""

from dataclasses import dataclass, field
from math import inf
from typing import Any

from wtman.apiagent.events import Ending
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

    def reached(self, options: Options) -> Ending | None:
        """The cap that forbids another response."""
        for now, most, subtype, words in self._caps(options):
            if most and now >= most:
                terminal = "max_turns" if subtype == "error_max_turns" else "budget_exhausted"
                return Ending(subtype, error=f"Reached maximum {words}", terminal=terminal)
        return None

    def nearly(self, options: Options) -> bool:
        """Whether four fifths of a cap are used up."""
        return any(most and now >= 0.8 * most for now, most, *_ in self._caps(options))

    def _caps(self, options: Options) -> tuple[tuple[float, float, str, str], ...]:
        """For each cap: what is used, the cap, and how it is called."""
        turns, tokens, dollars = options.max_turns, options.max_tokens, options.max_usd
        # A price that became unknown on the way may already be above any cap.
        spent = inf if self.usd is None else self.usd
        return (
            (self.turns, turns, "error_max_turns", f"number of turns ({turns})"),
            (self.tokens, tokens, "error_max_budget_tokens", f"number of tokens ({tokens})"),
            (spent, dollars, "error_max_budget_usd", f"budget (${dollars:g})"),
        )


def priced(model: str) -> bool:
    return cost(PROVIDER, model, Usage(1)) is not None
