"""Flows in flows, pipelines, rounds and groups of tasks: killed, edited and resumed for real."""

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests import kit
from tests.cli.test_flows import AGENT, events_of, log_of, run_of
from wtman.journal import events as e
from wtman.model.session import Ended

OUTER = '''\
"""Three deep, each item a flow of its own."""
from wtman.flow import Flow

async def main(flow: Flow):
    done = await flow.map(
        ["a", "b"], lambda name: flow.flow("middle", {"name": name}), on_error="raise"
    )
    return [work for works in done.values for work in works]
'''
MIDDLE = '''\
"""Two inner flows in a group of tasks, and rounds until nothing new comes."""
import asyncio

from wtman.flow import Flow, Inputs

class Args(Inputs):
    name: str

async def main(flow: Flow, args: Args):
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(flow.flow("inner", {"name": args.name, "part": part}))
            for part in ("1", "2")
        ]

    async def find():
        seen = await flow.ask(f"Look at src/{args.name}.txt", returns=SEEN)
        return [seen["path"]]

    new = await flow.until_dry(find)
    if new != [f"src/{args.name}.txt"]:
        raise ValueError(f"{args.name} found {new}")
    return [work for task in tasks for work in task.result()]

SEEN = {
    "type": "object",
    "properties": {"path": {"type": "string"}, "lines": {"type": "integer"}},
    "required": ["path", "lines"],
}
'''
INNER = '''\
"""A file through two stages, and its neighbour beside it."""
import asyncio

from wtman.flow import Flow, Inputs

class Args(Inputs):
    name: str
    part: str

async def main(flow: Flow, args: Args):
    path = f"src/{args.name}{args.part}.txt"

    async def write(item: str):
        return await flow.session(f"Add one to {item}", owns=[item])

    async def more(work, item: str):
        return await flow.session(f"Add two to {item}", on=work)

    through = flow.pipeline([path], write, more, on_error="raise")
    beside = flow.session(f"Add side to {path[:-4]}x.txt", owns=[f"{path[:-4]}x.txt"])
    done, other = await asyncio.gather(through, beside)
    return [*done.values, other]
'''
NAMES = [f"{name}{part}{end}" for name in "ab" for part in ("", "1", "2") for end in ("", "x")]


def world(tmp_path: Path, wtman: kit.Program, name: str) -> Path:
    files = {f"src/{each}.txt": f"src/{each}.txt\n" for each in NAMES}
    inside = {".wtman/flows/middle.py": MIDDLE, ".wtman/flows/inner.py": INNER}
    repo = kit.create_repo(tmp_path / name, {**files, **inside, ".gitignore": ".wtman\n"})
    kit.write_files(tmp_path, {"outer.py": OUTER, "agent.sh": AGENT})
    wtman("trust", "--yes", cwd=repo)
    return repo


def command(tmp_path: Path) -> tuple[Any, ...]:
    agent = f"command:sh {tmp_path / 'agent.sh'}"
    words = ("run", tmp_path / "outer.py", "--agent", agent, "--check", "true", "--yes", "-j", "4")
    return (*words, "--sandbox", "none")


def good(events: list[e.Event]) -> Counter[str]:
    return Counter(
        item.task
        for item in events
        if isinstance(item, e.SessionFinished) and item.ended is Ended.OK
    )


def begun(events: list[e.Event], action: str) -> int:
    return sum(item.action == action for item in events if isinstance(item, e.Intended))


def holds(repo: Path, second: str = "two") -> None:
    for name in "ab":
        for part in "12":
            path = f"src/{name}{part}"
            whole = (repo / f"{path}.txt").read_text()
            assert whole == f"{path}.txt\nAdd one\nAdd {second}\n"
            assert (repo / f"{path}x.txt").read_text() == f"{path}x.txt\nAdd side\n"
        assert (repo / f"src/{name}.txt").read_text() == f"src/{name}.txt\n"


