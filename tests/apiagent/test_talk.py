"""The loop: tools, answers, caps, and conversations that go on."""

import json
from typing import Any

import pytest

from tests.apiagent.conftest import Yard
from tests.apiagent.server import USAGE, call, says
from tests.apiagent.test_shell import alive

THOUGHT = {"type": "thinking", "thinking": "let me see", "signature": "c2ln"}


def test_edits_files_with_its_tools_and_reports(yard: Yard) -> None:
    told = yard.run(
        says("I begin.", call("write", 1, file_path="src/a.py", content="x = 1\n")),
        says(THOUGHT, call("read", 2, file_path="src/a.py"), call("grep", 3, pattern="x =")),
        says(call("edit", 4, file_path="src/a.py", old_string="1", new_string="2")),
        says(call("bash", 5, command="cd src && cat a.py"), call("bash", 6, command="pwd")),
        says("Done."),
        system="You are the implementer.",
    )
    assert told.code == 0
    assert (yard.work / "src/a.py").read_text() == "x = 2\n"
    assert [e["content"] for e in told.results][-2:] == ["x = 2\n", f"{yard.work}/src\n"]
    assert not any(e["is_error"] for e in told.results)
    result = told.result
    assert (result["subtype"], result["is_error"], result["result"]) == ("success", False, "Done.")
    assert result["num_turns"] == 5
    assert result["total_cost_usd"] == pytest.approx(yard.server.usd)
    assert result["total_cost_usd"] == pytest.approx(5 * (100 + 50 + 50 + 5 * 20) * 4 / 1e6)
    assert told.events[0]["subtype"] == "init"
    assert {e["session_id"] for e in told.events} == {result["session_id"]}


def test_what_was_said_is_sent_again_as_it_was(yard: Yard) -> None:
    yard.run(says(THOUGHT, "a", call("bash", command="true")), says("b"))
    first, second = yard.server.requests
    assert second["messages"][: len(first["messages"])] == first["messages"]
    assert second["messages"][1]["content"][0] == THOUGHT
    for key in ("system", "tools", "model", "thinking", "cache_control"):
        assert first[key] == second[key], "or the cache is missed"
    assert first["system"][0]["cache_control"] == {"type": "ephemeral"}
    assert "tool_choice" not in first


def test_a_tool_that_fails_is_told_to_the_model(yard: Yard) -> None:
    told = yard.run(
        says(
            call("fly", 1),
            call("read", 2),
            call("read", 3, file_path="nowhere"),
            call("bash", 4),
            call("bash", 5, command="echo out; echo err >&2; (exit 7)"),
            call("edit", 6, file_path=["x"], old_string=1, new_string=None),
        ),
        says("ok"),
    )
    assert all(e["is_error"] for e in told.results)
    assert told.results[4]["content"] == "out\nerr\n[exit status 7]"
    assert "there are: bash" in told.results[0]["content"]
    assert told.code == 0


def test_tools_do_not_leave_the_folder(yard: Yard) -> None:
    (yard.home / "secret").write_text("s3cret")
    (yard.work / "link").symlink_to(yard.home)
    (yard.work / ".git").write_text("gitdir: elsewhere\n")
    outside = yard.home / "new"
    told = yard.run(
        says(
            call("read", 1, file_path="../home/secret"),
            call("read", 2, file_path=str(yard.home / "secret")),
            call("read", 3, file_path="link/secret"),
            call("write", 4, file_path="link/new", content="x"),
            call("write", 5, file_path=str(outside), content="x"),
            call("edit", 6, file_path="link/secret", old_string="s", new_string="t"),
            call("write", 7, file_path=".git", content="gitdir: mine"),
            call("write", 8, file_path="sub/../.git/hooks/pre-commit", content="#!/bin/sh"),
            call("glob", 9, pattern="../*"),
        ),
        says(call("grep", 10, pattern="s3cret"), call("glob", 11, pattern="link/*")),
        says("ok"),
    )
    assert all(e["is_error"] for e in told.results[:9])
    assert "s3cret" not in json.dumps(told.results[:9] + told.results[10:])
    assert told.results[9]["content"] == told.results[10]["content"] == "no matches"
    assert not outside.exists()
    assert (yard.work / ".git").read_text() == "gitdir: elsewhere\n"


@pytest.mark.parametrize(
    "tools, bash", [((), False), (("Read", "Write", "Edit", "Bash(git log:*)"), True)]
)
def test_read_only_writes_nothing(yard: Yard, tools: tuple[str, ...], bash: bool) -> None:
    told = yard.run(
        says(call("write", 1, file_path="a", content="x"), call("bash", 2, command="echo hi")),
        says("ok"),
        read_only=True,
        tools=tools,
    )
    offered = {tool["name"] for tool in yard.last["tools"]}
    assert not offered & {"write", "edit"}
    assert ("bash" in offered) == bash
    assert [e["is_error"] for e in told.results] == [True, not bash]
    assert not (yard.work / "a").exists()


