"""The telling lines of what real tools print; outputs/README.md says where they come from."""

import re
from pathlib import Path

import pytest

from wtman.checks.excerpt import excerpt, summary

OUTPUTS = Path(__file__).parent / "outputs"
# The one line that says most, by the tool that printed it.
SUMMARIES = [
    tuple(row.split("\t"))
    for row in (OUTPUTS / "summaries.tsv").read_text(encoding="utf-8").splitlines()
]


def output(name: str) -> str:
    return (OUTPUTS / f"{name}.txt").read_text(encoding="utf-8")


def test_every_output_is_asked_for() -> None:
    files = {str(path.relative_to(OUTPUTS))[:-4] for path in OUTPUTS.glob("*/*.txt")}
    assert files == {name for name, _ in SUMMARIES}


@pytest.mark.parametrize(("name", "said"), SUMMARIES)
def test_the_line_that_says_most(name: str, said: str) -> None:
    assert summary(output(name)) == said


@pytest.mark.parametrize("name", [name for name, _ in SUMMARIES])
def test_no_banner_no_counts_no_colours_and_not_too_much(name: str) -> None:
    lines = excerpt(output(name))
    assert 0 < len(lines) <= 12
    text = "\n".join(lines)
    assert "\x1b" not in text
    assert "\r" not in text
    assert not re.search(r"=== |---- |Tests: |\d+ passed|\d+ failed|collected \d|BUILD F", text)
    assert len(excerpt(output(name), 3)) <= 3


def test_the_first_failure_whole_and_a_line_for_each_other() -> None:
    assert excerpt(output("real/jest")) == (
        "● sum › adds",
        "    expect(received).toBe(expected) // Object.is equality",
        "    Expected: 3",
        "    Received: -1",
        '    > 3 |   test("adds", () => { expect(sum(1, 2)).toBe(3); });',
        "      at Object.toBe (sum.test.js:3:42)",
        "sum › objects: expect(received).toEqual(expected): - 3, + 2 (sum.test.js:4:55)",
        "sum › loads: TypeError: no stock file (../sum.cjs:2:30)",
        "Test suite failed to run: Cannot find module 'nosuch-package' from 'imp.test.js'"
        " (imp.test.js:1:11)",
    )
    assert excerpt(output("real/go-test")) == (
        "--- FAIL: TestTake (0.00s)",
        "    stock_test.go:7: Take(2, 3) = -1, want 0",
        "TestTable/b: got 1, want 2 (stock_test.go:14)",
    )


def test_failures_that_are_new_come_first() -> None:
    text = output("real/pytest")
    assert summary(text, ["test_stock.py::test_names"]).startswith("assert ['a', 'b'] ==")
    assert excerpt(text, wanted=["test_stock.py::test_names"])[0] == "test_names"
    assert "sum › loads" in excerpt(output("real/jest"), wanted=["sum.test.js::sum > loads"])[0]


def test_more_failures_than_there_is_room_for_are_counted() -> None:
    text = "".join(f"src/a.c:{line}:1: error: line {line} is wrong\n" for line in range(1, 100))
    lines = excerpt(text, 6)
    assert lines[0] == "src/a.c:1:1: error: line 1 is wrong"
    assert lines[-1] == "… and 94 more"
    assert len(lines) == 6


def test_an_output_of_nothing_that_is_known_shows_its_last_lines() -> None:
    text = "".join(f"step {number} is done\n" for number in range(50)) + "it did not work\n\n"
    assert excerpt(text, 3) == ("step 48 is done", "step 49 is done", "it did not work")
    assert summary(text) == "it did not work"
    assert excerpt("") == ()
    assert summary(" \n\n") == ""


def test_a_line_that_was_redrawn_is_shown_as_it_was_last() -> None:
    assert summary("fetch 1%\rfetch 50%\rerror: disk is full\r\n") == "error: disk is full"


def test_the_beginning_and_the_end_of_a_huge_output_are_read() -> None:
    filler = "all is well, nothing to see here\n" * 200_000
    first = "src/a.c:1:1: error: first\n"
    assert excerpt(first + filler + "src/b.c:2:2: error: last\n") == (
        "src/a.c:1:1: error: first",
        "src/b.c:2:2: error: last",
    )


def test_hostile_outputs_are_cut() -> None:
    assert len(summary("error: " + "x" * 5_000_000)) <= 400
    assert excerpt("E" * 2_000_000 + "\n" + "___ " * 200_000)
    assert all("\x1b" not in line for line in excerpt("error: \x1b]0;title\x07\x1b[2Jgone"))
    assert excerpt("(" * 100_000 + "\n" + ": " * 100_000 + "\n" + "a/" * 100_000 + "\n")


def test_the_reason_stays_where_a_failure_has_more_lines_than_fit() -> None:
    frames = [f"src/app/part{at}.py:{at}: in call{at}\n    return step{at}()" for at in range(9)]
    body = "\n".join([*frames, "src/app/end.py:7: in key", "    return parse_key(text)"])
    said = "E   NameError: name 'parse_key' is not defined\n\nsrc/app/end.py:7: NameError"
    lines = excerpt(f"___ test_it ___\n{body}\n{said}\n___ test_other ___\n{said}\n", 8)
    assert lines[0] == "test_it"
    assert "E   NameError: name 'parse_key' is not defined" in lines
    assert "    return parse_key(text)" in lines
    assert len(lines) <= 8
