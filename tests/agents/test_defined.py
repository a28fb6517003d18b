"""Agents that a user defines: how they are called, and how their output is read."""

import json
from dataclasses import replace
from typing import Any

import pytest

from wtman.agents import gives_answers, tells_tokens
from wtman.agents.load import load
from wtman.errors import UsageError
from wtman.model.agent_definition import STREAMS, AgentDefinition
from wtman.model.command import Exit, ExitReason
from wtman.model.ids import TaskId
from wtman.model.session import Job

JOB = Job(TaskId("t"), 1, "do it", "/w/prompt.md", "/w/tree", "/w/home", {"PATH": "/bin"})
ENDED = Exit(ExitReason.EXITED, code=0)
CALLED = AgentDefinition(
    command=("x", "run", "{options}", "--", "{prompt}"),
    model=("--model", "{model}"),
    resume=("--resume={session}",),
    system=("--sys={system}",),
    read_only=("--plan",),
    stream="claude-json",
    env=("MODE=auto", "KEY"),
)


def test_options_stand_where_they_are_wanted_and_only_where_there_is_something() -> None:
    agent = load("x", {"x": CALLED})
    assert agent.command(JOB).argv == ("x", "run", "--", "do it")
    job = replace(JOB, model="m", resume="id", system="be kind", writes=False)
    made = agent.command(job)
    assert made.argv[2:-2] == ("--sys=be kind", "--plan", "--model", "m", "--resume=id")
    assert made.stdin == b"" and made.env["MODE"] == "auto"
    assert made.env["WTMAN_PROMPT_FILE"] == "/w/prompt.md"


def test_a_prompt_without_a_place_is_fed_and_the_role_stands_before_it() -> None:
    agent = load("x", {"x": AgentDefinition(("x", "{{task}}", "{task}"))})
    made = agent.command(replace(JOB, system="be kind"))
    assert made.argv == ("x", "{task}", "t")
    assert made.stdin == b"be kind\n\ndo it"


@pytest.mark.parametrize("prompt", ["--help", "x" * 200_000, "a\0b", "\udcff"])
def test_any_prompt_is_one_argument_that_a_program_can_get(prompt: str) -> None:
    argv = load("x", {"x": CALLED}).command(replace(JOB, prompt=prompt)).argv
    assert len(argv) == 4 and not argv[3].startswith("-") and "\0" not in argv[3]
    assert len(argv[3]) < 131_072
    if len(prompt) > 131_072:
        assert "/w/prompt.md" in argv[3]


def test_a_conversation_whose_name_is_an_option_is_not_gone_on_with() -> None:
    assert "--resume" not in str(load("x", {"x": CALLED}).command(replace(JOB, resume="--evil")))


FAILED = Exit(ExitReason.EXITED, code=3)


@pytest.mark.parametrize("stream", STREAMS)
def test_its_stderr_tells_what_the_trouble_was_and_what_it_says_never(stream: str) -> None:
    agent: Any = load("x", {"x": AgentDefinition(("x",), stream=stream)})
    said, _ = agent.step(agent.begin(), b"HTTP 401 unauthorized: the rate limit, says the model")
    quiet = agent.end(said, FAILED)
    assert quiet.reason == "exit status 3" and not quiet.fatal and not quiet.limited
    refused = agent.complains(said, b"HTTP 401: no such key")
    assert not agent.end(refused, ENDED).fatal
    below = agent.complains(agent.complains(refused, b"    at main.js:3"), b"Node.js v20")
    assert agent.end(below, FAILED).fatal == "HTTP 401: no such key"
    limited = agent.complains(below, b"429 too many requests")
    for ended in (FAILED, Exit(ExitReason.TIMEOUT)):
        outcome = agent.end(limited, ended)
        assert outcome.limited and not outcome.fatal, ended
    for ended in (Exit(ExitReason.TIMEOUT), Exit(ExitReason.STOPPED)):
        outcome = agent.end(below, ended)  # it went on after that
        assert not outcome.limited and not outcome.fatal, ended


def test_words_are_what_it_says() -> None:
    agent = load("x", {"x": AgentDefinition(("x",))})
    state, told = agent.step(agent.begin(), b"HTTP 401 unauthorized")
    assert [item.text for item in told] == ["HTTP 401 unauthorized"]
    assert agent.end(state, ENDED).ok
    assert gives_answers(agent) and not tells_tokens(agent)


def test_the_figures_of_a_result_count_where_it_has_none_by_model() -> None:
    """As other CLIs with a stream like Claude Code's tell them."""
    agent = load("x", {"x": replace(CALLED, provider="openai")})
    used = {"input_tokens": 7, "output_tokens": 2, "cache_read_input_tokens": 3}
    spoken = {"type": "assistant", "message": {"id": "m", "content": [], "usage": used}}
    result: dict[str, Any] = {"type": "result", "subtype": "success", "is_error": False}
    for more, wanted in ((used, 12), ({}, 12), ({**used, "input_tokens": 40}, 45)):
        state = agent.begin()
        for event in (spoken, {**result, "usage": more}):
            state, _ = agent.step(state, json.dumps(event).encode())
        outcome = agent.end(state, ENDED)
        assert (outcome.usage.tokens, outcome.cumulative) == (wanted, False)
        assert outcome.usage.usd is None


def test_one_whose_exit_status_is_all_says_nothing() -> None:
    agent = load("x", {"x": AgentDefinition(("x",), stream="exit")})
    assert agent.step(agent.begin(), b"noise")[1] == ()
    assert not gives_answers(agent)


def test_a_known_stream_is_read_as_that_agent_reads_it() -> None:
    agent = load("x", {"x": replace(CALLED, stream="codex-json", provider="openai")})
    state = agent.begin()
    for event in (
        {"type": "thread.started", "thread_id": "s"},
        {"type": "item.completed", "item": {"type": "agent_message", "text": "done"}},
        {"type": "turn.completed", "usage": {"input_tokens": 5, "output_tokens": 2}},
    ):
        state, _ = agent.step(state, json.dumps(event).encode())
    outcome = agent.end(state, ENDED)
    assert (outcome.ok, outcome.session, outcome.answer) == (True, "s", "done")
    assert outcome.usage.tokens == 7 and tells_tokens(agent)


@pytest.mark.parametrize("stream", STREAMS)
def test_every_stream_has_a_reader(stream: str) -> None:
    agent = load("x", {"x": AgentDefinition(("x",), stream=stream)})
    assert agent.end(agent.step(agent.begin(), b"{}")[0], Exit(ExitReason.LOST)).reason


def test_a_name_that_is_nearly_one_is_asked_back() -> None:
    with pytest.raises(UsageError, match='did you mean "goose"'):
        load("gose", {"goose": CALLED})