def test_the_shell_ends_with_the_session(yard: Yard) -> None:
    yard.run(says(call("bash", command="export MARK=session; sleep 300 &")), says("ok"))
    assert not alive("session")


def test_tools_of_a_role(yard: Yard) -> None:
    yard.run(says("ok"), tools=("Read", "MultiEdit", "WebFetch", "LS"))
    assert [tool["name"] for tool in yard.last["tools"]] == ["read", "edit", "glob"]


# --- what a model takes -----------------------------------------------------------------


@pytest.mark.parametrize(
    "model, effort, sent, thinking",
    [
        ("claude-opus-5-5", "xhigh", "xhigh", True),
        ("claude-opus-4-6", "xhigh", "high", True),
        ("claude-opus-4-5-20251101", "max", "high", False),
        ("claude-haiku-4-5", "high", None, False),
        ("some-local-model", "high", None, False),
        ("claude-sonnet-5-5", "", None, True),
    ],
)
def test_effort_and_thinking_as_the_model_takes_them(
    yard: Yard, model: str, effort: str, sent: str | None, thinking: bool
) -> None:
    yard.run(says("ok", model=model), model=model, effort=effort)
    assert yard.last.get("output_config", {}).get("effort") == sent
    assert ("thinking" in yard.last) == thinking
    assert ("cache_control" in yard.last) == model.startswith("claude")


def test_money_of_an_unknown_model_is_unknown(yard: Yard) -> None:
    told = yard.run(says("ok", model="other"), model="some-local-model")
    assert told.result["total_cost_usd"] is None
    told = yard.run(model="some-local-model", max_usd=1.0)
    assert "no price is known" in told.result["errors"][0]
    assert len(yard.server.requests) == 1


def test_old_results_are_cleared_only_in_long_work(yard: Yard) -> None:
    long = {**USAGE, "cache_read_input_tokens": 2000}
    turns = [says(call("bash", n, command="true")) for n in (1, 2)]
    yard.run(
        *turns, says(call("bash", 3, command="true"), usage=long), says("ok"), clear_above=2000
    )
    betas = [headers.get("anthropic-beta", "") for headers in yard.server.headers]
    assert betas == ["", "", "", "context-management-2025-06-27"]
    (edit,) = yard.last["context_management"]["edits"]
    assert edit["trigger"]["value"] == 2000
    assert len(yard.last["messages"]) == 7, "the conversation itself is whole"


def test_too_long_a_conversation_is_cleared_once_then_fails(yard: Yard) -> None:
    full = says("", stop="model_context_window_exceeded")
    told = yard.run(says(call("bash", command="true")), full, says("ok"))
    assert told.code == 0
    assert "context_management" in yard.last
    told = yard.run(full, full)
    assert told.code == 1
    assert "longer than the model can read" in told.result["errors"][0]


# --- answers ------------------------------------------------------------------------------

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "names": {"type": "array", "items": {"type": "string", "minLength": 2}, "minItems": 1}
    },
    "required": ["names"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("text", ['{"names": ["ab"]}', 'So {"names": 1}', "no JSON"])
def test_a_schema_is_passed_on_and_the_answer_handed_back_as_it_is(yard: Yard, text: str) -> None:
    """Whoever asks judges, and asks again."""
    told = yard.run(says(text), answer_schema=SCHEMA)
    assert (told.code, told.result["result"]) == (0, text)
    assert "structured_output" not in told.result
    sent = yard.last["output_config"]["format"]
    assert sent["type"] == "json_schema"
    assert sent["schema"]["required"] == ["names"]
    assert "minItems" in str(sent["schema"]), "what the server does not know is a description"


# --- how a response stops -----------------------------------------------------------------


def test_a_cut_message_goes_on(yard: Yard) -> None:
    told = yard.run(says("one ", stop="max_tokens"), says("two"))
    assert told.result["result"] == "one two"
    assert yard.last["messages"][-2]["role"] == "assistant"


def test_a_cut_call_is_not_run(yard: Yard) -> None:
    half = says(call("write", file_path="a", content="half"), stop="max_tokens")
    told = yard.run(half, says("ok"))
    assert not (yard.work / "a").exists()
    assert "cut at the limit" in yard.last["messages"][-1]["content"][0]["content"]
    assert told.code == 0


def test_a_cut_thought_is_not_sent_back(yard: Yard) -> None:
    half = {"type": "thinking", "thinking": "let me", "signature": ""}
    yard.run(says(half, "so far", stop="max_tokens"), says("ok"))
    assert yard.last["messages"][1]["content"] == [{"type": "text", "text": "so far"}]
    assert yard.run(says(half, stop="max_tokens")).code == 1


def test_a_model_that_comes_to_no_end(yard: Yard) -> None:
    told = yard.run(*[says("x", stop="max_tokens")] * 5)
    assert told.code == 1
    assert "came to no end" in told.result["errors"][0]
    assert yard.run(*[says("x", stop="pause_turn")] * 2, says("y")).code == 0


def test_a_refusal_is_a_failure_with_its_reason(yard: Yard) -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "looks like malware"}
    told = yard.run(says("I can", stop="refusal", details=details))
    assert (told.code, told.result["is_error"]) == (1, True)
    assert told.result["errors"] == ["the model refused: cyber: looks like malware"]


