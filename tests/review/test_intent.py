"""Told apart: what a branch broke, and what it was to change; and what was asked and is missing."""

import pytest

from wtman.model.finding import Cell, Reproducer
from wtman.review.intent import promised, purpose_of


def change(path: str, *lines: str) -> str:
    """A difference of one hunk; lines begin with a space, - or +."""
    head = f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -1,9 +1,9 @@\n"
    return head + "".join(f"{line}\n" for line in lines)


def proof(*lines: str, command: str = "pytest -q tests/test_x.py") -> Reproducer:
    return Reproducer(command, "+++ b/tests/test_x.py\n" + "".join(f"+{x}\n" for x in lines))


GREET = change("shop.py", '-def greet(): return "hello"', '+def greet(): return "hello, world"')
OWN = change(
    *("tests/test_shop.py", " import shop", " def test_greet():"),
    *('-    assert shop.greet() == "hello"', '+    assert shop.greet() == "hello, world"'),
)
LIMIT = change("shop.py", "-LIMIT = 30", "+LIMIT = 60")
OWN_LIMIT = change(
    *("tests/test_shop.py", " import shop", " def test_limit():"),
    *("-    assert shop.LIMIT == 30", "+    assert shop.LIMIT == 60"),
)
NEGATED = change(
    "test_v.py", " import v", '-def test_v(): assert v.ok("")', '+def test_v(): assert not v.ok("")'
)
RENAMED = change("shop.py", "-def old_total(x):", "+def total_of(x):", "     return sum(x)")
GONE = "diff --git a/shop/old.py b/shop/old.py\ndeleted file mode 100644\n--- a/shop/old.py\n" + (
    "+++ /dev/null\n@@ -1 +0,0 @@\n-def x(): pass\n"
)
MOVED = "diff --git a/shop/cart.py b/shop/bag.py\nrename from shop/cart.py\nrename to shop/bag.py\n"
GOLDEN = change("tests/golden/out.txt", "-hello there", "+hello, world")
DOCS = change("README.md", "-It says hello.", "+It says `hello, world`.")


@pytest.mark.parametrize(
    ("what", "test", "diff", "asked"),
    [
        ("own test", proof("import shop", "assert shop.greet() == 'hello'"), GREET + OWN, ""),
        ("in other words", proof("self.assertEqual('hello', greet())"), GREET + OWN, ""),
        ("by its output", proof(r"assert greet() == b'hello\n'"), GREET + OWN, ""),
        ("a number", proof("import shop", "assert shop.LIMIT == 30"), LIMIT + OWN_LIMIT, ""),
        ("the same line", proof("import v", "assert v.ok('')", "def test_v(): assert v.ok('')"),
         NEGATED, ""),
        ("the same test", proof("def test_x(): assert f(1) == 2"),
         change("test_f.py", "-def test_f(): assert f(1) == 2", "+def test_f(): f(1, 2)"), ""),
        ("golden file", proof("assert run() == 'hello there'"), GOLDEN, ""),
        ("in a command", Reproducer("python3 -c 'import shop; assert shop.greet() == \"hello\"'"),
         GREET + OWN, ""),
        ("asked, by value", proof("assert shop.LIMIT == 30"), LIMIT, "raise LIMIT to 60"),
        ("asked, by text", proof("assert greet() == 'hello'"), GREET, "say hello, world"),
        ("asked, by name", proof("from shop import old_total"), RENAMED, "rename old_total"),
        ("asked, a file", proof("from shop.cart import put"), MOVED, "move shop/cart.py to bag"),
        ("asked, removed", proof("import shop.old"), GONE, "remove the module shop.old"),
        ("documented", proof("assert greet() == 'hello'"), GREET + DOCS, ""),
    ],
)  # fmt: skip
def test_a_change_that_was_meant_is_told(
    what: str, test: Reproducer, diff: str, asked: str
) -> None:
    found = purpose_of(test, diff, asked)
    assert found.clear and found.words, what


SPOILT = change("shop.py", "-    return sum(x)", "+    return sum(x[:2])")
OTHER = change(
    *("tests/test_shop.py", " import shop", " def test_total():"),
    *("-    assert shop.total([]) == 0", "+    assert shop.total([]) is None"),
)
TEST_NAME = change(
    "tests/test_shop.py", "-    cart = [1, 2]", "+    bag = [1, 2]", "     total(bag)"
)


@pytest.mark.parametrize(
    ("what", "test", "diff", "asked"),
    [
        ("nothing said", proof("assert shop.total([1, 2, 3]) == 6"), SPOILT, "make it faster"),
        ("no word of it", proof("assert greet() == 'hello'"), GREET, "make it faster"),
        ("another value", proof("assert shop.LIMIT == 30"), LIMIT, "raise the timeout to 90"),
        ("another function", proof("import shop", "assert shop.bye() == 'bye'"), GREET + OWN, ""),
        ("a number of another", proof("import shop", "assert shop.total([30]) == 31"),
         SPOILT + LIMIT + OWN_LIMIT, ""),
        ("only new tests", proof("assert shop.total([1, 2, 3]) == 6"),
         SPOILT + change("tests/test_new.py", "+assert shop.total([]) == 0"), ""),
        ("a name in a test", proof("cart = [1, 2, 3]", "assert price(cart) == 6"),
         SPOILT + TEST_NAME, ""),
        ("the same preparation", proof("shop = Shop()", "assert total(shop) == 6"),
         SPOILT + change("tests/test_shop.py", "-    shop = Shop()", "+    shop = made()"), ""),
        ("another file moved", proof("assert shop.total([1]) == 1"), SPOILT + MOVED, "move cart"),
    ],
)  # fmt: skip
def test_a_regression_is_no_purpose(what: str, test: Reproducer, diff: str, asked: str) -> None:
    assert not purpose_of(test, diff, asked).words, what


def test_what_is_not_clear_is_for_refuters() -> None:
    """The branch changed tests of the same function, but for another input."""
    found = purpose_of(proof("assert shop.total([1, 2, 3]) == 6"), SPOILT + OTHER, "")
    assert not found.clear and "tests of total too" in found.words


def test_what_was_asked_for_and_is_missing_is_a_promise() -> None:
    def says(text: str) -> list[Cell]:
        return [Cell("base", "broken", 1, 1, text), Cell("a", "broken", 1, 1, text)]

    missing = "ImportError: cannot import name 'parse_date' from 'util' (/x/util.py)"
    assert promised(says(missing), "Add parse_date to the helpers")
    assert not promised(says(missing), "Add parse_time to the helpers")
    assert not promised(says("AssertionError"), "Add parse_date")
