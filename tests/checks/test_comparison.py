"""Whether what a test says of its failure speaks of the product."""

import pytest

from wtman.checks.comparison import accused, is_misuse, reasons

TRACE = 'Traceback (most recent call last):\n  File "{}", line 3, in f\n    f()\n{}\n'
UNITTEST = (
    "E\n"
    + "=" * 70
    + "\nERROR: test_it (tests.test_a.T.test_it)\n"
    + "-" * 70
    + "\n{}\n"
    + "-" * 70
)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("", set()),
        ("Ran 3 tests in 0.21s", set()),
        (TRACE.format("tests/test_a.py", "AssertionError: 2 != 3"), {"AssertionError: 2 != 3"}),
        (UNITTEST.format(TRACE.format("tests/test_a.py", "SystemExit: 1")), set()),
        (TRACE.format("tests/test_a.py", "SystemExit: 1"), set()),
        ("error: two of three", {"error: two of three"}),
        ("expected 3, got 2 at 0x7f0012", {"expected 3, got 2 at 0x"}),
        ("make: *** [Makefile:2: test] Error 1", set()),
    ],
)
def test_only_what_says_why_is_a_reason(said: str, told: set[str]) -> None:
    assert reasons(said) == told


def test_a_mistake_is_the_tests_own_where_it_stands_in_the_test() -> None:
    wrong = "TypeError: total() takes 1 positional argument but 3 were given"
    own = ("tests/test_a.py",)
    assert is_misuse(TRACE.format("./tests/test_a.py", wrong), own)
    assert is_misuse(TRACE.format("<string>", wrong), ())
    assert not is_misuse(TRACE.format("shop/cart.py", wrong), own)
    assert not is_misuse(TRACE.format("tests/test_a.py", "AssertionError: 2 != 3"), own)
    assert not is_misuse("", own)


FILES = ("shop/cart.py", "shop/price.py", "tests/test_old.py", "Makefile", "README.md")


@pytest.mark.parametrize(
    ("paths", "own", "found", "words"),
    [
        (("shop/cart.py",), (), ("shop/cart.py",), "shop/cart.py"),
        (("shop/",), (), ("shop/cart.py", "shop/price.py"), "shop/"),
        (("tests/test_old.py",), (), ("tests/test_old.py",), "tests/test_old.py"),
        # What is not there, what steers the tests, and what the test itself brings name nothing.
        (("",), (), (*FILES[:2], "README.md"), "anything but tests"),
        (("gone.py",), (), (*FILES[:2], "README.md"), "anything but tests"),
        (("Makefile",), (), (*FILES[:2], "README.md"), "anything but tests"),
        (
            ("tests/test_old.py",),
            ("tests/test_old.py",),
            (*FILES[:2], "README.md"),
            "anything but tests",
        ),
    ],
)
def test_what_is_accused_is_taken_away_and_never_the_test(
    paths: tuple[str, ...], own: tuple[str, ...], found: tuple[str, ...], words: str
) -> None:
    assert accused(FILES, paths, own) == (found, words)
