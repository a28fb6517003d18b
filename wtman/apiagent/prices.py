"""What a model costs, for agents that count tokens and no money.

The table is the public price list of the Claude models as of 2026-11-22
(platform.claude.com, "Pricing"), US dollars per million tokens, standard tier.
It promises nothing for a model that it does not know: the cost is then unknown,
never a guess. Long prompts of a model with two tiers pay the higher one whole.
"""

import re
from dataclasses import dataclass

# Writing to the cache costs more than plain input: by how much, for 5 minutes and an hour.
WRITE_5M, WRITE_1H = 1.25, 2.0


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars per million tokens; `read` is the part of the input price that a cache hit costs."""

    input: float
    output: float
    read: float = 0.1


@dataclass(frozen=True, slots=True)
class Tokens:
    """What one response was billed for. `fresh` input came from no cache and went into none."""

    fresh: int = 0
    output: int = 0
    cache_read: int = 0
    write_5m: int = 0
    write_1h: int = 0

    @property
    def prompt(self) -> int:
        """All that the model read."""
        return self.fresh + self.cache_read + self.write_5m + self.write_1h


PRICES = {
    "claude-fable-5-1": Price(10, 50, 0.025),
    "claude-mythos-5-1": Price(10, 50, 0.025),
    "claude-fable-5": Price(10, 50),
    "claude-mythos-5": Price(10, 50),
    "claude-opus-5-5": Price(4, 20, 0.05),
    "claude-opus-5": Price(5, 25),
    "claude-opus-4-8": Price(5, 25),
    "claude-opus-4-7": Price(5, 25),
    "claude-opus-4-6": Price(5, 25),
    "claude-opus-4-5": Price(5, 25),
    "claude-sonnet-5-5": Price(2, 10, 0.05),
    "claude-sonnet-5": Price(2, 10),
    "claude-sonnet-4-6": Price(3, 15),
    "claude-sonnet-4-5": Price(3, 15),
    "claude-haiku-5-5": Price(0.10, 0.50),
    "claude-haiku-4-5": Price(1, 5),
}
# From so many tokens of prompt on, another price.
LONG = {"claude-haiku-5-5": (100_000, Price(0.50, 2.50))}


def price_of(model: str, prompt: int = 0) -> Price | None:
    """The price of a model for a prompt of that many tokens; None where it is not known."""
    name = re.sub(r"-20\d{6}$", "", model)
    most, long = LONG.get(name, (0, None))
    return long if long is not None and prompt > most else PRICES.get(name)


def cost(model: str, tokens: Tokens) -> float | None:
    """Dollars for one response; None where the model has no known price."""
    price = price_of(model, tokens.prompt)
    if price is None:
        return None
    cached = (
        tokens.cache_read * price.read + tokens.write_5m * WRITE_5M + tokens.write_1h * WRITE_1H
    )
    return ((tokens.fresh + cached) * price.input + tokens.output * price.output) / 1_000_000
