"""Tests of the cart."""

import unittest

from shop.cart import Cart
from shop.catalog import Catalog


class CartTest(unittest.TestCase):
    def test_it_sums_up(self):
        cart = Cart(Catalog({"tea": 450, "cup": 1200}))
        cart.add("tea", 2)
        cart.add("cup")
        self.assertEqual(cart.total(), 2100)
