"""What a customer is about to buy."""

from shop.catalog import Catalog
from shop.money import Money


class Cart:
    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.counts: dict[str, int] = {}

    def add(self, sku: str, count: int = 1) -> None:
        if count < 1:
            raise ValueError(f"cannot add {count} of {sku}")
        self.catalog.find(sku)
        self.counts[sku] = self.counts.get(sku, 0) + count

    def total(self) -> Money:
        amount = Money(0)
        for sku, count in self.counts.items():
            amount = amount + self.catalog.find(sku).price * count
        return amount
