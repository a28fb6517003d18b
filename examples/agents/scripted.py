#!/usr/bin/env python3
"""An agent that needs no model: it knows the tasks of shop-plan.toml by heart.

wtman starts it like any other `command:` agent: in the worktree of its task, with
the prompt on stdin and the task's id in WTMAN_TASK. It edits files and ends; wtman
commits what it left. Exit status 0 says that the work is done. Run twice, it
changes nothing the second time.
"""

import os
import sys
from pathlib import Path

VOUCHERS = '''"""Vouchers: so many percent off, or so much money off."""

from dataclasses import dataclass

from shop.money import Money


@dataclass(frozen=True)
class Voucher:
    code: str
    percent: int = 0
    amount: Money = Money(0)

    def __post_init__(self) -> None:
        if not 0 <= self.percent <= 100 or self.amount.cents < 0:
            raise ValueError(f"voucher {self.code}: a discount must be a discount")
        if bool(self.percent) == bool(self.amount.cents):
            raise ValueError(f"voucher {self.code}: either a percentage or an amount")

    def take_off(self, total: Money) -> Money:
        """What is left to pay, never below zero; part cents stay with the shop."""
        if self.percent:
            return total - Money(total.cents * self.percent // 100, total.currency)
        return max(total - self.amount, Money(0, total.currency))
'''

TEST_VOUCHERS = """import unittest

from shop.money import Money
from shop.vouchers import Voucher


class VoucherTest(unittest.TestCase):
    def test_a_percentage_rounds_in_the_favour_of_the_shop(self):
        self.assertEqual(Voucher("TEN", percent=10).take_off(Money(999)), Money(900))

    def test_an_amount_never_makes_a_total_negative(self):
        five = Voucher("FIVE", amount=Money(500))
        self.assertEqual(five.take_off(Money(1200)), Money(700))
        self.assertEqual(five.take_off(Money(300)), Money(0))

    def test_a_voucher_is_one_kind_of_discount(self):
        for wrong in ({}, {"percent": 101}, {"percent": 5, "amount": Money(5)}):
            with self.subTest(wrong), self.assertRaises(ValueError):
                Voucher("BAD", **wrong)
"""

STOCK_METHODS = '''
    def stock(self, sku: str) -> int | None:
        """How many are left; None where nobody counts."""
        return self._stock.get(self.find(sku).sku)

    def reserve(self, sku: str, count: int) -> None:
        left = self.stock(sku)
        if left is None:
            return
        if count > left:
            raise LookupError(f"only {left} of {sku!r} left, not {count}")
        self._stock[sku] = left - count
'''

TEST_STOCK = """
    def test_what_is_counted_runs_out(self):
        catalog = Catalog([TEA], stock={"tea": 3})
        catalog.reserve("tea", 2)
        self.assertEqual(catalog.stock("tea"), 1)
        with self.assertRaisesRegex(LookupError, "only 1 of 'tea' left, not 2"):
            catalog.reserve("tea", 2)
        self.assertEqual(catalog.stock("tea"), 1)

    def test_what_nobody_counts_is_always_there(self):
        catalog = Catalog([TEA])
        catalog.reserve("tea", 1000)
        self.assertIsNone(catalog.stock("tea"))
"""

RECEIPT = '''"""A receipt as text, for a printer of fixed width."""

from shop.cart import Cart

WIDTH = 40


def receipt(cart: Cart) -> str:
    lines = []
    for sku, count in cart.counts.items():
        product = cart.catalog.find(sku)
        lines.append(_line(f"{count} x {product.name}", str(product.price * count)))
    return "\\n".join([*lines, "-" * WIDTH, _line("Total", str(cart.total()))])


def _line(left: str, right: str) -> str:
    return left[: WIDTH - len(right) - 1].ljust(WIDTH - len(right)) + right
'''

TEST_RECEIPT = """import unittest

from shop.cart import Cart
from shop.catalog import Catalog, Product
from shop.money import Money
from shop.receipt import WIDTH, receipt


class ReceiptTest(unittest.TestCase):
    def test_it_lists_what_was_bought(self):
        long = Product("book", "A very long title of a very long book", Money(1999))
        cart = Cart(Catalog([Product("tea", "Green tea", Money(450)), long]))
        cart.add("tea", 2)
        cart.add("book")
        lines = receipt(cart).splitlines()
        self.assertEqual(lines[0].split(), ["2", "x", "Green", "tea", "9.00", "EUR"])
        self.assertEqual(lines[-1].split(), ["Total", "28.99", "EUR"])
        self.assertEqual({len(line) for line in lines}, {WIDTH})
"""

