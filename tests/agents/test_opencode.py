"""How OpenCode is called, and what is made of its recorded streams (1.18.33)."""

import json
from dataclasses import replace

import pytest

from tests.agents.recorded import FOLDER, LATE, OK, ONE, Want, assert_judged, told
from wtman.agents.opencode import OpencodeAgent
from wtman.agents.transcript import readable
from wtman.model.command import Exit, ExitReason
from wtman.model.ids import TaskId
from wtman.model.session import Job, Usage

JOB = Job(TaskId("t"), 1, "prompt", "/p", "/w", "/h", {"A": "b"}, confined=True)
E4 = Usage(4000, 800, 0.04)  # four requests of 1,000 and 200 tokens
CASES = {
    "opencode-400": Want(ONE, "Your credit balance is too low", "fatal"),
    "opencode-401": Want(ONE, "invalid x-api-key", "fatal"),
    "opencode-429": Want(usage=E4),
    # It prints nothing; its log does.
    "opencode-500": Want(LATE, "timed out after 60 s: Internal server error", "limited"),
    "opencode-ALWAYS429": Want(ONE, "Rate limited (mock)", "limited"),
    "opencode-DROP": Want(usage=E4),
    "opencode-SIGTERM": Want(Exit(ExitReason.STOPPED, signal=15), "stopped", answer=""),
    "opencode-edit": Want(usage=E4),
    "opencode-s1": Want(usage=Usage(1000, 200, 0.01), answer="hello from the mock"),
    # Of a resumed conversation it tells this session's steps alone.
    "opencode-s2": Want(usage=Usage(3000, 600, 0.03)),
}


@pytest.mark.parametrize("name", CASES)
def test_recorded_stream_is_judged_right(name: str) -> None:
    assert_judged(name, CASES[name])


def test_every_recording_stands_in_the_table() -> None:
    assert set(CASES) == {path.stem for path in FOLDER.glob("opencode-*.jsonl")}


@pytest.mark.parametrize("name", CASES)
def test_a_stream_that_is_cut_is_no_success(name: str) -> None:
    agent = OpencodeAgent()
    state = agent.begin()
    for line in (FOLDER / f"{name}.jsonl").read_bytes().splitlines()[:-1]:
        assert not agent.end(agent.step(state, line[: len(line) // 2])[0], OK).ok
        state, _ = agent.step(state, line)
        assert not agent.end(state, OK).ok


def test_only_a_conversation_with_an_answer_can_be_resumed() -> None:
    assert told("opencode-s1", OK)[0].session == told("opencode-s2", OK)[0].session != ""
    assert told("opencode-401", ONE)[0].session == ""


def test_what_a_session_does_is_told_live() -> None:
    _, seen = told("opencode-edit", OK)
    assert [activity.text for activity in seen if activity.kind in ("says", "does")] == [
        "I will read the file.",
        "read calc.py",
        "edit calc.py",
        "bash git add -A && git commit -q -m 'fix add' && git log --oneline",
        "Fixed add() and committed.",
    ]
    counted = [one.usage for one in seen if one.usage is not None]
    assert [usage.input_tokens for usage in counted] == [1000, 2000, 3000, 4000]


def test_its_words_are_readable() -> None:
    lines = (FOLDER / "opencode-edit.jsonl").read_bytes().splitlines()
    told = [readable(line) for line in lines]
    assert None not in told, "every event is known"
    said = [word for words in told for word in (words or ())]
    assert said[:2] == ["I will read the file.", "> read calc.py"]
    assert said[-1] == "Fixed add() and committed."


def test_a_refusal_that_passed_is_no_reason() -> None:
    agent = OpencodeAgent()
    line = (FOLDER / "opencode-500.stderr").read_bytes().splitlines()[-1]
    step = {"sessionID": "s", "part": {"reason": "tool-calls"}, "type": "step_finish"}
    for later, limited in ((-1, True), (1, False)):
        moment = 1796123837089 + later * 1000
        state, _ = agent.step(agent.begin(), json.dumps({**step, "timestamp": moment}).encode())
        assert agent.end(agent.complains(state, line), LATE).limited == limited


@pytest.mark.parametrize("reason", ["length", "tool-calls", "content-filter", ""])
def test_a_step_that_is_no_last_one_is_no_success(reason: str) -> None:
    agent = OpencodeAgent()
    event = {"type": "step_finish", "part": {"reason": reason}}
    state, _ = agent.step(agent.begin(), json.dumps(event).encode())
    assert "in the middle" in agent.end(state, OK).reason


def test_answers_that_end_in_the_middle_are_why_it_took_so_long() -> None:
    agent, state = OpencodeAgent(), OpencodeAgent().begin()
    over = {"type": "step_finish", "sessionID": "s", "part": {"reason": "unknown"}}
    state, _ = agent.step(state, json.dumps(over).encode())
    assert agent.end(state, LATE).reason.endswith(": the provider's answers end in the middle")


def test_what_it_thought_is_output_and_no_price_is_unknown() -> None:
    tokens = {"input": 10, "output": 5, "reasoning": 7, "cache": {"read": 20, "write": 3}}
    event = {"type": "step_finish", "part": {"reason": "stop", "tokens": tokens, "cost": 0}}
    agent = OpencodeAgent()
    state, _ = agent.step(agent.begin(), json.dumps(event).encode())
    assert agent.end(state, OK).usage == Usage(33, 12, None, 20)


def test_rights_are_those_of_the_job() -> None:
    def rights(job: Job) -> tuple[bool, dict[str, str]]:
        command = OpencodeAgent().command(job)
        told = json.loads(command.env["OPENCODE_CONFIG_CONTENT"])
        return "--auto" in command.argv, told["permission"]

    assert rights(JOB) == (True, {"external_directory": "allow"})
    alone = replace(JOB, confined=False)
    assert rights(alone) == (False, {"external_directory": "deny", "bash": "deny"})
    reads = replace(JOB, writes=False)
    none = {"external_directory": "allow", "edit": "deny", "bash": "deny"}
    assert rights(reads) == (True, none)
    shell = replace(reads, tools=("Read", "Bash"))
    assert rights(shell) == (True, {"external_directory": "allow", "edit": "deny"})


def test_the_configuration_of_a_repository_is_left_out_and_its_instructions_count() -> None:
    env = OpencodeAgent().command(JOB).env
    assert env["OPENCODE_DISABLE_PROJECT_CONFIG"] == "1"
    told = json.loads(env["OPENCODE_CONFIG_CONTENT"])
    assert told["instructions"] == ["/w/AGENTS.md", "/w/CLAUDE.md"]
    assert (told["share"], told["autoupdate"], told["snapshot"]) == ("disabled", False, False)
