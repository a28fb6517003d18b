import unittest

from shop.catalog import Catalog, Product
from shop.money import Money

TEA = Product("tea", "Green tea", Money(450))


class CatalogTest(unittest.TestCase):
    def test_it_finds_a_product(self):
        self.assertEqual(Catalog([TEA]).find("tea"), TEA)

    def test_it_says_what_it_does_not_have(self):
        with self.assertRaisesRegex(LookupError, "no product 'milk'"):
            Catalog([TEA]).find("milk")
