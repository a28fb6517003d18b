"""Naming an agent, and programs as agents."""

import pytest

from wtman import agents
from wtman.agents import load as load_module
from wtman.errors import UsageError
from wtman.model.command import Command, Exit, ExitReason
from wtman.model.ids import TaskId
from wtman.model.session import Job, Outcome
from wtman.sandbox import choice
from wtman.sandbox.policy import SandboxPolicy

JOB = Job(TaskId("t"), 1, "prompt é\n", "/p", "/w", "/h", {"WTMAN_RUN": "r"})


def test_program_gets_the_prompt_on_stdin_and_in_a_file() -> None:
    command = load_module.load("command:ruff check --fix 'a b' $HOME").command(JOB)
    assert command == Command(
        ("ruff", "check", "--fix", "a b", "$HOME"),
        "/w",
        {"WTMAN_RUN": "r", "WTMAN_PROMPT_FILE": "/p"},
        "prompt é\n".encode(),
    )


def test_what_it_prints_is_what_it_says() -> None:
    agent = load_module.load("command:x")
    assert [activity.text for activity in agent.step(None, b" hi\xff ")[1]] == ["hi\ufffd"]
    assert agent.step(None, b"  \r")[1] == ()
    assert len(agent.step(None, b"x" * 9999)[1][0].text) == 400


@pytest.mark.parametrize("ended, outcome", [
    (Exit(ExitReason.EXITED, code=0), Outcome(True)),
    (Exit(ExitReason.EXITED, code=3), Outcome(False, "exit status 3")),
    (Exit(ExitReason.EXITED, signal=11), Outcome(False, "killed by SIGSEGV")),
    (Exit(ExitReason.EXITED, signal=99), Outcome(False, "killed by signal 99")),
    (
        Exit(ExitReason.TIMEOUT, signal=2, started=100, ended=160.2),
        Outcome(False, "timed out after 60 s"),
    ),
    (
        Exit(ExitReason.UNSTARTED, detail="x: No such file"),
        Outcome(False, "could not be started: x: No such file"),
    ),
])  # fmt: skip
def test_exit_status_is_the_outcome(ended: Exit, outcome: Outcome) -> None:
    assert load_module.load("command:x").end(None, ended) == outcome


@pytest.mark.parametrize("spec", ["command:", "command", "command:'open", "replay:", "replay"])
def test_incomplete_specs_are_refused(spec: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_module.load(spec)
    assert caught.value.hint


def test_files_in_a_spec_are_meant_from_where_it_was_said() -> None:
    assert agents.anchored("replay:demo/x.jsonl", "/srv/u") == "replay:/srv/u/demo/x.jsonl"
    assert agents.anchored("replay:../x", "/srv/u") == "replay:/srv/x"
    for spec in ("replay:/abs/x", "replay:", "command:./x y", "claude", "pkg.mod:replay"):
        assert agents.anchored(spec, "/srv/u") == spec


@pytest.mark.parametrize("spec", ["", "nosuch", "nosuch:x", "Command:x", "a/b", "__init__", "-x"])
def test_unknown_names_are_refused_with_the_known_ones(spec: str) -> None:
    with pytest.raises(UsageError, match="no agent") as caught:
        load_module.load(spec)
    assert f"known: {', '.join(load_module.known())};" in caught.value.hint


@pytest.mark.parametrize("spec", ["tests.agents.scripted:AGENT", "tests.agents.scripted"])
def test_dotted_path_names_one_outside(spec: str) -> None:
    assert load_module.load(spec).name == "scripted"


@pytest.mark.parametrize("spec", ["no.such.module:x", "../x", "..", "tests.agents.scripted:nope"])
def test_dotted_path_to_nothing_is_refused(spec: str) -> None:
    with pytest.raises(UsageError, match="no agent"):
        load_module.load(spec)


def test_no_sandbox_changes_nothing() -> None:
    command = Command(("x",), "/w", {"A": "b"}, b"in")
    none = choice.load("none")
    assert none.probe() == ""
    assert none.wrap(command, SandboxPolicy(write=("/w",), network="off")) == command