@pytest.mark.slow
def test_flows_three_deep_are_killed_edited_and_resumed(wtman: kit.Program, tmp_path: Path) -> None:
    """Without walls; behind them one is killed by scripts/bench/kills.py (test_flows.py)."""
    repo, chance = world(tmp_path, wtman, "repo"), random.Random(3)
    process = wtman.start(*command(tmp_path), cwd=repo)
    runs = repo / ".git/wtman/runs"
    until = time.monotonic() + 60
    while not runs.is_dir() or not (found := [path.name for path in runs.iterdir()]):
        assert time.monotonic() < until and process.poll() is None, process.communicate()
        time.sleep(0.05)
    run = found[0]
    for _ in range(5):
        seen = len(events_of(repo, run)) + chance.randrange(40)
        while process.poll() is None and len(events_of(repo, run)) < seen:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        process = wtman.start("resume", run, "--yes", cwd=repo)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    assert (
        set(good(events_of(repo, run)).values()) == {1, 2} and len(good(events_of(repo, run))) == 8
    )
    answers = Counter(it.key for it in events_of(repo, run) if isinstance(it, e.StepAnswered))
    # Sessions: 2 x 2 x 3; rounds until nothing new comes: 2 x 3.
    assert len(answers) == 18 and set(answers.values()) == {1}
    steps = wtman("status", run, "--json", cwd=repo).json()["steps"]
    scopes = {tuple(step["scope"]) for step in steps if step["kind"] == "session"}
    assert len(scopes) == 6, "four items, and what is beside two of them"
    asked = begun(events_of(repo, run), "AskStep")
    # An inner flow is edited: what does not hang on the line is not run again.
    inner = repo / ".wtman/flows/inner.py"
    inner.write_text(INNER.replace("Add two", "Add much"))
    refused = wtman(
        "run", tmp_path / "outer.py", "--resume", run, "--yes", cwd=repo, check_status=3
    )
    assert "flow inner (sha256" in refused.err
    wtman("trust", "--yes", cwd=repo)
    told = wtman("run", tmp_path / "outer.py", "--resume", run, "--yes", cwd=repo).out
    assert "8 reused, at least 4 to run, at most 10 no longer asked for" in told
    assert sum(good(events_of(repo, run)).values()) == 16
    assert begun(events_of(repo, run), "AskStep") == asked, "the questions behind are reused"
    wtman("merge", run, cwd=repo)
    holds(repo, "much")
    kit.assert_no_leftover_processes(repo)


EDITED = '''\
"""Look, have it doubted twice in the same words, then build."""
from wtman.flow import Flow

SEEN = {
    "type": "object",
    "properties": {"path": {"type": "string"}, "lines": {"type": "integer"}},
    "required": ["path", "lines"],
}

async def main(flow: Flow):
    async def one(path: str):
        seen = await flow.ask(f"Look at {path}", returns=SEEN)
        again = await flow.gather(*(flow.ask(f"See {path}", returns=SEEN) for _ in range(2)))
        if any(it["path"] != path for it in (seen, *again)):
            raise ValueError(f"{path} got {again}")
        return await flow.session(f"Add one to {path}", owns=[path])

    return (await flow.map(ITEMS, one, on_error="raise")).values
'''


@pytest.mark.slow
def test_each_edit_of_a_flow_runs_the_least(wtman: kit.Program, tmp_path: Path) -> None:
    items = [f"src/f{number}.txt" for number in range(5)]
    repo = kit.create_repo(tmp_path / "repo", {path: f"{path}\n" for path in items})
    kit.write_files(tmp_path, {"agent.sh": AGENT})
    path = tmp_path / "edited.py"

    def script(names: list[str], changed: dict[str, str]) -> None:
        text = EDITED.replace("ITEMS", repr(names))
        for was, now in changed.items():
            assert was in text
            text = text.replace(was, now)
        path.write_text(text)

    def sessions() -> int:
        events = events_of(repo, run)
        return begun(events, "RunSession") + begun(events, "AskStep")

    first = items[1:]
    script(first, {})
    agent = f"command:sh {tmp_path / 'agent.sh'}"
    words = ("run", path, "--agent", agent, "--check", "true", "--yes", "--json")
    run, ran = run_of(wtman(*words, cwd=repo)), 16
    assert sessions() == ran
    look = 'f"Look at {path}"'
    for names, changed, told, runs in (
        (first, {}, "16 reused, 0 to run, 0 no longer", 0),
        (first[::-1], {}, "16 reused, 0 to run, 0 no longer", 0),
        (items, {}, "16 reused, at least 1 to run, 0 no longer", 4),
        (items[1:], {}, "16 reused, 0 to run, 4 no longer", 0),
        (items[2:], {}, "12 reused, 0 to run, 8 no longer", 0),
        (items, {}, "20 reused, 0 to run, 0 no longer", 0),
        (
            items,
            {look: 'f"Look well at {path}" if "f0" in path else ' + look},
            "16 reused, at least 1 to run, at most 4 no longer",
            1,
        ),
        (
            items,
            {"Add one to": "Add two to"},
            "15 reused, at least 5 to run, at most 6 no longer",
            5,
        ),
    ):
        script(names, changed)
        out = wtman("run", path, "--resume", run, "--yes", cwd=repo).out
        assert f"{told} asked for" in out, out
        ran += runs
        assert sessions() == ran, out
    wtman("merge", run, cwd=repo)
    assert log_of(repo, run) == []
    for item in items:
        assert (repo / item).read_text() == f"{item}\nAdd two\n"