CHECKOUT_METHODS = '''
    def redeem(self, voucher: Voucher) -> None:
        if any(voucher.code == used.code for used in self.vouchers):
            raise ValueError(f"voucher {voucher.code} was redeemed already")
        self.vouchers.append(voucher)

    def to_pay(self) -> Money:
        """The total with every voucher taken off, in the order they were redeemed."""
        amount = self.total()
        for voucher in self.vouchers:
            amount = voucher.take_off(amount)
        return amount

    def check_out(self) -> Money:
        """Reserve every position, or none, and answer with the amount to pay."""
        for sku, count in self.counts.items():
            left = self.catalog.stock(sku)
            if left is not None and count > left:
                raise LookupError(f"only {left} of {sku!r} left, not {count}")
        for sku, count in self.counts.items():
            self.catalog.reserve(sku, count)
        return self.to_pay()
'''

TEST_CHECKOUT = """
    def test_vouchers_are_taken_off_once_each(self):
        cart = Cart(CATALOG)
        cart.add("cup")
        cart.redeem(Voucher("TEN", percent=10))
        cart.redeem(Voucher("ONE", amount=Money(100)))
        self.assertEqual(cart.to_pay(), Money(980))
        with self.assertRaises(ValueError):
            cart.redeem(Voucher("TEN", percent=10))

    def test_a_checkout_reserves_everything_or_nothing(self):
        products = [Product("tea", "Green tea", Money(450)), Product("cup", "Cup", Money(1200))]
        catalog = Catalog(products, stock={"tea": 5, "cup": 1})
        cart = Cart(catalog)
        cart.add("tea", 2)
        cart.add("cup", 2)
        with self.assertRaises(LookupError):
            cart.check_out()
        self.assertEqual(catalog.stock("tea"), 5)
        cart.counts["cup"] = 1
        self.assertEqual(cart.check_out(), Money(2100))
        self.assertEqual((catalog.stock("tea"), catalog.stock("cup")), (3, 0))
"""


def write(name: str, text: str) -> None:
    print(f"writing {name}", flush=True)
    Path(name).write_text(text)


def edit(name: str, *changes: tuple[str, str]) -> None:
    """Replace each old text by its new one; an edit that is there already is left alone."""
    print(f"editing {name}", flush=True)
    text = Path(name).read_text()
    for old, new in changes:
        if new in text:
            continue
        if text.count(old) != 1:
            raise SystemExit(f"{name}: expected once: {old.strip().splitlines()[0]!r}")
        text = text.replace(old, new)
    Path(name).write_text(text)


def append(name: str, text: str) -> None:
    print(f"appending to {name}", flush=True)
    before = Path(name).read_text()
    if text not in before:
        Path(name).write_text(before.rstrip("\n") + "\n" + text)


def vouchers() -> None:
    write("shop/vouchers.py", VOUCHERS)
    write("tests/test_vouchers.py", TEST_VOUCHERS)


def stock() -> None:
    edit(
        "shop/catalog.py",
        (
            "    def __init__(self, products: list[Product]) -> None:\n",
            "    def __init__(\n"
            "        self, products: list[Product], stock: dict[str, int] | None = None\n"
            "    ) -> None:\n"
            "        self._stock = dict(stock or {})\n",
        ),
    )
    append("shop/catalog.py", STOCK_METHODS)
    append("tests/test_catalog.py", TEST_STOCK)


def receipt() -> None:
    write("shop/receipt.py", RECEIPT)
    write("tests/test_receipt.py", TEST_RECEIPT)


def checkout() -> None:
    money = "from shop.money import Money\n"
    edit(
        "shop/cart.py",
        (money, money + "from shop.vouchers import Voucher\n"),
        (
            "        self.counts: dict[str, int] = {}\n",
            "        self.counts: dict[str, int] = {}\n        self.vouchers: list[Voucher] = []\n",
        ),
    )
    append("shop/cart.py", CHECKOUT_METHODS)
    edit("tests/test_cart.py", (money, money + "from shop.vouchers import Voucher\n"))
    append("tests/test_cart.py", TEST_CHECKOUT)


TASKS = {"vouchers": vouchers, "stock": stock, "receipt": receipt, "checkout": checkout}


def main() -> int:
    task = os.environ.get("WTMAN_TASK", "").rpartition("/")[2]
    if task not in TASKS:
        print(f"I only know {', '.join(TASKS)}, not {task!r}.", file=sys.stderr)
        return 1
    prompt = sys.stdin.read()
    print(f"{task}: {len(prompt)} characters of instructions read", flush=True)
    TASKS[task]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
