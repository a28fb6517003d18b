"""What the shop sells."""

from dataclasses import dataclass

from shop.money import Money


@dataclass(frozen=True)
class Product:
    sku: str
    name: str
    price: Money


class Catalog:
    def __init__(self, products: list[Product]) -> None:
        self._products = {product.sku: product for product in products}

    def find(self, sku: str) -> Product:
        try:
            return self._products[sku]
        except KeyError:
            raise LookupError(f"no product {sku!r}") from None

    def __len__(self) -> int:
        return len(self._products)
