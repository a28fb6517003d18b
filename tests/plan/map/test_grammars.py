"""Definitions by grammars: at least what the scanner finds, in the same shape."""

import pytest

from tests.formats.test_definitions import CASES
from wtman.formats.definitions import definitions
from wtman.plan.map.grammars import exact_definitions, grammars_known

READ = {
    path: text for path, (text, _) in CASES.items() if path.endswith((".ts", ".go", ".rs", ".java"))
}


def test_the_extra_is_there_in_this_environment() -> None:
    assert grammars_known()


@pytest.mark.parametrize("path", READ)
def test_a_grammar_finds_what_the_scanner_does(path: str) -> None:
    text = READ[path]
    assert set(definitions(path, text)) <= set(exact_definitions(path, text))


def test_what_only_a_grammar_sees() -> None:
    text = "interface Shown { void show(int a); default void twice() { } }\n"
    assert [item.name for item in exact_definitions("A.java", text)] == [
        "Shown",
        "Shown.show",
        "Shown.twice",
    ]


@pytest.mark.parametrize("path", ["a.py", "a.rb", "a.c", "README.md", "a.js"])
def test_any_text_is_read_without_harm(path: str) -> None:
    for text in ("", "{" * 3000, "class A { b() {} }", "\0\udcff", "((" * 5000):
        exact_definitions(path, text)


def test_ranges_are_nested() -> None:
    for path, text in READ.items():
        found = exact_definitions(path, text)
        for one in found:
            for other in found:
                apart = one.last < other.first or other.last < one.first
                inside = one.first <= other.first and other.last <= one.last
                around = other.first <= one.first and one.last <= other.last
                assert apart or inside or around
