"""What tokens cost, by the price lists of `genai-prices`.

The lists come with the package: nothing is fetched. A model that they do not name has no price,
never a guess. The library is imported late, for it takes a while.
"""

from wtman.model.session import Usage


def providers() -> tuple[str, ...]:
    """Those whose prices are known, by the names that `cost` takes."""
    from genai_prices.data import providers as listed

    return tuple(one.id for one in listed)


def cost(
    provider: str,
    model: str,
    usage: Usage,
    *,
    written: int = 0,
    written_1h: int = 0,
    requests: int = 1,
) -> float | None:
    """Dollars; None where the provider has no known price for the model.

    `written` are those of the input that went into a cache, `written_1h` those of them that
    stay there for an hour. A long prompt may have a price of its own: `requests` says of how
    many alike the figures are the sum.
    """
    from genai_prices import Usage as Billed
    from genai_prices import calc_price

    billed = Billed(
        input_tokens=usage.input_tokens / requests,
        output_tokens=usage.output_tokens / requests,
        cache_read_tokens=usage.cached_tokens / requests,
        cache_write_tokens=written / requests,
        cache_write_1h_tokens=written_1h / requests,
    )
    # The lists leave out Mythos, which costs what Fable of the same number does.
    name = model.replace("claude-mythos-", "claude-fable-")
    try:
        return float(calc_price(billed, name, provider_id=provider).total_price) * requests
    except LookupError:
        return None
