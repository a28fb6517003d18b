"""How Gemini CLI is called, and what is made of its recorded streams (0.61.0)."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.agents.recorded import FOLDER, LATE, OK, Want, assert_judged, told
from wtman.agents.gemini import GeminiAgent
from wtman.model.command import Exit, ExitReason
from wtman.model.ids import TaskId
from wtman.model.session import Job, Usage

JOB = Job(TaskId("t"), 1, "prompt", "/p", "/w", "/h", {"A": "b"}, confined=True)
ENDED = {code: Exit(ExitReason.EXITED, code=code) for code in (144, 145, 173)}
E4 = Usage(4000, 800, 0.013)  # four requests of 1,000 and 200 tokens
CASES = {
    "gemini-400": Want(ENDED[144], "Your credit balance is too low", "fatal"),
    "gemini-401": Want(ENDED[145], "invalid x-api-key (status 401)", "fatal"),
    "gemini-429": Want(usage=E4),
    "gemini-500": Want(LATE, "timed out after 60 s: Internal server error (status", "limited"),
    "gemini-ALWAYS429": Want(LATE, "timed out after 60 s: Rate limited (mock)", "limited"),
    "gemini-DROP": Want(usage=E4),
    "gemini-SIGTERM": Want(Exit(ExitReason.STOPPED, code=0), "stopped", answer=""),
    "gemini-edit": Want(usage=E4),
    "gemini-s1": Want(usage=Usage(1000, 200, 0.00325), answer="hello from the mock"),
    # Of a resumed conversation it tells this session's part alone.
    "gemini-s2": Want(usage=Usage(3000, 600, 0.00975)),
}


@pytest.mark.parametrize("name", CASES)
def test_recorded_stream_is_judged_right(name: str) -> None:
    assert_judged(name, CASES[name])


def test_every_recording_stands_in_the_table() -> None:
    assert set(CASES) == {path.stem for path in FOLDER.glob("gemini-*.jsonl")}


@pytest.mark.parametrize("name", CASES)
def test_a_stream_that_is_cut_is_no_success(name: str) -> None:
    agent = GeminiAgent()
    state = agent.begin()
    for line in (FOLDER / f"{name}.jsonl").read_bytes().splitlines():
        if b'"type":"result"' in line:
            break
        assert not agent.end(agent.step(state, line[: len(line) // 2])[0], OK).ok
        state, _ = agent.step(state, line)
        assert not agent.end(state, OK).ok


def test_a_warning_after_which_nothing_comes_is_why_it_ended() -> None:
    agent, state = GeminiAgent(), GeminiAgent().begin()
    said = {"type": "message", "role": "assistant", "content": "on and on", "delta": True}
    loop = {"type": "error", "severity": "warning", "message": "Loop detected, stopping execution"}
    for event in (said, loop, {"type": "result", "status": "success", "stats": {}}):
        state, _ = agent.step(state, json.dumps(event).encode())
    assert agent.end(state, OK).reason == "Loop detected, stopping execution"
    for event in (said, {"type": "result", "status": "success", "stats": {}}):
        state, _ = agent.step(state, json.dumps(event).encode())
    assert agent.end(state, OK).ok


def test_only_a_conversation_with_an_answer_can_be_resumed() -> None:
    assert told("gemini-s1", OK)[0].session == told("gemini-s2", OK)[0].session != ""
    assert told("gemini-401", ENDED[145])[0].session == ""


def test_what_a_session_does_is_told_once_it_is_whole() -> None:
    _, seen = told("gemini-edit", OK)
    assert [activity.text for activity in seen if activity.kind in ("says", "does")] == [
        "I will read the file.",
        "read_file calc.py",
        "replace calc.py",
        "run_shell_command git add -A && git commit -q -m 'fix add' && git log --oneline",
        "Fixed add() and committed.",
    ]


def test_a_refusal_of_before_is_no_reason_while_a_tool_runs() -> None:
    agent = GeminiAgent()
    state = agent.begin()
    for line in (FOLDER / "gemini-SIGTERM.jsonl").read_bytes().splitlines():
        state, _ = agent.step(state, line)
    for line in (FOLDER / "gemini-500.stderr").read_bytes().splitlines():
        state = agent.complains(state, line)
    ended = agent.end(state, LATE)
    assert ended.reason == "timed out after 60 s" and not ended.limited


def test_a_quota_of_a_minute_is_waited_for() -> None:
    said = "You exceeded your current quota, please check your plan and billing details."
    for message, kind in ((said, "fatal"), (f"{said} Please retry in 36.1s.", "limited")):
        event = {"type": "result", "status": "error", "error": {"message": message}}
        agent = GeminiAgent()
        state, _ = agent.step(agent.begin(), json.dumps(event).encode())
        outcome = agent.end(state, ENDED[173])
        assert (bool(outcome.fatal), outcome.limited) == (kind == "fatal", kind == "limited")


def test_thoughts_are_output_and_each_model_has_its_price() -> None:
    models = {
        "gemini-2.5-pro": {"total_tokens": 1300, "input_tokens": 1000, "output_tokens": 100},
        "nobody-knows": {"total_tokens": 3, "input_tokens": 2, "output_tokens": 1},
    }
    for known in (True, False):
        event = {"type": "result", "status": "success", "stats": {"models": models}}
        agent = GeminiAgent()
        state, _ = agent.step(agent.begin(), json.dumps(event).encode())
        outcome = agent.end(state, OK)
        assert outcome.model == "gemini-2.5-pro"
        if known:
            assert outcome.usage == Usage(1002, 301)
            del models["nobody-knows"]
        else:
            assert outcome.usage == Usage(1000, 300, 0.00425)


def test_rights_are_those_of_the_job() -> None:
    def rights(job: Job) -> tuple[str, ...]:
        return GeminiAgent().command(job).argv[2:]

    assert rights(JOB) == ("--skip-trust", "--approval-mode=yolo")
    assert rights(replace(JOB, confined=False)) == ("--skip-trust", "--approval-mode=auto_edit")
    reads = replace(JOB, writes=False)
    asks = ("--skip-trust", "--approval-mode=default")
    assert rights(reads) == rights(replace(reads, tools=("Read",))) == asks
    shell = replace(reads, tools=("Read", "Bash"))
    assert rights(shell) == (*asks, "--allowed-tools=run_shell_command")
    assert rights(replace(shell, confined=False)) == asks


def test_its_settings_are_files_that_are_there() -> None:
    env = GeminiAgent().command(JOB).env
    told = json.loads(Path(env["GEMINI_CLI_SYSTEM_SETTINGS_PATH"]).read_text())
    assert told["hooksConfig"] == {"enabled": False} and told["admin"]["mcp"]["enabled"] is False
    assert "GEMINI_CLI_SYSTEM_DEFAULTS_PATH" not in env
    keyed = replace(JOB, env={"GEMINI_API_KEY": "k"})
    place = GeminiAgent().command(keyed).env["GEMINI_CLI_SYSTEM_DEFAULTS_PATH"]
    assert json.loads(Path(place).read_text())["security"]["auth"]
    other = replace(JOB, env={"GEMINI_API_KEY": "k", "GOOGLE_GENAI_USE_VERTEXAI": "true"})
    assert "GEMINI_CLI_SYSTEM_DEFAULTS_PATH" not in GeminiAgent().command(other).env


def test_a_prompt_is_never_a_command_of_its_own() -> None:
    for prompt, fed in (("/quit", b"Task: /quit"), ("do /quit", b"do /quit")):
        assert GeminiAgent().command(replace(JOB, prompt=prompt)).stdin == fed
    assert GeminiAgent().command(replace(JOB, system="role")).stdin == b"role\n\nprompt"
