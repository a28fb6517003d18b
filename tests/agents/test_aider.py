"""How aider is called, and what is made of its recorded streams (0.86.2)."""

import json
from dataclasses import replace

import pytest

from tests.agents.recorded import FOLDER, LATE, OK, Want, assert_judged, told
from wtman.agents.aider import AiderAgent
from wtman.agents.stream import without_page
from wtman.agents.transcript import readable
from wtman.model.command import Exit, ExitReason
from wtman.model.ids import TaskId
from wtman.model.session import Job, Usage

JOB = Job(TaskId("t"), 1, "prompt", "/p", "/w", "/h", {"A": "b"}, confined=True)
ONCE, TWICE = Usage(1000, 200, 0.0045), Usage(2000, 400, 0.009)  # requests that it prices
MADE = "I make it.\n\nnew.txt\n```\n<<<<<<< SEARCH\n=======\nhello\n>>>>>>> REPLACE\n```"
CHANGED = (
    "calc.py\n```python\n<<<<<<< SEARCH\n    return a - b\n=======\n    return a + b\n"
    ">>>>>>> REPLACE\n```"
)
UNFIT = "calc.py\n```\n<<<<<<< SEARCH\nnot there at all\nnope\n=======\nhello\n>>>>>>> REPLACE\n```"
CASES = {
    "aider-edit": Want(usage=ONCE, answer=MADE),
    "aider-say": Want(usage=ONCE, answer="hello from the mock"),
    "aider-429": Want(usage=ONCE, answer=MADE),
    "aider-cut": Want(usage=ONCE, answer=MADE),
    # It asked for a file that it had not seen, or was told that its edit does not fit.
    "aider-add": Want(usage=TWICE, answer=CHANGED),
    "aider-bad": Want(usage=TWICE, answer=CHANGED),
    "aider-ask": Want(usage=TWICE, answer=CHANGED),  # in a role that reads: nothing is edited
    "aider-unknown": Want(usage=Usage(1000, 200), answer="hello from the mock"),
    # Its exit status is 0 in all of them.
    "aider-400": Want(OK, "litellm.BadRequestError: OpenAIException - Your credit", "fatal"),
    "aider-401": Want(OK, "litellm.AuthenticationError: AuthenticationError:", "fatal"),
    "aider-403": Want(OK, "litellm.APIError: APIError: OpenAIException - Your account", "fatal"),
    "aider-quota": Want(OK, "litellm.RateLimitError: RateLimitError: OpenAI", "fatal"),
    "aider-500": Want(OK, "litellm.InternalServerError: InternalServerError:", "limited"),
    "aider-ever429": Want(OK, "litellm.RateLimitError: RateLimitError: OpenAI", "limited"),
    "aider-late": Want(LATE, "timed out after 60 s: litellm.InternalServerError", "limited"),
    "aider-empty": Want(OK, "Empty response received from LLM", "", ONCE, ""),
    "aider-unfit": Want(
        OK, "every change that it tried was refused", "", Usage(4000, 800, 0.018), UNFIT
    ),
}


def test_a_page_in_the_place_of_an_answer_is_a_refusal_of_several_lines() -> None:
    agent, state = AiderAgent(), AiderAgent().begin()
    asks = json.dumps({"event": "message_send_starting", "user_id": "u", "properties": {}}).encode()
    page = b"<html><head><title>%s</title></head>"
    refused = b"litellm.%s: OpenAIException - <!DOCTYPE html>"
    for line in (
        asks,
        refused % b"AuthenticationError",
        page % b"401 No",
        b"<body>no</body></html>",
    ):
        state, _ = agent.step(state, line)
    outcome = agent.end(state, OK)
    assert without_page(outcome.fatal).endswith('OpenAIException - a web page, "401 No"')
    for line in (asks, refused % b"APIError", page % b"502", b"Retrying in 0.2 seconds..."):
        state, _ = agent.step(state, line)
    sent = {"event": "message_send", "user_id": "u", "properties": {}}
    for line in (b"It is", b"", b"done.", json.dumps(sent).encode()):
        state, _ = agent.step(state, line)
    assert state.said == "It is\n\ndone."


@pytest.mark.parametrize("name", CASES)
def test_recorded_stream_is_judged_right(name: str) -> None:
    want = CASES[name]
    usd = told(name, want.exit)[0].usage.usd
    assert usd == pytest.approx(want.usage.usd)
    assert_judged(name, replace(want, usage=replace(want.usage, usd=usd)))


def test_every_recording_stands_in_the_table() -> None:
    assert set(CASES) == {path.stem for path in FOLDER.glob("aider-*.jsonl")}


