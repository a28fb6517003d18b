"""What is read off agents' streams, and how providers' refusals are told apart."""

import json

import pytest

from wtman.agents.claude import ClaudeAgent
from wtman.agents.stream import (
    fed,
    money,
    number,
    parsed,
    text,
    trouble_of,
    way_on,
    without_page,
)
from wtman.model.session import Usage


@pytest.mark.parametrize("said, status, kind", [
    ("who are you", 401, "fatal"),
    ("not for you", 403, "fatal"),
    ("Credit balance is too low", 400, "fatal"),
    ("You exceeded your current quota, please check your plan and billing details.", 429, "fatal"),
    ("You've hit your limit · resets 3pm", 0, "fatal"),
    ("Claude AI usage limit reached|1795356911", 0, "fatal"),
    ("Not logged in · Please run /login", 0, "fatal"),
    ("Rate limit reached for gpt-5", 429, "limited"),
    ("This request would exceed your organization's rate limit of 10,000 tokens", 429, "limited"),
    ("something", 529, "limited"),
    ("something", 503, "limited"),
    ("exceeded retry limit, last status: 429 Too Many Requests", 0, "limited"),
    ("stream disconnected before completion", 0, "limited"),
    ("prompt is too long: 210000 tokens > 200000 maximum", 400, ""),
    ("model not found", 404, ""),
    ("", 0, ""),
])  # fmt: skip
def test_what_waiting_mends_and_what_only_a_person(said: str, status: int, kind: str) -> None:
    assert trouble_of(said, status) == kind


PAGE = """<!DOCTYPE html>
<html><head><title>502 Bad Gateway</title></head>
<body><h1>Bad Gateway</h1><p>Your session limit, sign in again.</p></body></html>
"""


@pytest.mark.parametrize("said, plain", [
    (f"{PAGE.strip()} (status 502)", 'a web page, "502 Bad Gateway" (status 502)'),
    (f"it failed: {PAGE[:-50]}", 'it failed: a web page, "502 Bad Gateway"'),
    ("<html><body>no</body></html>, url: x", "a web page, url: x"),
    ("a < b, <head", "a < b, a web page"),
    ("no page", "no page"),
])  # fmt: skip
def test_a_page_in_the_place_of_an_answer_is_told_by_its_title(said: str, plain: str) -> None:
    assert without_page(said) == plain


def test_what_stands_on_a_page_is_no_refusal_of_the_provider() -> None:
    assert trouble_of(PAGE) == trouble_of(PAGE, 502) == "limited"
    untitled = PAGE.replace("502 ", "").replace("Bad Gateway", "Sorry")
    assert trouble_of(untitled) == ""
    assert trouble_of(PAGE.replace("502 Bad Gateway", "403 Forbidden")) == "fatal"


def test_values_have_the_type_that_is_promised() -> None:
    event = parsed(b'{"a": {"b": "\\ud800x", "n": 1e999, "t": true, "m": -1, "l": [1]}}')
    assert text(event, "a", "b") == "?x"
    assert number(event, "a", "n") == 2**53
    assert number(event, "a", "t") == 0
    assert number(event, "a", "m") == 0
    assert money(event, "a", "n") is None
    assert money(event, "a", "m") is None
    assert text(event, "a", "l", "b") == ""
    for line in (b"", b"[1]", b"null", b'{"a": ', b'{"a":' * 99_999, b"{" + b"\xff" * 9):
        assert parsed(line) is None


def test_prompts_are_bytes_whatever_they_hold() -> None:
    assert fed("é\udcff") == b"\xc3\xa9\xff"
    assert fed("a\ud800") == b"a?"


def test_the_way_on_is_not_to_sign_in_where_money_is_missing() -> None:
    assert way_on("Quota exceeded. Check your plan and billing details.", "log in") != "log in"
    assert way_on("Credit balance is too low", "log in") != "log in"
    assert way_on("invalid x-api-key", "log in") == "log in"
    assert trouble_of("Quota exceeded. Check your plan.") == "fatal"


def test_messages_after_a_result_have_no_price_yet() -> None:
    """Of a session that was killed then, the money that was told would pass for the whole."""
    agent = ClaudeAgent()
    used = {"inputTokens": 10, "outputTokens": 5, "costUSD": 0.5}
    result = {"type": "result", "model_usage_since_last_result": {"m": used}}
    more = {"type": "assistant", "message": {"id": "n", "usage": {"input_tokens": 7}}}
    state = agent.begin()
    told = []
    for event in (result, more, result):
        state, activities = agent.step(state, json.dumps(event).encode())
        told.append(activities[-1].usage)
    assert told == [Usage(10, 5, 0.5), Usage(17, 5, None), Usage(20, 10, 1.0)]
