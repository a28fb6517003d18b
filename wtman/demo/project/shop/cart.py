"""What a customer is about to buy."""

from shop.catalog import Catalog


class Cart:
    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.counts: dict[str, int] = {}

    def add(self, sku: str, count: int = 1) -> None:
        self.catalog.price(sku)
        self.counts[sku] = self.counts.get(sku, 0) + count

    def total(self) -> int:
        return sum(self.catalog.price(sku) * count for sku, count in self.counts.items())
