"""What the shop sells. Prices are whole cents."""


class Catalog:
    def __init__(self, prices: dict[str, int]) -> None:
        self._prices = dict(prices)

    def price(self, sku: str) -> int:
        if sku not in self._prices:
            raise LookupError(f"no product {sku!r}")
        return self._prices[sku]

    def products(self) -> list[str]:
        return sorted(self._prices)

    def __len__(self) -> int:
        return len(self._prices)