def test_an_unknown_stop_is_no_success(yard: Yard) -> None:
    assert yard.run(says("x", stop="something_new")).code == 1


# --- caps ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "caps, subtype, turns",
    [
        ({"max_turns": 2}, "error_max_turns", 2),
        ({"max_usd": 0.0013}, "error_max_budget_usd", 2),
        ({"max_tokens": 3000}, "error_max_budget_tokens", 3),
    ],
)
def test_a_cap_stops_before_the_next_response(
    yard: Yard, caps: dict[str, Any], subtype: str, turns: int
) -> None:
    yard.server.always = says(call("bash", command="true"))
    told = yard.run(**caps)
    assert (told.code, told.result["subtype"], told.result["is_error"]) == (1, subtype, True)
    assert len(yard.server.requests) == told.result["num_turns"] == turns


def test_the_model_is_told_when_a_cap_is_near(yard: Yard) -> None:
    turns = [says(call("bash", n, command="true")) for n in (1, 2, 3, 4)]
    yard.run(*turns, says("ok"), max_turns=5)
    turn = yard.last["messages"][-1]
    assert (turn["role"], "Four fifths" in turn["content"][0]["text"]) == ("system", True)
    assert [m["role"] for m in yard.last["messages"]].count("system") == 1
    yard.run(*turns, says("ok", model="m"), max_turns=5, model="m")
    assert [m["role"] for m in yard.last["messages"]].count("system") == 0
    assert "Four fifths" in yard.last["messages"][-1]["content"][-1]["text"]


# --- conversations that go on -------------------------------------------------------------


def test_resume_goes_on_where_it_was(yard: Yard) -> None:
    first = yard.run(says(THOUGHT, call("bash", command="true")), says("done"), system="role A")
    session = first.result["session_id"]
    before = yard.last
    told = yard.run(
        says("again"), prompt="mend it", resume=session, system="role B", model="claude-haiku-4-5"
    )
    assert told.result["session_id"] == session
    assert told.result["num_turns"] == 1
    assert yard.last["model"] == before["model"], "thinking belongs to its model"
    assert yard.last["system"] == before["system"]
    messages = yard.last["messages"]
    assert messages[: len(before["messages"])] == before["messages"]
    assert messages[-2]["content"] == [{"type": "text", "text": "mend it"}]
    assert messages[-1] == {"role": "system", "content": [{"type": "text", "text": "role B"}]}


def test_resume_after_a_kill(yard: Yard) -> None:
    first = yard.run(says("a", call("bash", 7, command="true")), says("done"))
    (path,) = (yard.home / ".wtman-api").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    lines = path.read_bytes().splitlines(keepends=True)
    torn = b"".join(lines[:3]) + lines[3][:20]  # killed while it wrote the tool's result
    path.write_bytes(torn)
    told = yard.run(says("ok"), resume=first.result["session_id"])
    assert told.code == 0
    assert path.read_bytes().startswith(torn), "nothing written is ever changed"
    block = yard.last["messages"][-1]["content"][0]
    assert (block["tool_use_id"], block["is_error"]) == ("toolu_07", True)
    again = yard.run(says("ok"), resume=str(path))
    assert again.code == 0
    assert len(yard.last["messages"]) == 5


@pytest.mark.parametrize("which", ["0000-0000-0000", "../../etc/passwd", "--x"])
def test_a_conversation_that_is_not_there(yard: Yard, which: str) -> None:
    told = yard.run(resume=which)
    assert told.code == 1
    assert "no conversation" in told.result["errors"][0]
    assert not yard.server.requests


def test_a_failed_response_is_not_in_the_conversation(yard: Yard) -> None:
    first = yard.run(says("no", stop="refusal"))
    yard.run(says("ok"), resume=first.result["session_id"])
    assert [m["role"] for m in yard.last["messages"]] == ["user", "user"]