@pytest.mark.parametrize("name", CASES)
def test_a_stream_that_is_cut_is_no_success(name: str) -> None:
    agent = AiderAgent()
    state = agent.begin()
    for line in (FOLDER / f"{name}.jsonl").read_bytes().splitlines():
        if b'"exit"' in line:
            break
        assert not agent.end(agent.step(state, line[: len(line) // 2])[0], OK).ok
        state, _ = agent.step(state, line)
        assert not agent.end(state, OK).ok


def test_a_stop_is_a_stop() -> None:
    outcome, _ = told("aider-edit", Exit(ExitReason.STOPPED, signal=15))
    assert (outcome.ok, outcome.reason) == (False, "stopped")


def test_what_a_session_does_is_told_live() -> None:
    _, seen = told("aider-edit", OK)
    assert [(one.kind, one.text) for one in seen if one.text] == [
        ("says", " ".join(MADE.split())),
        ("does", "Edit new.txt"),
    ]
    _, seen = told("aider-quota", OK)
    assert not [one for one in seen if one.kind == "retry"], "waiting does not mend it"
    _, seen = told("aider-ever429", OK)
    assert [one for one in seen if one.kind == "retry"]


def event(name: str, **told: object) -> bytes:
    return json.dumps({"event": name, "properties": told, "user_id": "u", "time": 1}).encode()


def test_an_answer_is_told_to_the_letter_up_to_its_figures() -> None:
    agent = AiderAgent()
    state = agent.begin()
    for line in (
        event("message_send_starting"),
        b"litellm.RateLimitError: RateLimitError: slow down",
        b"Retrying in 0.2 seconds...",
        b'{"findings": [],',
        b'  "said": "Retrying in a while"}',
        b"",
        b"Tokens: 1.2k sent, 3 received.",
        b"HTTPSConnectionPool(host='x')",
        event("message_send", prompt_tokens=1234, completion_tokens=3, cost=0),
        event("exit", reason="Completed --message-file"),
    ):
        state, _ = agent.step(state, line)
    outcome = agent.end(state, OK)
    assert outcome.answer == '{"findings": [],\n  "said": "Retrying in a while"}'
    assert (outcome.ok, outcome.usage) == (True, Usage(1234, 3, None))


def test_a_request_without_an_answer_is_told_after_those_that_have_one() -> None:
    agent = AiderAgent()
    state = agent.begin()
    for line in (
        event("message_send_starting"),
        event("message_send", prompt_tokens=10, completion_tokens=3, cost=0.1),
        event("message_send_starting"),
        b"litellm.Timeout: Timeout: no answer",
        event("exit", reason="Completed --message-file"),
    ):
        state, _ = agent.step(state, line)
    outcome = agent.end(state, OK)
    assert (outcome.ok, outcome.limited, outcome.usage) == (False, True, Usage(10, 3, 0.1))


def test_who_is_not_signed_in_is_told() -> None:
    """It offers a sign-in that nobody answers, for minutes."""
    agent = AiderAgent()
    words = b"No LLM model was specified and no API keys were provided."
    state, _ = agent.step(agent.begin(), words)
    for ended in (Exit(ExitReason.EXITED, code=1), LATE):
        assert agent.end(state, ended).fatal == words.decode()


# --- the command --------------------------------------------------------------------------------


def test_nothing_of_its_own_stays_and_nothing_runs_by_itself() -> None:
    command = AiderAgent().command(JOB)
    assert {
        "--no-auto-commits",
        "--no-dirty-commits",
        "--no-gitignore",
        "--chat-history-file=/dev/null",
        "--input-history-file=/dev/null",
        "--no-analytics",
        "--no-check-update",
        "--no-auto-test",
        "--no-auto-lint",
        "--load=/dev/null",
    } <= set(command.argv)
    assert command.env["COLUMNS"] == "100000", "an answer is not wrapped"


def test_the_prompt_is_its_input_and_no_command_of_its_own() -> None:
    def fed(prompt: str = "prompt", system: str = "") -> bytes:
        return AiderAgent().command(replace(JOB, prompt=prompt, system=system)).stdin

    assert fed(system="role") == b"role\n\nprompt"
    assert fed(prompt="/run rm -rf .").startswith(b"Do this:")
    assert fed(prompt=" !ls").startswith(b"Do this:")
    assert fed(prompt="bad \udcff byte") == "bad \ufffd byte".encode()
    assert len(fed(prompt="x" * 300_000)) == 300_000


def test_choices_cannot_be_options_and_a_role_that_reads_only_answers() -> None:
    argv = AiderAgent().command(replace(JOB, model="--yes", effort="max", writes=False)).argv
    assert {"--model=--yes", "--reasoning-effort=high", "--edit-format=ask"} <= set(argv)
    assert "--edit-format=ask" not in AiderAgent().command(JOB).argv


def test_people_read_its_words_and_not_its_figures() -> None:
    lines = (FOLDER / "aider-say.jsonl").read_bytes().splitlines()
    assert [readable(line) for line in lines if line.startswith(b"{")].count(()) >= 4
    assert readable(b"hello from the mock") is None, "as it is"
