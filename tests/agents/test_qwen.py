"""How Qwen Code is called, and what is made of its recorded streams (0.15.10)."""

import json
from dataclasses import replace

import pytest

from tests.agents.recorded import FOLDER, LATE, OK, ONE, Want, assert_judged, told
from wtman.agents.qwen import QwenAgent
from wtman.model.ids import TaskId
from wtman.model.session import Job, Usage

JOB = Job(TaskId("t"), 1, "prompt", "/p", "/w", "/h", {"A": "b"}, confined=True)
TWICE = Usage(2280, 40, None, 2000)  # what came from a cache is among the input
CASES = {
    # Its exit status is 0 where it was refused, and it calls that a success.
    "qwen-401": Want(OK, "API Error: 401 invalid x-api-key", "fatal"),
    "qwen-400": Want(OK, "API Error: 400 messages.0: this is not allowed here", answer=""),
    "qwen-unsigned": Want(ONE, "No auth type is selected.", "fatal"),
    "qwen-edit": Want(usage=TWICE, answer="done"),
    "qwen-cut": Want(usage=TWICE, answer="done"),
}


@pytest.mark.parametrize("name", CASES)
def test_recorded_stream_is_judged_right(name: str) -> None:
    assert_judged(name, CASES[name])


def test_every_recording_stands_in_the_table() -> None:
    assert set(CASES) == {path.stem for path in FOLDER.glob("qwen-*.jsonl")}


def test_what_a_session_does_is_told_live() -> None:
    _, seen = told("qwen-edit", OK)
    assert [item.text for item in seen if item.kind == "does"] == ["write_file a.txt"]
    used = [item.usage.tokens for item in seen if item.usage]
    assert used == [1160, 2320, 2320]


def test_figures_that_go_on_over_a_resumed_conversation_are_those_of_its_messages() -> None:
    agent, state = QwenAgent(), QwenAgent().begin()
    for line in (FOLDER / "qwen-edit.jsonl").read_bytes().splitlines():
        event = json.loads(line)
        if event["type"] == "result":
            twice = {name: 2 * number for name, number in event["usage"].items()}
            event["usage"] = twice
        state, _ = agent.step(state, json.dumps(event).encode())
    assert agent.end(state, OK).usage == TWICE


def test_only_a_conversation_with_an_answer_can_be_resumed() -> None:
    assert told("qwen-edit", OK)[0].session
    assert not told("qwen-401", OK)[0].session


def test_a_session_that_was_stopped_while_it_tries_again_says_nothing() -> None:
    agent = QwenAgent()
    ended = agent.end(agent.begin(), LATE)
    assert ended.reason == "timed out after 60 s" and not ended.limited


def test_rights_are_those_of_the_job() -> None:
    agent = QwenAgent()
    assert "--approval-mode=yolo" in agent.command(JOB).argv
    assert "--approval-mode=auto-edit" in agent.command(replace(JOB, confined=False)).argv
    reads = replace(JOB, writes=False)
    assert "--approval-mode=default" in agent.command(reads).argv
    assert "--allowed-tools=run_shell_command" not in agent.command(reads).argv
    shell = replace(reads, tools=("Bash(git *)",))
    assert "--allowed-tools=run_shell_command" in agent.command(shell).argv
    open_ = replace(shell, confined=False)
    assert "--allowed-tools=run_shell_command" not in agent.command(open_).argv


def test_a_key_says_how_it_signs_in() -> None:
    agent = QwenAgent()
    assert "--auth-type=openai" not in agent.command(JOB).argv
    made = agent.command(replace(JOB, env={"OPENAI_API_KEY": "k"}, model="m", resume="id"))
    assert {"--auth-type=openai", "--model=m", "--resume=id"} <= set(made.argv)


def test_its_settings_are_there_and_keep_a_repository_from_starting_programs() -> None:
    path = QwenAgent().command(JOB).env["QWEN_CODE_SYSTEM_SETTINGS_PATH"]
    with open(path, encoding="utf-8") as file:
        settings = json.load(file)
    assert settings["disableAllHooks"] and settings["mcp"] == {"allowed": []}


def test_a_prompt_is_no_command_of_its_own() -> None:
    assert QwenAgent().command(replace(JOB, prompt="/help")).stdin == b"Task: /help"
