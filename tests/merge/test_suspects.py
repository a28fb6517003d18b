"""Whom a failure points at: the words of failing tests in what branches changed."""

from wtman.merge.suspects import suspects, words
from wtman.model.ids import TaskId

PRINTED = """\
tests/test_bill.py:3: in <module>
    from shop.core import total
E   ImportError: cannot import name 'total' from 'shop.core' (/lib/python3.11/shop/core.py)
FAILED tests/test_bill.py::test_bill
"""


def pointed(**changes: str) -> list[str]:
    found = {TaskId(name): words(text) for name, text in changes.items()}
    return list(suspects("tests.test_bill::test_bill", PRINTED, found))


def test_who_brought_the_failing_test_and_who_took_away_what_it_misses() -> None:
    assert pointed(
        docs="docs/index.md how to install a module with python",
        rename="shop/core.py def total def total_of",
        bill="tests/test_bill.py def test_bill from shop core import total",
        places="shop/places.py from os import path def join",
    )[:2] == ["bill", "rename"]


def test_a_word_that_all_have_tells_nothing() -> None:
    assert pointed(one="total shop", two="total shop") == []


def test_the_way_to_the_error_does_not_count() -> None:
    assert pointed(one="module python in", two="other words") == []


def test_nobody_where_there_is_nothing_to_read() -> None:
    assert suspects("", "", {}) == ()
    assert suspects("", "", {TaskId("a"): words("x_y"), TaskId("b"): frozenset()}) == ()
