"""The fold of the `api` agent over streams that its program writes."""

import json
import sys
from dataclasses import replace
from typing import Any

import pytest

from wtman.agents import Activity
from wtman.agents.api import ApiAgent
from wtman.agents.load import load
from wtman.apiagent.options import Options
from wtman.model.command import Exit, ExitReason
from wtman.model.ids import TaskId
from wtman.model.session import Cap, Job, Outcome, Usage

AGENT = ApiAgent()
JOB = Job(TaskId("t"), 1, "do it", "/w/p.md", "/w/tree", "/w/home", {"PATH": "/bin"})
USAGE = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 20,
    "cache_read_input_tokens": 30,
    "output_tokens": 5,
}
INIT = {"type": "system", "subtype": "init", "model": "m", "session_id": "s1"}
SAID: dict[str, Any] = {
    "type": "assistant",
    "message": {
        "id": "a",
        "content": [
            {"type": "thinking", "thinking": "hm"},
            {"type": "text", "text": "I look\nat it"},
            {"type": "tool_use", "name": "bash", "input": {"command": "pytest\n-q"}},
        ],
        "usage": USAGE,
    },
    "session_id": "s1",
}
DONE = {
    "type": "result",
    "subtype": "success",
    "is_error": False,
    "result": "Done.",
    "model_usage_since_last_result": {
        "m": {
            "inputTokens": 10,
            "cacheCreationInputTokens": 20,
            "cacheReadInputTokens": 30,
            "outputTokens": 5,
            "costUSD": 0.5,
        }
    },
    "session_id": "s1",
}


def fold(*events: Any, code: int = 0, **ended: Any) -> tuple[Outcome, list[Activity]]:
    state, told = AGENT.begin(), []
    for event in events:
        line = event if isinstance(event, bytes) else json.dumps(event).encode()
        state, activities = AGENT.step(state, line)
        told += activities
    return AGENT.end(state, Exit(**{"reason": ExitReason.EXITED, "code": code, **ended})), told


def request(job: Job, agent: ApiAgent = AGENT) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(agent.command(job).stdin)
    return found


def test_command_is_isolated_and_says_on_stdin_what_is_wanted() -> None:
    job = replace(
        JOB,
        system="role",
        schema='{"type": "object"}',
        model="m1",
        effort="max",
        resume="--x",
        tools=("Read", "Bash(git log:*)"),
        writes=False,
        cap=Cap(0.25, 9000),
        max_turns=7,
    )
    command = AGENT.command(job)
    assert command.argv[:4] == (sys.executable, "-I", "-X", "utf8")
    assert command.argv[5:] == ()
    assert command.cwd == "/w/tree"
    assert command.env["HOME"] == "/w/home"
    assert Options.model_validate_json(command.stdin) == Options(
        prompt="do it",
        system="role",
        answer_schema={"type": "object"},
        model="m1",
        effort="max",
        resume="--x",
        tools=("Read", "Bash(git log:*)"),
        read_only=True,
        max_usd=0.25,
        max_tokens=9000,
        max_turns=7,
    )
    assert Options(**request(JOB)) == Options(prompt="do it")


def test_the_model_of_a_job_comes_before_the_agents_own() -> None:
    named = load("api:claude-haiku-5-5")
    assert isinstance(named, ApiAgent)
    assert request(JOB, named)["model"] == "claude-haiku-5-5"
    assert request(replace(JOB, model="m1"), named)["model"] == "m1"


def test_a_success() -> None:
    outcome, told = fold(INIT, SAID, DONE)
    used = Usage(60, 5, None, 30)
    assert told == [
        Activity("says", "I look at it"),
        Activity("does", "bash pytest -q"),
        Activity("usage", usage=used),
        Activity("usage", usage=replace(used, usd=0.5)),
    ]
    assert outcome == Outcome(
        ok=True, usage=replace(used, usd=0.5), session="s1", answer="Done.", model="m"
    )


def test_a_structured_answer() -> None:
    outcome, _ = fold(INIT, {**DONE, "structured_output": {"a": [1]}})
    assert json.loads(outcome.answer) == {"a": [1]}


def wrong(text: str, status: int | None = None, **more: Any) -> dict[str, Any]:
    return {"is_error": True, "result": text, "errors": [text], "api_error_status": status, **more}


@pytest.mark.parametrize(
    "changes, reason, trouble",
    [
        (wrong("API error 401: bad", 401), "401", "fatal"),
        (wrong("API error 400: credit balance is too low", 400), "credit", "fatal"),
        (wrong("API error 403", 403), "403", "fatal"),
        (wrong("API error 429", 429), "429", "limited"),
        (wrong("API error 529", 529), "529", "limited"),
        (wrong("API error 400", 400), "400", ""),
        (wrong("2 turns", subtype="error_max_turns"), "2 turns", ""),
        (
            wrong("no price", subtype="error_during_execution", terminal_reason="unpriced"),
            "no price",
            "fatal",
        ),
        ({"subtype": "error_during_execution"}, "error_during_execution", ""),
        ({"is_error": None}, "Done.", ""),
        ({"is_error": True, "errors": [7], "result": None}, "success", ""),
    ],
)
def test_what_is_no_success(changes: dict[str, Any], reason: str, trouble: str) -> None:
    outcome, _ = fold(INIT, {**DONE, **changes}, code=0)
    assert not outcome.ok
    assert reason in outcome.reason
    assert outcome.fatal == (outcome.reason if trouble == "fatal" else "")
    assert outcome.limited == (trouble == "limited")


def test_a_success_that_was_killed_or_said_otherwise_is_none() -> None:
    assert not fold(INIT, DONE, code=1)[0].ok
    assert not fold(INIT, DONE, reason=ExitReason.TIMEOUT)[0].ok
    assert fold(INIT, SAID)[0].reason == "it ended without a result"


def test_without_a_result_what_was_seen_counts() -> None:
    retry = {"type": "system", "subtype": "api_retry", "usage": USAGE, "error_status": 529}
    limit = {**retry, "usage": None, "error": "overloaded", "retry_delay_ms": 1500}
    outcome, told = fold(INIT, SAID, retry, limit, code=0, signal=9)
    assert outcome.usage == Usage(120, 10, None, 60)
    assert told[-1] == Activity("retry", "waits: overloaded (529)", wait=1.5)
    assert outcome.session == "s1"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"{",
        b'{"type": "assistant"}',
        b'{"type": "assistant", "message": {"content": [1, {"type": "tool_use"}], "usage": []}}',
        b'{"type": "result", "usage": {"input_tokens": -1, "output_tokens": true}, "errors": []}',
        b'{"type": "result", "total_cost_usd": NaN, "is_error": true, "api_error_status": []}',
        b'{"type": "result", "result": "\\ud800", "total_cost_usd": true, "api_error_type": {}}',
        b'{"type": "system", "subtype": "api_retry", "error_status": 429, "retry_delay_ms": 1e400}',
        b'{"type": [], "session_id": 5}',
        b"[" * 100_000,
    ],
)
def test_any_line_is_taken(line: bytes) -> None:
    outcome, _ = fold(line)
    assert not outcome.ok
    assert outcome.usage.usd is None
    outcome.answer.encode()
