"""Whatever a script sends becomes a value or one reason; nothing else happens."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtman.flow.messages import (
    CommandSpec,
    FileRead,
    LogLine,
    Raised,
    Returned,
    ScriptCall,
    SourceLine,
    WorkRef,
)
from wtman.flow.pipe import CALLS_MOST, LINE_MOST, TOLD_MOST, Pipe, PipeRefused

BASE = "b" * 40
SHA = "c" * 40


def line(message: Any) -> bytes:
    return json.dumps(message).encode() + b"\n"


def call(its_id: int = 1, **changed: Any) -> dict[str, Any]:
    facts = {"call": its_id, "kind": "command", "scope": ["a"], "number": 0, "key": None}
    facts |= {"spec": {"argv": ["true"], "at": None}, "title": "true", "limits": {}}
    return facts | changed


def begun() -> Pipe:
    pipe = Pipe()
    pipe.begin(run="r", base=BASE, name="f.py", text="", args={}, seed="s", now=0.0)
    return pipe


def test_messages_come_in_pieces() -> None:
    pipe, found = begun(), []
    told = {"log": "päth", "scope": ["a"]}
    for byte in line(call()) + line(told) + line({"read": 2, "path": "a/b"}):
        found += pipe.feed(bytes([byte]))
    first = found[0]
    assert isinstance(first, ScriptCall) and first.spec == CommandSpec(argv=("true",), at=None)
    assert first.given == '{"argv":["true"],"at":null}'
    assert found[1:] == [LogLine("päth", ("a",)), FileRead(2, "a/b")]
    assert pipe.open == {1, 2}
    assert json.loads(pipe.answer(1, {"x": 1})) == {"answer": 1, "value": {"x": 1}}
    sent = json.loads(pipe.error(2, "FlowError", "no such file"))
    assert sent == {"error": 2, "type": "FlowError", "message": "no such file", "more": {}}
    with pytest.raises(ValueError, match="waits for an answer"):
        pipe.answer(2, None)


def test_an_end_with_works_and_an_end_with_lines() -> None:
    pipe = begun()
    pipe.feed(line(call()))
    work = {"work": {"task": "t", "commit": SHA, "branch": "b"}}
    pipe.answer(1, [work])
    outcome = {"outcome": {"item": "a", "ok": True, "value": work}}
    value = [work, outcome, {"train": {"landed": ["t"], "work": work["work"]}}, "text"]
    assert pipe.feed(line({"return": value})) == [Returned(value, (WorkRef("t", SHA),) * 3)]
    assert pipe.ended
    ended = {"raise": {"type": "ValueError", "message": "m", "lines": [["f.py", 3, "x"]]}}
    assert begun().feed(line(ended)) == [Raised("ValueError", "m", (SourceLine("f.py", 3, "x"),))]


@pytest.mark.parametrize(
    "message, reason",
    [
        (call(2), "id 2 came after id 0"),
        (call(kind="flow"), "no known kind"),
        (call(spec=[]), "no known kind"),
        (call(spec={"argv": []}), "call command: argv"),
        (call(spec={"argv": ["a"], "at": None, "network": True}), "network"),
        (call(spec={"argv": "true", "at": None}), "argv"),
        (call(given="{}"), "given"),
        (call(**{"limits": {"timeout": -1}}), "limits.timeout"),
        (call(**{"limits": {"timeout": True}}), "limits.timeout"),
        (call(scope=["x"] * 41), "scope"),
        (call(scope=[""]), "scope"),
        (call(title="x" * 400), "title"),
        (call(key=""), "key"),
        (call(spec={"argv": ["a"], "at": {"task": "t", "commit": SHA}}), "never given the work"),
        ({"files": 1, "glob": "/etc/*", "containing": None}, "outside of the repository"),
        (call(path=[["loop", "x"]]), "path.0.0"),
        ({"failed": "x", "path": [["item", ""]]}, "failed: path"),
        ({"raise": {"type": "X", "message": "m", "lines": [["f", 1]]}}, "lines do not fit"),
        ({"return": {"work": {"task": "t"}}}, "a work that is none"),
        ({"idle": 2}, "rests"),
        ([], "no JSON object"),
        ({}, "no JSON object"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(message: Any, reason: str) -> None:
    with pytest.raises(PipeRefused) as refused:
        begun().feed(line(message))
    assert reason in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "data",
    [
        b"x" * LINE_MOST,
        b'{"log": "' + b"x" * LINE_MOST,
        b'{"log": "\\ud800", "scope": []}\n',
        b'{"log": NaN, "scope": []}\n',
        b'{"return": 1, "return": 2}\n',
        b'{"return": ' + b"[" * 5000 + b"]" * 5000 + b"}\n",
        b'{"return": ' + b"9" * 5000 + b"}\n",
        b"\n",
        b"\x00\n",
    ],
)
def test_what_is_no_json_of_ours_is_refused(data: bytes) -> None:
    with pytest.raises(PipeRefused):
        begun().feed(data)


def test_equal_calls_are_numbered_and_never_asked_twice() -> None:
    for again in (call(4, number=1), call(4, number=3), call(4, key="k", number=1)):
        copy = begun()
        copy.feed(line(call(1)) + line(call(2, number=1)) + line(call(3, key="k")))
        with pytest.raises(PipeRefused, match="twice"):
            copy.feed(line(again))


def test_there_is_an_end_to_calls_and_lines() -> None:
    pipe = begun()
    pipe._calls = CALLS_MOST - 1  # as if it had made them: they take seconds
    pipe.feed(line(call(1)))
    with pytest.raises(PipeRefused, match="more than 20,000 calls"):
        pipe.feed(line(call(2, number=1)))
    pipe._told = TOLD_MOST
    with pytest.raises(PipeRefused, match="more than 100,000 lines"):
        pipe.feed(line({"log": "x", "scope": []}))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "call kind scope number key spec title limits read return raise".split()
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=6,
)


@given(st.binary(max_size=300) | JSON.map(line) | JSON.map(lambda it: line(call(spec=it))))
def test_anything_is_a_value_or_a_reason(data: bytes) -> None:
    with suppress(PipeRefused):
        begun().feed(data + b"\n")
