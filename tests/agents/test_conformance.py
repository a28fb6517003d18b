"""What every file in agents/ promises: a pure fold that takes anything."""

import copy
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtman import agents
from wtman.agents import Activity, Agent
from wtman.core.codec import from_plain, to_plain
from wtman.core.model import Command, Exit, ExitReason, Job, Outcome, TaskId

ARGUMENTS = {"command": "true", "replay": "/recordings"}
KNOWN = agents.known()
JOB = Job(
    TaskId("billing"), 2, "do it", "/w/prompt.md", "/w/tree", "/w/home", {"PATH": "/bin", "A": "b"}
)


def loaded(name: str) -> Agent:
    argument = ARGUMENTS.get(name)
    return agents.load(f"{name}:{argument}" if argument else name)


def test_the_folder_is_not_empty() -> None:
    assert {"command", "replay"} <= set(KNOWN)


@pytest.mark.parametrize("name", KNOWN)
def test_command_is_plain_data_in_the_worktree(name: str) -> None:
    agent = loaded(name)
    job = copy.deepcopy(JOB)
    command = agent.command(job)
    assert agent.name == name
    assert command.cwd == JOB.worktree
    assert command.argv
    assert all(isinstance(text, str) and "\0" not in text for text in command.argv)
    assert JOB.env.items() <= command.env.items()
    plain = replace(command, stdin=b"")
    assert from_plain(Command, to_plain(plain)) == plain
    assert job == JOB, "the job is not changed"
    assert agent.command(job) == command, "the same job gives the same command"


@pytest.mark.parametrize("name", KNOWN)
def test_prompt_cannot_become_an_option(name: str) -> None:
    """However a prompt begins, as many arguments and none that is new."""
    agent = loaded(name)
    plain = agent.command(JOB)
    for prompt in ("--help", "-x", "@file", "; rm -rf .", "\udcff"):
        job = Job(JOB.task, 2, prompt, JOB.prompt_file, JOB.worktree, JOB.home, JOB.env)
        argv = agent.command(job).argv
        assert len(argv) == len(plain.argv)
        changed = [new for new, old in zip(argv, plain.argv, strict=True) if new != old]
        assert all(prompt in text and text != prompt for text in changed)


@pytest.mark.parametrize("name", KNOWN)
@given(lines=st.lists(st.binary(max_size=60), max_size=6))
def test_any_stream_is_read(name: str, lines: list[bytes]) -> None:
    agent = loaded(name)
    states = [agent.begin(), agent.begin()]
    for line in lines:
        for n in (0, 1):
            states[n], activities = agent.step(states[n], line)
            assert all(isinstance(item, Activity) and "\n" not in item.text for item in activities)
    first, second = (agent.end(state, Exit(ExitReason.EXITED, code=0)) for state in states)
    assert first == second, "a fold has no memory of its own"
    assert from_plain(Outcome, to_plain(first)) == first


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize(
    "ended",
    [
        Exit(ExitReason.EXITED, code=1),
        Exit(ExitReason.EXITED, signal=9),
        Exit(ExitReason.TIMEOUT, signal=15),
        Exit(ExitReason.TIMEOUT, code=0),
        Exit(ExitReason.STOPPED, code=0),
        Exit(ExitReason.OUTPUT, code=0),
        Exit(ExitReason.UNSTARTED, detail="x: No such file or directory"),
        Exit(ExitReason.LOST, detail="y"),
    ],
)
def test_no_such_end_is_a_success(name: str, ended: Exit) -> None:
    agent = loaded(name)
    outcome = agent.end(agent.begin(), ended)
    assert not outcome.ok
    assert outcome.reason
    assert "\n" not in outcome.reason
