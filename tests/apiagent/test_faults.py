"""What goes wrong on the way: told, counted, asked for again where that helps, and bounded."""

import itertools
from dataclasses import replace

import pytest

from tests.apiagent.conftest import Yard
from tests.apiagent.server import Turn, breaks, call, refuses, says

OK = says("fine", call("bash", command="true"))
MISPLACED = replace(OK, body=OK.body.replace(b'"index": 0', b'"index": 7'), usage=OK.first)


def test_nothing_but_a_whole_response_is_taken(yard: Yard) -> None:
    """Cut at many bytes, cleanly, within a chunk or by a reset."""
    whole = OK.body.rindex(b"event: message_stop") - 2
    ends = itertools.cycle(("close", "short", "reset"))
    script = [OK.cut_at(cut, next(ends)) for cut in (*range(0, whole, 41), whole - 1)]
    yard.patience = replace(yard.patience, retries=len(script), first=0.0)
    told = yard.run(*script, says("whole"))
    retries = told.all("system", "api_retry")
    assert len(retries) == len(script)
    assert {e["error"] for e in retries} <= {"truncated", "unknown"}
    assert told.result["result"] == "whole"
    assert not told.results, "no call of a broken response is run"
    assert told.result["num_turns"] == 1


def test_a_complete_response_needs_no_last_event(yard: Yard) -> None:
    whole = OK.body.rindex(b"event: message_stop")
    told = yard.run(OK.cut_at(whole), says("done"))
    assert not told.all("system", "api_retry")
    assert len(told.results) == 1


@pytest.mark.parametrize(
    "turn, error, status",
    [
        (refuses(429, "rate_limit_error", retry_after="0"), "rate_limit", 429),
        (refuses(529, "overloaded_error"), "overloaded", 529),
        (refuses(500, "api_error"), "server_error", 500),
        (refuses(503, "api_error"), "server_error", 503),
        (breaks("overloaded_error"), "overloaded", 529),
        (breaks("rate_limit_error"), "rate_limit", 429),
        (breaks("api_error"), "server_error", 500),
        (Turn(b"<html>no gateway</html>", 502), "server_error", 502),
        (Turn(b"event: message_start\ndata: {nonsense\n\n"), "truncated", None),
        (Turn(b'event: message_start\ndata: {"type":"message_start"}\n\n'), "truncated", None),
        (Turn(b'{"type":"message","content":[]}'), "truncated", None),
        (MISPLACED, "truncated", None),
    ],
)
def test_asked_again(yard: Yard, turn: Turn, error: str, status: int | None) -> None:
    told = yard.run(turn, turn, says("ok"))
    assert told.code == 0
    retries = told.all("system", "api_retry")
    assert [(e["error"], e["error_status"], e["attempt"]) for e in retries] == [
        (error, status, 1),
        (error, status, 2),
    ]
    assert told.result["num_turns"] == 1


@pytest.mark.parametrize(
    "turn, error, status",
    [
        (refuses(401, "authentication_error", "bad key"), "authentication_failed", 401),
        (refuses(402, "billing_error", "pay"), "billing_error", 402),
        (refuses(403, "permission_error", "not you"), "permission_denied", 403),
        (
            refuses(400, "invalid_request_error", "Your credit balance is too low to ..."),
            "billing_error",
            400,
        ),
        (refuses(400, "invalid_request_error", "max_tokens: no"), "invalid_request", 400),
        (refuses(404, "not_found_error", "model: x"), "invalid_request", 404),
        (refuses(413, "request_too_large", "big"), "invalid_request", 413),
        (breaks("authentication_error"), "authentication_failed", 401),
        (refuses(429, "rate_limit_error", x_should_retry="false"), "rate_limit", 429),
        (refuses(429, "rate_limit_error", retry_after="7"), "rate_limit", 429),
    ],
)
def test_not_asked_again(yard: Yard, turn: Turn, error: str, status: int) -> None:
    told = yard.run(turn)
    assert not told.all("system", "api_retry")
    result = told.result
    assert (told.code, result["is_error"], result["subtype"]) == (1, True, "success")
    assert (result["api_error_status"], result["api_error_type"]) == (status, error)
    assert str(status) in result["result"]


def test_asking_is_bounded(yard: Yard) -> None:
    yard.server.always = refuses(529, "overloaded_error")
    told = yard.run()
    assert len(yard.server.requests) == 1 + yard.patience.retries
    assert told.result["api_error_status"] == 529
    assert "asked 4 times" in told.result["result"]
    yard.patience = replace(yard.patience, retries=100, total=1.0)
    yard.server.always = refuses(429, "rate_limit_error", retry_after="0.4")
    yard.run()
    assert len(yard.server.requests) == 4 + 3, "two waits fit into a second"


def test_a_failed_response_counts_against_the_cap(yard: Yard) -> None:
    yard.server.always = breaks("overloaded_error")
    told = yard.run(max_tokens=2000)
    assert len(yard.server.requests) == 2
    assert told.result["usage"]["input_tokens"] == 200


def test_no_server(yard: Yard) -> None:
    told = yard.run(base_url="http://127.0.0.1:9")
    assert told.code == 1
    assert len(told.all("system", "api_retry")) == 3
    assert told.result["api_error_status"] is None
    assert "no connection" in told.result["result"]


@pytest.mark.parametrize("url", ["nowhere", "ftp:" + "//host", "http:" + "//[", "http:" + "//"])
def test_no_address(yard: Yard, url: str) -> None:
    told = yard.run(base_url=url)
    assert told.code == 1
    assert "no address of a server" in told.result["errors"][0]


def test_no_key(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = {"PATH": "/usr/bin:/bin", "HOME": str(yard.home)}
    monkeypatch.setattr(Yard, "environ", lambda self: bare)
    told = yard.run()
    assert told.result["api_error_status"] == 401
    assert "ANTHROPIC_API_KEY" in told.result["result"]
    assert yard.run(says("ok"), base_url=yard.server.url).code == 0


def test_a_token_signs_in_too(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {"HOME": str(yard.home), "ANTHROPIC_AUTH_TOKEN": "tok"}
    monkeypatch.setattr(Yard, "environ", lambda self: environ)
    yard.run(says("ok"), base_url=yard.server.url)
    assert yard.server.headers[0]["authorization"] == "Bearer tok"
