import unittest

from shop.cart import Cart
from shop.catalog import Catalog, Product
from shop.money import Money

CATALOG = Catalog([Product("tea", "Green tea", Money(450)), Product("cup", "Cup", Money(1200))])


class CartTest(unittest.TestCase):
    def test_an_empty_cart_costs_nothing(self):
        self.assertEqual(Cart(CATALOG).total(), Money(0))

    def test_it_sums_up(self):
        cart = Cart(CATALOG)
        cart.add("tea", 2)
        cart.add("cup")
        cart.add("tea")
        self.assertEqual(cart.total(), Money(3 * 450 + 1200))

    def test_it_refuses_nonsense(self):
        cart = Cart(CATALOG)
        with self.assertRaises(ValueError):
            cart.add("tea", 0)
        with self.assertRaises(LookupError):
            cart.add("milk")
