"""Tests of the catalogue."""

import unittest

from shop.catalog import Catalog


class CatalogTest(unittest.TestCase):
    def test_it_knows_its_prices(self):
        self.assertEqual(Catalog({"tea": 450}).price("tea"), 450)

    def test_it_says_what_it_does_not_have(self):
        with self.assertRaisesRegex(LookupError, "no product 'milk'"):
            Catalog({"tea": 450}).price("milk")
