"""How pi is called, and what is made of its recorded streams (0.73.1).

What its stream repeats (`message_update`) is not in the recordings, as in a session.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.agents.recorded import FOLDER, OK, Want, assert_judged, told
from wtman.agents.pi import PiAgent
from wtman.agents.transcript import readable
from wtman.model.command import Exit, ExitReason
from wtman.model.ids import TaskId
from wtman.model.session import Job, Usage

JOB = Job(TaskId("t"), 1, "prompt", "/p", "/w", "/h", {"A": "b"}, confined=True)
E4 = Usage(4000, 800, 0.04)  # four requests of 1,000 and 200 tokens
NOTHING = {"role": "assistant", "content": [], "usage": {"output": 0}, "stopReason": "stop"}
CASES = {
    # Its exit status is 0 in each case.
    "pi-400": Want(OK, "Your credit balance is too low", "fatal"),
    "pi-401": Want(OK, "invalid x-api-key (status 401)", "fatal"),
    "pi-429": Want(usage=E4),
    "pi-500": Want(OK, "Internal server error (status 500)", "limited"),
    "pi-ALWAYS429": Want(OK, "Rate limited (mock) (status 429)", "limited"),
    "pi-DROP": Want(usage=E4),
    "pi-SIGTERM": Want(
        Exit(ExitReason.STOPPED, code=143), "stopped", "", Usage(1000, 200, 0.01), ""
    ),
    "pi-edit": Want(usage=E4),
    "pi-s1": Want(usage=Usage(1000, 200, 0.01), answer="hello from the mock"),
    # Of a resumed conversation it tells this session's messages alone.
    "pi-s2": Want(usage=Usage(3000, 600, 0.03)),
}


def test_an_answer_of_nothing_is_no_answer() -> None:
    agent, state = PiAgent(), PiAgent().begin()
    for used, why in ((3, ""), (0, "the provider gave an empty answer")):
        message = {**NOTHING, "usage": {"output": used}}
        for event in ({"type": "message_end", "message": message}, {"type": "agent_end"}):
            state, _ = agent.step(state, json.dumps(event).encode())
        assert agent.end(state, OK).reason == why


@pytest.mark.parametrize("name", CASES)
def test_recorded_stream_is_judged_right(name: str) -> None:
    assert_judged(name, CASES[name])


def test_every_recording_stands_in_the_table() -> None:
    assert set(CASES) == {path.stem for path in FOLDER.glob("pi-*.jsonl")}


@pytest.mark.parametrize("name", CASES)
def test_a_stream_that_is_cut_is_no_success(name: str) -> None:
    agent = PiAgent()
    state = agent.begin()
    lines = (FOLDER / f"{name}.jsonl").read_bytes().splitlines()
    for line in lines[:-1]:
        assert not agent.end(agent.step(state, line[: len(line) // 2])[0], OK).ok
        state, _ = agent.step(state, line)
        assert not agent.end(state, OK).ok


def test_only_a_conversation_with_an_answer_can_be_resumed() -> None:
    assert told("pi-s1", OK)[0].session == told("pi-s2", OK)[0].session != ""
    assert told("pi-401", OK)[0].session == ""


def test_what_a_session_does_is_told_live() -> None:
    _, seen = told("pi-edit", OK)
    assert [activity.text for activity in seen if activity.kind in ("says", "does")] == [
        "I will read the file.",
        "read calc.py",
        "edit calc.py",
        "bash git add -A && git commit -q -m 'fix add' && git log --oneline",
        "Fixed add() and committed.",
    ]
    counted = [one.usage for one in seen if one.usage is not None]
    assert [usage.input_tokens for usage in counted] == [1000, 2000, 3000, 4000]
    _, seen = told("pi-ALWAYS429", OK)
    assert [one.wait for one in seen if one.kind == "retry"] == [2.0, 4.0, 8.0]


def test_its_words_are_readable() -> None:
    lines = (FOLDER / "pi-edit.jsonl").read_bytes().splitlines()
    told = [readable(line) for line in lines]
    said = [word for words in told for word in (words or ())]
    assert said[:2] == ["I will read the file.", "> read calc.py"]
    assert said[-1] == "Fixed add() and committed."
    assert None not in told, "every event is known"


def test_killed_while_it_was_refused_it_would_have_gone_on_so() -> None:
    agent = PiAgent()
    state = agent.begin()
    for line in (FOLDER / "pi-500.jsonl").read_bytes().splitlines()[:-6]:
        state, _ = agent.step(state, line)
    late = Exit(ExitReason.TIMEOUT, signal=15, started=0, ended=9)
    outcome = agent.end(state, late)
    assert outcome.limited
    assert outcome.reason == "timed out after 9 s: Internal server error (status 500)"


@pytest.mark.parametrize("stopped", ["length", "toolUse", ""])
def test_a_message_that_broke_off_is_no_success(stopped: str) -> None:
    message = {"role": "assistant", "stopReason": stopped, "content": []}
    agent = PiAgent()
    state, _ = agent.step(
        agent.begin(), json.dumps({"type": "message_end", "message": message}).encode()
    )
    state, _ = agent.step(state, b'{"type": "agent_end"}')
    assert "in the middle" in agent.end(state, OK).reason


def test_a_model_without_a_price_costs_what_nobody_knows() -> None:
    usage = {"input": 10, "output": 5, "cacheRead": 20, "cacheWrite": 3, "cost": {"total": 0}}
    message = {"role": "assistant", "stopReason": "stop", "content": [], "usage": usage}
    agent = PiAgent()
    event = json.dumps({"type": "message_end", "message": message}).encode()
    state, _ = agent.step(agent.begin(), event)
    assert agent.end(state, OK).usage == Usage(33, 5, None, 20)


def test_rights_are_those_of_the_job() -> None:
    def tools(job: Job) -> str:
        argv = PiAgent().command(job).argv
        return argv[argv.index("--tools") + 1] if "--tools" in argv else ""

    assert tools(JOB) == ""
    reads = replace(JOB, writes=False)
    assert tools(reads) == "read,grep,find,ls"
    assert tools(replace(reads, tools=("Read", "Bash"))) == "read,grep,find,ls,bash"
    assert tools(replace(reads, tools=("Bash",), confined=False)) == "read,grep,find,ls"


def test_what_it_repeats_is_kept_from_its_stream_alone() -> None:
    env = PiAgent().command(JOB).env
    place = env["NODE_OPTIONS"].removeprefix('--require "').removesuffix('"')
    assert Path(place).is_file()
    own = replace(JOB, env={"NODE_OPTIONS": "--max-old-space-size=99"})
    assert PiAgent().command(own).env["NODE_OPTIONS"] == "--max-old-space-size=99"


def test_a_prompt_is_never_a_command_of_its_own() -> None:
    for prompt, fed in (("/skill:x", b"Task: /skill:x"), ("a /b", b"a /b")):
        assert PiAgent().command(replace(JOB, prompt=prompt)).stdin == fed
