import unittest

from shop.money import Money


class MoneyTest(unittest.TestCase):
    def test_it_adds_subtracts_and_multiplies_without_rounding(self):
        self.assertEqual(Money(10) + Money(20), Money(30))
        self.assertEqual(Money(10) - Money(25), Money(-15))
        self.assertEqual(Money(333) * 3, Money(999))

    def test_it_reads_well(self):
        self.assertEqual(str(Money(123456)), "1234.56 EUR")
        self.assertEqual(str(Money(-5)), "-0.05 EUR")

    def test_currencies_do_not_mix(self):
        with self.assertRaises(ValueError):
            Money(1, "EUR") + Money(1, "USD")
