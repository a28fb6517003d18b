"""What every file in agents/ promises: a pure fold that takes anything."""

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtman.agents import Activity, Agent, Needs, load
from wtman.agents.stream import parsed
from wtman.formats.codec import from_plain, to_plain
from wtman.model.command import Command, Exit, ExitReason
from wtman.model.ids import TaskId
from wtman.model.session import Cap, Job, Outcome

ARGUMENTS = {"command": "true", "replay": "/recordings"}
RECORDED = sorted((Path(__file__).parent.parent / "transcripts").glob("*.jsonl"))
KNOWN = load.known()
JOB = Job(
    TaskId("billing"), 2, "do it", "/w/prompt.md", "/w/tree", "/w/home", {"PATH": "/bin", "A": "b"}
)


# Options of agents that know no `--option=value`: whatever comes next is their value (measured).
VALUED = {"pi": ("--model", "--session", "--thinking")}


def loaded(name: str) -> Agent:
    argument = ARGUMENTS.get(name)
    return load.load(f"{name}:{argument}" if argument else name)


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


@pytest.mark.parametrize("name", KNOWN)
def test_needs_are_names_and_places_below_home(name: str) -> None:
    agent = loaded(name)
    needs = agent.needs
    assert isinstance(needs, Needs)
    assert isinstance(agent.structured, bool)
    assert isinstance(agent.priced, bool)
    for variable in (*needs.secrets, *needs.env, *needs.endpoints):
        assert variable.isidentifier() and variable.isupper()
        assert variable not in ("PATH", "HOME") and not variable.startswith("WTMAN_")
    assert set(needs.endpoints) <= set(needs.env), "what leads to a provider is handed in"
    assert not set(needs.secrets) & set(needs.env)
    for path in needs.files:
        assert not path.startswith(("/", "~")) and ".." not in path.split("/")
    assert all("/" not in host and ":" not in host for host in needs.hosts)
    if needs.program:
        assert agent.command(JOB).argv[0] == needs.program == needs.version[0]
        assert needs.install and needs.sign_in and needs.hosts
        assert needs.secrets or needs.files


@pytest.mark.parametrize("name", KNOWN)
def test_hostile_words_stay_in_one_argument_each(name: str) -> None:
    """Models, efforts, ids, roles and schemas are values, whatever they begin with."""
    agent = loaded(name)
    mild = replace(
        JOB, model="m", effort="low", resume="id", system="s", schema="{}", tools=("Read",)
    )
    told = agent.command(mild).argv
    for evil in ("--help", "-x", "--", '"; rm -rf ~', "a b\nc", "é\ud800"):
        argv = agent.command(
            replace(
                mild, model=evil, effort=evil, resume=evil, system=evil, schema=json.dumps(evil)
            )
        ).argv
        assert len(argv) == len(told)
        for place, (new, old) in enumerate(zip(argv, told, strict=True)):
            # Bare only behind `--`, where nothing is an option any more, or where it is taken
            # for a value.
            bare = "--" in argv[:place] or argv[place - 1] in VALUED.get(name, ())
            assert new == old or new != evil or bare


@pytest.mark.parametrize("name", KNOWN)
def test_every_kind_of_job_has_its_command(name: str) -> None:
    agent = loaded(name)
    for job in (
        replace(JOB, writes=False),
        replace(JOB, confined=True, writes=False, tools=("Read", "Bash(git log *)")),
        replace(JOB, confined=True, cap=Cap(0.5), max_turns=7, schema='{"type": "object"}'),
        replace(JOB, resume="0192-ab", system="x" * 200_000 + "\0"),
    ):
        command = agent.command(job)
        assert all("\0" not in text for text in command.argv)
        assert max(len(text.encode("utf-8", "replace")) for text in command.argv) < 128 * 1024
        assert job.env.items() <= command.env.items()


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_prefixes_of_any_recording_are_folded(name: str, path: Path) -> None:
    """Its own and those of other agents, cut at each line and in it; the end can be asked
    for at any moment and changes nothing."""
    agent = loaded(name)
    state = agent.begin()
    for line in path.read_bytes().splitlines():
        half, _ = agent.step(state, line[: len(line) // 2])
        agent.end(half, Exit(ExitReason.EXITED, code=0))
        state, activities = agent.step(state, line)
        assert all("\n" not in item.text for item in activities)
        first = agent.end(state, Exit(ExitReason.EXITED, code=0))
        assert from_plain(Outcome, to_plain(first)) == first
        assert json.dumps(to_plain(first)).encode()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
SHAPES = [
    event
    for path in RECORDED
    for line in path.read_bytes().splitlines()[:12]
    if (event := parsed(line)) is not None
]


@pytest.mark.parametrize("name", KNOWN)
@given(data=st.data())
def test_events_with_any_value_anywhere_are_read(name: str, data: st.DataObject) -> None:
    """Well-formed events whose insides are not what they should be."""
    agent = loaded(name)
    state = agent.begin()
    for event in data.draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=4)):
        broken = copy.deepcopy(event)
        at = broken
        while True:
            key = data.draw(st.sampled_from(sorted(at)))
            if isinstance(at[key], dict) and at[key] and data.draw(st.booleans()):
                at = at[key]
                continue
            at[key] = data.draw(JSON)
            break
        state, activities = agent.step(state, json.dumps(broken).encode())
        assert all(isinstance(item, Activity) and "\n" not in item.text for item in activities)
    outcome = agent.end(state, Exit(ExitReason.EXITED, code=0))
    assert outcome.ok == (not outcome.reason)
    assert from_plain(Outcome, to_plain(outcome)) == outcome
