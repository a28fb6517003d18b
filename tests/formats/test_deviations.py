"""The notes of a session on deviations: anybody's text, read as well as it can be."""

import json

import pytest

from wtman.formats.deviations import MOST, deviations
from wtman.model.session import Deviation

NOTE = {"name": "token_of", "agreed": "token_of(user)", "instead": "token_of(id)", "why": "ids"}
READ = Deviation("token_of", "token_of(user)", "token_of(id)", "ids")


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([NOTE]),
        json.dumps(NOTE, indent=2),
        json.dumps({"notes": [NOTE]}),
        "\ufeff" + json.dumps([NOTE, NOTE, {**NOTE, "more": 1}]),
        f"{json.dumps(NOTE)}\n\n",
    ],
)
def test_one_document_or_lines_are_the_same_notes(text: str) -> None:
    assert deviations(text) == ((READ,), "")


def test_lines_of_json_are_a_note_each() -> None:
    other = {"name": "b", "instead": "c"}
    found, problem = deviations(f"{json.dumps(NOTE)}\n{json.dumps(other)}\nand words\n")
    assert found == (READ, Deviation("b", "", "c", ""))
    assert problem.startswith("1 of its notes did not have the shape {")


@pytest.mark.parametrize(
    "text", ["I changed it", "3", '[{"name": "x"}]', '[{"name": 3, "instead": "y"}]', "[" * 10**5]
)
def test_another_shape_is_dropped_and_told(text: str) -> None:
    found, problem = deviations(text)
    assert found == () and "did not have the shape" in problem


def test_nothing_deviates_in_an_empty_file_or_list() -> None:
    assert deviations("") == deviations("[]") == deviations(" \n") == ((), "")


def test_what_it_says_is_bounded_and_moves_no_terminal() -> None:
    loud = {"name": "a\x1b[31m\n" + "b" * 500, "instead": "c" * 5000}
    many = [loud, *({"name": f"n{n}", "instead": "x"} for n in range(50))]
    found, problem = deviations(json.dumps(many))
    assert len(found) == MOST and problem == f"only the first {MOST} of its 51 notes count"
    assert len(found[0].name) <= 120 and len(found[0].instead) <= 500
    assert found[0].name.isprintable()
