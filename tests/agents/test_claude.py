"""How Claude Code is called."""

import json
from dataclasses import replace

from wtman.agents.claude import ClaudeAgent
from wtman.model.command import Exit, ExitReason
from wtman.model.ids import TaskId
from wtman.model.session import Cap, Job, Usage

JOB = Job(TaskId("t"), 1, "prompt", "/p", "/w", "/h", {"A": "b"}, confined=True)


def flag(job: Job, name: str) -> str | None:
    """The value of `--NAME=VALUE`, empty where it has none, None where it is not there."""
    for word in ClaudeAgent().command(job).argv:
        if word.partition("=")[0] == f"--{name}":
            return word.partition("=")[2]
    return None


def test_in_our_sandbox_it_asks_nobody() -> None:
    assert flag(JOB, "dangerously-skip-permissions") == ""
    assert flag(JOB, "permission-mode") is None
    assert ClaudeAgent().command(JOB).env["IS_SANDBOX"] == "1"


def test_without_ours_nothing_is_granted_that_reaches_beyond_the_worktree() -> None:
    alone = replace(JOB, confined=False, tools=("Read", "Edit", "Write", "Bash", "Bash(rm *)"))
    assert flag(alone, "dangerously-skip-permissions") is None
    assert flag(alone, "permission-mode") == "acceptEdits"
    assert flag(alone, "allowedTools") == "Read"
    assert json.loads(flag(alone, "settings") or "")["sandbox"]["enabled"] is True
    assert "IS_SANDBOX" not in ClaudeAgent().command(alone).env
    granted = (flag(replace(alone, tools=()), "allowedTools") or "").split(",")
    assert not {"Edit", "Write", "NotebookEdit", "Bash"} & set(granted)


def test_hooks_of_a_repository_do_not_act() -> None:
    for job in (JOB, replace(JOB, confined=False)):
        assert json.loads(flag(job, "settings") or "")["disableAllHooks"] is True
        assert flag(job, "strict-mcp-config") == ""


def test_who_must_not_write_has_nothing_to_write_with() -> None:
    reader = replace(JOB, writes=False)
    never = (flag(reader, "disallowedTools") or "").split(",")
    assert {"Edit", "Write", "NotebookEdit", "Bash"} <= set(never)
    told = replace(reader, tools=("Read", "Bash(git log *)"))
    assert flag(told, "tools") == "Read,Bash"
    assert "Bash" not in (flag(told, "disallowedTools") or "").split(",")
    assert "Edit" not in (flag(JOB, "disallowedTools") or "").split(",")


def test_caps_and_choices_are_handed_on() -> None:
    job = replace(
        JOB, cap=Cap(0.25), max_turns=3, model="m", effort="high", schema="{}", resume="id"
    )
    told = {name: flag(job, name) for name in (
        "max-budget-usd", "max-turns", "model", "effort", "json-schema", "resume"
    )}  # fmt: skip
    assert list(told.values()) == ["0.250000", "3", "m", "high", "{}", "id"]
    assert flag(JOB, "resume") is None
    assert ClaudeAgent().command(job).stdin == b"prompt"


def test_a_user_can_say_how_patient_it_is() -> None:
    env = {"CLAUDE_CODE_MAX_RETRIES": "9"}
    assert ClaudeAgent().command(replace(JOB, env=env)).env["CLAUDE_CODE_MAX_RETRIES"] == "9"
    assert ClaudeAgent().command(JOB).env["CLAUDE_CODE_MAX_RETRIES"] == "5"


def test_attach_goes_on_with_the_conversation_or_not_at_all() -> None:
    agent = ClaudeAgent()
    assert agent.attach(JOB) is None
    command = agent.attach(replace(JOB, resume="id"))
    assert command is not None
    assert "--resume=id" in command.argv
    assert "-p" not in command.argv


def test_one_denied_edit_among_others_is_no_failure() -> None:
    """Only a session in which no edit went well is one."""
    agent = ClaudeAgent()
    denied = {
        "type": "result",
        "subtype": "success",
        "is_error": False,
        "permission_denials": [{"tool_name": "Edit"}],
    }
    use = [{"type": "tool_use", "id": "1", "name": "Edit", "input": {}}]
    for failed in (False, True):
        answer = [{"type": "tool_result", "tool_use_id": "1", "is_error": failed}]
        state = agent.begin()
        for event in (
            {"type": "assistant", "message": {"id": "m", "content": use}},
            {"type": "user", "message": {"content": answer}},
            denied,
        ):
            state, _ = agent.step(state, json.dumps(event).encode())
        assert agent.end(state, Exit(ExitReason.EXITED, code=0)).ok is not failed


def test_under_a_cap_of_tokens_what_a_message_wrote_is_known_before_it_is_told_as_a_whole() -> None:
    """Whole messages come with the figures of their beginning (2.1.330)."""
    agent = ClaudeAgent()
    capped = agent.command(replace(JOB, cap=Cap(tokens=1000))).argv
    assert "--include-partial-messages" in capped
    assert "--include-partial-messages" not in agent.command(JOB).argv
    begun = {"input_tokens": 100, "cache_read_input_tokens": 1000, "output_tokens": 1}
    whole = {"type": "assistant", "message": {"id": "m", "model": "x", "usage": begun}}
    end = {"type": "message_delta", "usage": {"output_tokens": 700}}
    written = {"type": "stream_event", "event": end, "api_message_id": "m"}
    state = agent.begin()
    for event in (whole, written, whole):  # in whatever order they come
        state, told = agent.step(state, json.dumps(event).encode())
    assert told[-1].usage == Usage(1100, 700, None, 1000)
