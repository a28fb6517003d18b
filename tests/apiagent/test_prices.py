"""What responses cost."""

import pytest

from wtman.apiagent.prices import Tokens, cost, price_of


@pytest.mark.parametrize(
    "model, tokens, dollars",
    [
        ("claude-opus-5-5", Tokens(fresh=1_000_000), 4.0),
        ("claude-opus-5-5", Tokens(output=1_000_000), 20.0),
        ("claude-opus-5-5", Tokens(cache_read=1_000_000), 0.20),
        ("claude-opus-5-5", Tokens(write_5m=1_000_000), 5.0),
        ("claude-opus-5-5", Tokens(write_1h=1_000_000), 8.0),
        ("claude-haiku-4-5-20251001", Tokens(1000, 1000), 0.006),
        ("claude-haiku-5-5", Tokens(100_000, 1000), 0.0105),
        ("claude-haiku-5-5", Tokens(60_000, 1000, cache_read=40_001), 0.0345 + 0.04 * 0.05 / 1000),
        ("gpt", Tokens(1, 1), None),
        ("claude-opus-5-5x", Tokens(1, 1), None),
    ],
)
def test_cost(model: str, tokens: Tokens, dollars: float | None) -> None:
    found = cost(model, tokens)
    assert found == (None if dollars is None else pytest.approx(dollars, rel=1e-4))


def test_every_price_makes_sense() -> None:
    from wtman.apiagent.prices import PRICES

    for model, price in PRICES.items():
        assert 0 < price.read < 1
        assert 0 < price.input < price.output
        assert price_of(f"{model}-20260101") == price
