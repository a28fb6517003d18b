"""What a program answered is told as what it decided."""

import json

import pytest

from wtman.ui.answers import answer_lines

PLAN = {
    "reason": "two files",
    "context": "",
    "tasks": [
        {"id": "a", "prompt": "do a\nwell", "owns": ["a/**", "b.py"], "needs": []},
        {"id": "c", "title": "The c", "prompt": "do c", "needs": ["a"]},
    ],
}


def test_a_plan_is_a_line_a_task() -> None:
    assert answer_lines(json.dumps(PLAN).encode()) == [
        "reason: two files",
        "task: a: do a well, owns [a/**, b.py]",
        "task: c: The c: do c, needs [a]",
    ]


def test_a_decision_is_told_as_people_write_it() -> None:
    told = {"decision": "give_up", "reason": "no\x1b[2J way", "owns": []}
    assert answer_lines(json.dumps(told).encode()) == ["decision: give up", "reason: no way"]


def test_the_text_of_a_flow_keeps_its_lines() -> None:
    told = json.dumps({"name": "x", "source": "def f():\n    pass\n"}).encode()
    assert answer_lines(told) == ["name: x", "source:", "  def f():", "      pass"]


@pytest.mark.parametrize("text", ["words", "{", '{"level": "info"}', "[1]", "{" * 100_000, ""])
def test_what_is_no_answer_is_left_as_it_is(text: str) -> None:
    assert answer_lines(text.encode()) is None
